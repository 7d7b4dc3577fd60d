"""What words mean: wordings that a service desk hears for the same thing, brought together."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate, chain
from typing import NamedTuple

from ai_worker.knowledge import english

LEXICON = "synonyms.zh.txt"

MARK = "="
"""What every meaning begins with, so that it is no word when both stand in one index."""


class Lexicon(NamedTuple):
    """The synonyms, ready to be looked up. Meanings carry their mark."""

    meanings: Mapping[str, tuple[str, ...]]
    """What each wording means; nothing for filler."""

    said: Mapping[str, tuple[str, ...]]
    """What is said in Chinese for an English word, the most usual first."""

    heads: frozenset[str]
    """All meanings."""

    related: Mapping[str, frozenset[str]]
    """The meanings that stand near a meaning."""

    asking: frozenset[str]
    """The meanings of question words."""

    refusing: frozenset[str]
    """The meanings that say that something does not work, or is not there."""

    acts: frozenset[str]
    """What can be done with many things: it does not say what a question is about."""

    attributes: frozenset[str]
    """What is asked of a thing: where, when, how much."""

    aside: frozenset[str]
    """When, where and for whom: it says nothing of what a question is about."""

    longest: Mapping[str, int]
    """The length of the longest wording that begins with a character."""


@cache
def lexicon() -> Lexicon:
    """Return the synonyms, read once."""
    meanings: dict[str, tuple[str, ...]] = {}
    related: dict[str, set[str]] = {}
    said: dict[str, tuple[str, ...]] = {}
    marked: dict[str, frozenset[str]] = {}
    for line in files(__package__).joinpath(LEXICON).read_text("utf-8").splitlines():
        kind, words = line[:1], tuple(MARK + word for word in line[1:].split())
        if kind == "~":
            for one, other in (words, words[::-1]):
                related.setdefault(one, set()).add(other)
        elif kind == ">":
            ways, _, wordings = line[1:].partition("=")
            said.update((english.stem(wording), tuple(ways.split())) for wording in wordings.split())
        elif kind and kind in "?!+@/":
            marked[kind] = frozenset(words)
        elif kind != "#" and "=" in line:
            heads, _, wordings = line.partition("=")
            for wording in wordings.split():
                meanings.setdefault(english.stem(wording), tuple(MARK + head for head in heads.split()))
    longest: dict[str, int] = {}
    for wording in meanings:
        longest[wording[0]] = max(longest.get(wording[0], 0), len(wording))
    near = {one: frozenset(others) for one, others in related.items()}
    every = frozenset(chain.from_iterable(meanings.values()))
    return Lexicon(
        meanings, said, every, near, marked["?"], marked["!"], marked["+"], marked["@"], marked["/"], longest
    )


class Reading(NamedTuple):
    """What a text says."""

    meanings: list[str]
    """What its words mean, in order; what the lexicon does not know means itself."""

    essence: str
    """The text without filler; all of it where it is nothing but filler."""


def read(cut: Sequence[str]) -> Reading:
    """Return what a text says.

    The longest wording wins. A single character counts only where it is a word of its own: `行` means
    "can", but not in `银行`; a word in Latin letters counts as a whole only.

    Args:
        cut: The text, folded, in simplified script and cut into words, nothing left out.
    """
    known, text = lexicon(), "".join(cut)
    edges = frozenset(accumulate(map(len, cut), initial=0))
    found: list[str] = []
    kept: list[str] = []
    at = unknown = 0
    while at < len(text):
        end = _end_of_wording(text, at, edges, known)
        if end or at in edges:
            _keep(found, kept, text[unknown:at])
            unknown = at
        if end:
            meanings = known.meanings[english.stem(text[at:end])]
            found += meanings
            kept.append(text[at:end] if meanings else "")
            unknown = end
        at = end or at + 1
    _keep(found, kept, text[unknown:])
    essence = "".join(kept)
    return Reading(found, essence if any(map(str.isalnum, essence)) else text)


def _end_of_wording(text: str, at: int, edges: frozenset[int], known: Lexicon) -> int:
    """Return where the longest wording that begins at `at` ends; 0 if none does."""
    for end in range(min(at + known.longest.get(text[at], 0), len(text)), at, -1):
        whole = (end - at > 1 and not text[at].isascii()) or {at, end} <= edges
        if whole and english.stem(text[at:end]) in known.meanings:
            return end
    return 0


def _keep(found: list[str], kept: list[str], unknown: str) -> None:
    if unknown[:1].isalnum() or unknown[-1:].isalnum():
        found.append(MARK + english.stem(unknown))
    kept.append(unknown)
