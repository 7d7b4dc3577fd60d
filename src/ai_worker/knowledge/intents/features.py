"""Features: what of a text a linear model weighs, as numbers that need no dictionary.

Every function here takes text that `terms.plain` has made comparable.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.language import english_meaning, meaning

Numbers: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.intp]
Counts: TypeAlias = dict[int, int]
"""How often each feature is in a text, by the feature's hash."""

Kinds: TypeAlias = tuple[Counts, Counts, Counts, Counts]
"""Words in order, words together, spelling, and meaning."""

_TOKEN = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_RUN = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]+")

TOKENS = 200
CHARACTERS = 500
"""Of a longer text the beginning is used: a bound on the work."""

PAIRED = 16
"""So many words are paired with one another."""

HAN_SIZES = (1, 2, 3)
LATIN_SIZES = (2, 3, 4, 5)


class Vector(NamedTuple):
    """A text as a model sees it, by kind of features."""

    places: list[Places]
    values: list[Numbers]

    @property
    def empty(self) -> bool:
        """Whether nothing of the text is known."""
        return not any(map(len, self.places))

    def whole(self) -> tuple[Places, Numbers]:
        """Return the features of all kinds."""
        return np.concatenate(self.places), np.concatenate(self.values)


def tokens(plain: str) -> list[str]:
    """Return the Chinese characters and the stems of the words, in order."""
    found = _TOKEN.findall(english.spelled_out(plain))
    return [english.stem(token) for token in found[:TOKENS]]


def counted(plain: str) -> Kinds:
    """Return the features of a text, by kind.

    Words with their neighbours tell `not paid` from `paid not`; words with any other word of the text
    find a meaning whose words stand apart; pieces of words forgive spelling and endings; what words
    mean finds the entry that was asked for in others.
    """
    found = tokens(plain)
    content = [token for token in found if token not in english.FUNCTION_WORDS]
    words = _count([*found, *(f"{one} {two}" for one, two in pairwise(found))], 1)
    together = _count([*found, *_pairs(content)], 2)
    return words, together, _count(_pieces(plain), 3), _count(_meanings(plain, found), 4)


def _meanings(plain: str, found: list[str]) -> list[str]:
    meant = meaning.read(terms.cut(plain[:CHARACTERS])).meanings if _HAN.search(plain) else english_meaning.read(found)
    once = list(dict.fromkeys(meant))
    return [*once, *_pairs(once)]


def _pairs(words: list[str]) -> list[str]:
    return [f"{one}&{two}" for one, two in combinations(sorted(dict.fromkeys(words[:PAIRED])), 2)]


def singles(plain: str) -> list[int]:
    """Return the hashes of the tokens alone, each once, as they stand among the first kind of features."""
    return list(dict.fromkeys(crc32(token.encode(), 1) for token in tokens(plain)))


def content_singles(plain: str) -> list[int]:
    """Return the hashes of the tokens that are no function words, each once."""
    found = (token for token in tokens(plain) if token not in english.FUNCTION_WORDS)
    return list(dict.fromkeys(crc32(token.encode(), 1) for token in found))


def _pieces(plain: str) -> Iterable[str]:
    for run in _RUN.findall(plain)[:TOKENS]:
        han = "\u3400" <= run[0] <= "\u9fff"
        whole = run[:TOKENS] if han else f" {run[:TOKENS]} "
        for size in HAN_SIZES if han else LATIN_SIZES:
            for at in range(len(whole) - size + 1):
                yield whole[at : at + size]


def _count(found: Iterable[str], kind: int) -> Counts:
    counts: Counts = {}
    for feature in found:
        number = crc32(feature.encode(), kind)
        counts[number] = counts.get(number, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The features that a model knows."""

    hashes: NDArray[np.uint32]
    """In rising order: a feature's place is its number in the model."""

    rarity: Numbers
    """The inverse document frequency of each."""

    def vector(self, kinds: Kinds) -> Vector:
        """Return a text as places and values: of each kind of features a vector of length 1, or none."""
        places, values = [], []
        for counts in kinds:
            place, known = self.places(np.fromiter(counts, np.uint32, len(counts)))
            often = np.fromiter(counts.values(), np.float32, len(counts))[known]
            value = (1 + np.log(often)) * self.rarity[place]
            length = float(np.sqrt(value @ value))
            places.append(place)
            values.append((value / (length or 1)).astype(np.float32))
        return Vector(places, values)

    def places(self, wanted: NDArray[np.uint32]) -> tuple[Places, NDArray[np.bool_]]:
        """Return the places of the features that are known, and which those are."""
        at = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        known = self.hashes[at] == wanted
        return at[known], known
