"""Fit of texts: how well each of the texts that were found has what a question seeks.

A text is compared by three kinds of terms, because each errs in its own way: words (what the cutter
takes for one), pairs of neighbouring characters (whatever it cuts), and marks (single characters,
which survive when an abbreviation or another word order breaks the other two).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.knowledge import terms

SATURATION = 0.8
"""BM25's k1: how soon another occurrence of a term says nothing more."""

LENGTH_SHARE = 0.75
"""BM25's b: how much of a long text's occurrences are put down to its length."""

SENTENCE = 40
PHRASE = 20
"""Characters within which terms stand together."""

OCCURRENCES = 24
"""Of each term in one text that are looked at."""

ASKING = re.compile(
    r"为什么|为何|什么时候|什么|甚么|怎么办|怎么样|怎么|怎样|是否|该?如何|多少|多久|哪一?[个些位种]|哪里|哪儿|哪"
    r"|何时|何处|谁|几|请问|能不能|可不可以|有没有|[吗呢吧啊]|[?？]"
)
"""Words that ask, in simplified script: the text that answers does not have them."""


class TextFit(NamedTuple):
    """How well one text suits a question. Shares are of weight: rare terms count more."""

    words: float
    """BM25 of the words, as a share of the best candidate's."""

    pairs: float
    """The same of the pairs, and of words in other scripts."""

    marks: float
    """The same of the marks; those weigh more that fewer of the candidates have."""

    missing: float
    """The weight of the rarest word that it lacks."""

    naming: float
    """The share of the title's characters and pairs that stand in the question."""

    run: float
    """The longest stretch of the question that stands in the text, as a share of the question."""

    sentence: float
    """The share of the question's pairs that stand together within a sentence's length."""

    phrase: float
    """The share of the question's marks that stand together within a phrase's length."""

    latin: float
    """The share of the question's numbers and words in other scripts that the text has."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What a question seeks in texts, taken apart once for all of them."""

    words: Mapping[str, float]
    pairs: Mapping[str, float]
    marks: tuple[str, ...]
    latin: tuple[str, ...]
    bare: str

    @classmethod
    def of(cls, plain: str, weights: Mapping[str, float]) -> "Sought":
        """Take a question apart.

        Args:
            plain: The question, as `terms.plain` made it.
            weights: How rare each term is among texts.
        """
        matter = ASKING.sub(" ", plain)
        if not terms.bare(matter):
            matter = plain
        words = terms.words(matter)
        words = [word for word in words if word not in terms.FUNCTION_WORDS] or words
        characters = terms.characters(matter)
        marks = [mark for mark in characters if mark not in terms.FUNCTION_WORDS] or characters
        latin = [mark for mark in marks if not terms.is_han(mark)]
        return cls(
            words={word: weights[word] for word in words},
            pairs={pair: weights[pair] for pair in (*terms.bigrams(matter), *latin)},
            marks=tuple(dict.fromkeys(marks)),
            latin=tuple(dict.fromkeys(latin)),
            bare=terms.bare(matter),
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """Return what finds candidates in the index."""
        return tuple(dict.fromkeys((*self.words, *self.pairs)))


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the running, as `terms.plain` made it."""

    title: str
    body: str

    @property
    def whole(self) -> str:
        """Return title and text."""
        return f"{self.title} {self.body}"


def text_fits(sought: Sought, texts: Sequence[Text]) -> list[TextFit]:
    """Return how well each of the texts suits the question. Some figures compare them with one another."""
    wholes = [text.whole for text in texts]
    mean_length = sum(map(len, wholes)) / max(1, len(wholes))
    marks = {mark: _rarity(sum(mark in whole for whole in wholes), len(wholes)) for mark in sought.marks}
    words, pairs, of_marks = (
        [_bm25(weights, whole, mean_length) for whole in wholes] for weights in (sought.words, sought.pairs, marks)
    )
    fits = []
    for at, (text, whole) in enumerate(zip(texts, wholes, strict=True)):
        titled = frozenset((*terms.bigrams(text.title), *terms.characters(text.title)))
        fits.append(
            TextFit(
                words=_share(words[at], max(words)),
                pairs=_share(pairs[at], max(pairs)),
                marks=_share(of_marks[at], max(of_marks)),
                missing=max((weight for word, weight in sought.words.items() if word not in whole), default=0.0),
                naming=_share(sum(part in sought.bare for part in titled), len(titled)),
                run=_share(_longest_run(sought.bare, terms.bare(whole)), len(sought.bare)),
                sentence=_together(sought.pairs, text.body, SENTENCE),
                phrase=_together(marks, text.body, PHRASE),
                latin=_share(sum(mark in whole for mark in sought.latin), len(sought.latin)),
            )
        )
    return fits


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _rarity(having: int, of: int) -> float:
    return math.log1p((of - having + 0.5) / (having + 0.5))


def _bm25(weights: Mapping[str, float], text: str, mean_length: float) -> float:
    """Return BM25 as a share of its bound, which endless repetition would come near to."""
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(text) / mean_length)
    score = 0.0
    for term, weight in weights.items():
        if count := text.count(term):
            score += weight * count / (count + norm)
    return _share(score, sum(weights.values()))


def _together(weights: Mapping[str, float], text: str, window: int) -> float:
    """Return the greatest share, by weight, of the terms that begin within so many characters of the text."""
    places = sorted((at, term) for term in weights if term in text for at in _places(term, text))
    if not places:
        return 0.0
    best = inside = 0.0
    counts = dict.fromkeys(weights, 0)
    left = 0
    for at, term in places:
        counts[term] += 1
        if counts[term] == 1:
            inside += weights[term]
        while at - places[left][0] > window:
            leaving = places[left][1]
            counts[leaving] -= 1
            if not counts[leaving]:
                inside -= weights[leaving]
            left += 1
        best = max(best, inside)
    return _share(best, sum(weights.values()))


def _places(term: str, text: str) -> Iterable[int]:
    at = text.find(term)
    for _ in range(OCCURRENCES):
        if at < 0:
            return
        yield at
        at = text.find(term, at + 1)


def _longest_run(question: str, text: str) -> int:
    longest = 0
    for start in range(len(question)):
        while start + longest < len(question) and question[start : start + longest + 1] in text:
            longest += 1
    return longest
