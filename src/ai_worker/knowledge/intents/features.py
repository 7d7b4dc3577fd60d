"""Features: what of a text a linear model weighs, as numbers that need no dictionary."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.language.meaning import read

Numbers: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.intp]
Counts: TypeAlias = dict[int, int]
"""How often each feature is in a text, by the feature's hash."""

_TOKEN = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]")
_RUN = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]+")

TOKENS = 200
"""Of a longer text the beginning is used: a bound on the work."""

PAIRED = 14
"""So many words are paired with one another."""

HAN_SIZES = (1, 2, 3)
LATIN_SIZES = (2, 3, 4, 5)

SHARES = (0.7, 0.7, 1.0, 1.0)
"""What the kinds of features weigh: words in order, words together, spelling, and meanings."""


def tokens(folded: str) -> list[str]:
    """Return the Chinese characters and the stems of the words, in order."""
    found = _TOKEN.findall(english.spelled_out(folded))
    return [english.stem(token) for token in found[:TOKENS]]


def counted(folded: str) -> tuple[Counts, ...]:
    """Return the features of a folded text, by kind.

    Words with their neighbours tell `not paid` from `paid not`; words with any other word of the text
    find a meaning whose words stand apart; pieces of words forgive spelling and endings.
    """
    found = tokens(folded)
    content = sorted(dict.fromkeys([token for token in found if token not in english.FUNCTION_WORDS][:PAIRED]))
    words = _count([*found, *(f"{one} {two}" for one, two in pairwise(found))], 1)
    together = _count([*found, *(f"{one}&{two}" for one, two in combinations(content, 2))], 2)
    return words, together, _count(_pieces(folded), 3), _count(_meanings(folded), 4)


def _meanings(folded: str) -> list[str]:
    cut = [english.stem(word) for word in terms.cut(english.spelled_out(folded))]
    found = [one for one in read(cut).meanings[:TOKENS] if one[1:] not in terms.FUNCTION_WORDS]
    pairs = combinations(sorted(dict.fromkeys(found[:PAIRED])), 2)
    return [*found, *(f"{one}&{two}" for one, two in pairs)]


def singles(folded: str) -> list[int]:
    """Return the hashes of the tokens alone, each once, as they stand among the first kind of features."""
    return list(dict.fromkeys(crc32(token.encode(), 1) for token in tokens(folded)))


def content_singles(folded: str) -> list[int]:
    """Return the hashes of the tokens that are no function words, each once."""
    found = (token for token in tokens(folded) if token not in english.FUNCTION_WORDS)
    return list(dict.fromkeys(crc32(token.encode(), 1) for token in found))


def _pieces(folded: str) -> Iterable[str]:
    for run in _RUN.findall(folded)[:TOKENS]:
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

    def vector(self, kinds: tuple[Counts, ...]) -> tuple[Places, Numbers]:
        """Return a text as places and values, of length 1 (or empty, if nothing of it is known)."""
        places, values = [], []
        for counts, share in zip(kinds, SHARES, strict=True):
            place, known = self.places(np.fromiter(counts, np.uint32, len(counts)))
            often = np.fromiter(counts.values(), np.float32, len(counts))[known]
            value = (1 + np.log(often)) * self.rarity[place]
            length = float(np.sqrt(value @ value))
            if length:
                places.append(place)
                values.append(value * (share / length))
        if not places:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        together = np.concatenate(values)
        return np.concatenate(places), (together / np.sqrt(together @ together)).astype(np.float32)

    def places(self, wanted: NDArray[np.uint32]) -> tuple[Places, NDArray[np.bool_]]:
        """Return the places of the features that are known, and which those are."""
        at = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        known = self.hashes[at] == wanted
        return at[known], known
