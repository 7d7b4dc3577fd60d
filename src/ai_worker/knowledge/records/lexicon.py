"""How columns are called and asked for; the words are in `lexicon.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ai_worker.foundation.text import fold


@dataclass(frozen=True, slots=True)
class Asked:
    """How a column is asked for by the kind of thing that stands in it."""

    words: tuple[str, ...]
    """The question words: `谁`."""

    matter: frozenset[str]
    """Characters of the heading, one of which has to be said, too: those of `签约` in 签约人."""

    def said(self, text: str) -> int:
        """Return how many of its characters a text says beside a question word; 0 where it has no such word."""
        word = next((word for word in self.words if word in text), "")
        return sum(character in text for character in self.matter - set(word)) if word else 0


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words, compiled."""

    names: tuple[str, ...]
    """Headings of the column that names the record, the likeliest first."""

    title_ends: tuple[str, ...]
    attributes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """For each attribute: words of its columns' headings, and words of questions for it."""

    kinds: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """For each kind of value: what headings end in, the longest first, and the question words for it."""

    question_words: frozenset[str]
    """All of those words."""

    faint: frozenset[str]
    """Characters of headings that stand in questions of any kind."""

    seeks: re.Pattern[str]
    bounds: re.Pattern[str]
    offers: re.Pattern[str]
    not_it: re.Pattern[str]
    beside: re.Pattern[str]
    pronouns: re.Pattern[str]
    several: re.Pattern[str]
    generic: frozenset[str]
    likewise: re.Pattern[str]
    of_all: re.Pattern[str]
    asking: frozenset[str]
    own: re.Pattern[str]
    least: tuple[str, ...]
    most: tuple[str, ...]

    def ways_to_ask(self, column: str) -> frozenset[str]:
        """Return the words by which people ask for what stands in a column."""
        heading = fold(column)
        ways = {heading}
        for columns, asked in self.attributes:
            if any(word in heading for word in columns):
                ways.update(asked)
        return frozenset(way for way in ways if way)

    def asks_for(self, column: str, text: str) -> bool:
        """Return whether a folded text asks for what stands in a column."""
        if any(
            re.search(rf"\b{re.escape(way)}\b" if way.isascii() else re.escape(way), text)
            for way in self.ways_to_ask(column)
        ):
            return True
        kind = self.kind_of_value(column)
        return kind is not None and kind.said(text) > 0

    def kind_of_value(self, column: str) -> "Asked | None":
        """Return how a column is asked for by the kind of thing in it; `None` where its heading does not tell."""
        heading = fold(column)
        for ends, words in self.kinds:
            end = next((end for end in ends if heading.endswith(end)), "")
            matter = frozenset(heading.removesuffix(end)) - self.faint if end else frozenset[str]()
            if matter:
                return Asked(words, frozenset(character for character in matter if character.isalpha()))
        return None

    def kind(self, title: str) -> str:
        """Return what the rows of a table with this title are: `门店` of `门店列表`."""
        kind = fold(title)
        for end in self.title_ends:
            kind = kind.removesuffix(end).strip(" _-")
        return kind


def is_likewise(beside: str) -> bool:
    """Return whether what a folded message says beside a name asks of it what was asked of another: `那…呢`."""
    return lexicon().likewise.fullmatch(beside) is not None


@cache
def lexicon() -> Lexicon:
    """Return the one lexicon, read at the first table."""
    read: dict[str, Any] = tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
    return Lexicon(
        names=tuple(read["names"]),
        title_ends=tuple(sorted(read["title_ends"], key=len, reverse=True)),
        attributes=tuple((tuple(one["columns"]), tuple(one["asked"])) for one in read["attribute"]),
        kinds=tuple((tuple(one["ends"]), tuple(one["asked"])) for one in read["kind"]),
        question_words=frozenset(word for one in read["kind"] for word in one["asked"]),
        faint=frozenset(read["faint"]),
        seeks=re.compile("|".join(read["seeks"])),
        bounds=re.compile(read["bounds"]),
        offers=re.compile(read["offers"]),
        not_it=re.compile(read["not_it"]),
        beside=re.compile(read["beside"]),
        pronouns=re.compile(read["pronouns"]),
        generic=frozenset(read["generic"]),
        likewise=re.compile(read["likewise"]),
        of_all=re.compile(read["of_all"]),
        asking=frozenset(read["asking"]),
        own=re.compile(read["own"]),
        several=re.compile(read["several"]),
        least=tuple(read["least"]),
        most=tuple(read["most"]),
    )
