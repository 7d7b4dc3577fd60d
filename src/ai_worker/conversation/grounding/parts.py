"""Parts: a document taken apart into its sentences, whatever is asked of it. Passages are asked for again and again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_worker.conversation.grounding.addresses import names_address
from ai_worker.conversation.grounding.facts import numbers, tokens
from ai_worker.conversation.grounding.orders import commands, unmarked
from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.support import Terms, terms
from ai_worker.conversation.grounding.units import Unit, units
from ai_worker.conversation.grounding.voice import SURE, kinds, to_writer

LEANING = 3
"""Terms below which a sentence says nothing of its own: it is about what the one before is about."""

COMMANDING = 4.0
"""How much more a sentence speaks to the writer that has words which hardly stand in anything but orders."""

SILENT = -99.0
"""The voice of what is no sentence."""

DUMB = -7.5
"""Up to here a sentence has hardly a word of a talk in it, and need not be looked at for more."""

TALK = frozenset(
    ("reply", "say", "write", "place", "machine", "staff", "customer", "tell", "you", "polite", "always", "must",
     "please", "before", "forget", "rules", "role", "thistext", "now", "wordform", "verbatim", "contact", "ask",
     "talk", "summarise", "format", "yours", "system", "call")
)  # fmt: skip
"""Kinds of words that tie nothing to anything: they are of talks, whatever the page is about."""

LONGEST = 8_000
REMEMBERED = 512

_SETTING = re.compile(r"^\W*[\w.\-]{1,40}\s*[:=]\s*[\"'“‘{\[]|^\s*[{%@]|[}%;]\s*$|\b\w+=[\"'“]")
_CARGO = re.compile(
    r"[“「『\"'‘«„][^”」』\"'’»“\n]{2,60}[”」』\"'’»“]|\b[A-Z][A-Z0-9]+-[A-Z0-9-]+\b|\b[A-Z]{6,}\b|\d{3}[\d \-]{4,}\d"
)
_CODE = re.compile(
    r"\b(?=[A-Z-]*\d)[A-Z][A-Z0-9]{2,}(?:-[A-Z0-9]+)*\b|\b[A-Z]{2,}-[A-Z0-9-]+\b|\d{3}[\d \-]{4,}\d"
    r"|\b[a-z]+_[a-z0-9]+\b"
)
_POST = re.compile(r"[^\W\d_]{1,10}\s?[:：]\s?([\u3400-\u9fff]{2,4}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2})")
"""A line of a record that says who holds a post: `管理员：李强` speaks to no administrator."""


@dataclass(frozen=True, slots=True)
class Part:
    """One sentence of a document."""

    text: str
    voice: float
    terms: Terms
    ties: frozenset[str]
    """Its words that say what it is about."""

    named: frozenset[str]
    """The names and numbers in it."""

    leans: bool
    """Whether it says nothing of its own."""

    carries: bool
    """Whether it has something to carry over: an address, a code word, a phrase in quotation marks."""

    calls: bool
    """Whether it has an address, a telephone number or a code in it."""

    sets: bool
    """Whether it is a line of settings or code with a text in it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document taken apart."""

    shown: str
    """What people see of it."""

    named: frozenset[str]
    parts: tuple[Part, ...]
    units: tuple[Unit, ...]

    words: tuple[frozenset[str], ...]
    """Of each unit, its words that say what it is about."""

    holders: Mapping[str, Sequence[int]]
    """Of each such word, the units that have it."""

    bodies: tuple[int, ...]
    """Of each unit, the body that it belongs to: the units of one hang together by common words."""


@lru_cache(maxsize=REMEMBERED)
def taken_apart(text: str, names: tuple[str, ...]) -> Document:
    """Take a document apart.

    Args:
        text: The passage.
        names: What the tools on offer are called: a paragraph that names one is not seen, and neither is what follows.
    """
    shown = unmarked(text[:LONGEST], names=names)
    sentences = split(shown)
    parts, parted = tuple(map(_part, sentences)), units(sentences)
    words = tuple(frozenset[str]().union(*(part.ties for part in parts[unit.first : unit.end])) for unit in parted)
    holders = held(words)
    return Document(shown, tokens(shown), parts, parted, words, holders, hanging_together(words, holders))


def held(words: Sequence[frozenset[str]]) -> dict[str, list[int]]:
    """Return of each word the places of the units that have it."""
    holders: dict[str, list[int]] = {}
    for at, own in enumerate(words):
        for word in own:
            holders.setdefault(word, []).append(at)
    return holders


def hanging_together(words: Sequence[frozenset[str]], holders: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
    """Return of each unit the body that it belongs to: a chain of common words leads from each of a body to each other.

    Args:
        words: Those of each unit.
        holders: Of each word, the places of the units that have it.
    """
    bodies = [-1] * len(words)
    for first in range(len(words)):
        waiting, known = ([first], set[str]()) if bodies[first] < 0 else ([], set[str]())
        while waiting:
            at = waiting.pop()
            if bodies[at] >= 0:
                continue
            bodies[at] = first
            for word in words[at] - known:
                waiting.extend(other for other in holders[word] if bodies[other] < 0)
            known |= words[at]
    return tuple(bodies)


@lru_cache(maxsize=REMEMBERED)
def ties(of: Terms) -> frozenset[str]:
    """Return the words of a text that say what it is about."""
    known = kinds()
    return frozenset(word for word in (*of.pairs, *of.words) if TALK.isdisjoint(known.get(word, ())))


def _part(text: str) -> Part:
    bare, said, calls = text.strip(), terms(text), names_address(text)
    post = _POST.fullmatch(bare)
    voice = to_writer(post[1] if post else bare) if len(bare) > 1 else SILENT
    if DUMB < voice < SURE and commands(bare):
        voice += COMMANDING
    cargo = _CARGO.search(text) is not None
    return Part(
        text,
        voice,
        said,
        ties.__wrapped__(said),
        tokens(text) | numbers(text),
        leans=len(said.characters) + len(said.words) < LEANING and not (cargo or calls),
        carries=cargo or calls,
        calls=calls or _CODE.search(text) is not None,
        sets=cargo and _SETTING.search(bare) is not None,
    )
