"""Fit: how well a wording or a text suits a question, as figures between 0 and 1."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms
from ai_worker.knowledge.index import Field, View


class WordingFit(NamedTuple):
    """How well one wording suits a question. Shares are of weight: rare terms count more."""

    covered: float
    """The share of the question that the wording has too."""

    covering: float
    """The share of the wording that the question has too."""

    both: float
    """`covered * covering`."""

    pairs: float
    """Dice coefficient of the pairs of neighbouring characters, rare or not."""

    same: float
    """1 if they differ in greetings, particles and punctuation only."""

    covered_terms: float
    """The share of the question's terms, each counting the same."""

    covering_terms: float
    """The share of the wording's terms, each counting the same."""

    order: float
    """The longest common subsequence of characters, over the mean length."""


class TextFit(NamedTuple):
    """How well one text that answers suits a question."""

    covered: float
    """The share, by weight, of the question's terms that the text contains."""

    mostly: float
    """`covered` cubed: being nearly complete is worth more than the steps before."""

    missing: float
    """The weight of the rarest term of the question that the text lacks."""

    titled: float
    """The share of the question that the title has too."""

    titling: float
    """The share of the title that the question has too."""

    run: float
    """The longest stretch of the question that stands in the text, as a share of the question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart once for all comparisons."""

    bare: str
    essence: str
    asked: frozenset[str]
    told: frozenset[str]
    pairs: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Question":
        """Take `text` apart."""
        bare = terms.bare(text)
        asked = frozenset(terms.asked_terms(text))
        return cls(bare, terms.essence(text), asked, frozenset(terms.told_terms(text)), _pairs(bare))

    @property
    def brevity(self) -> float:
        """1 for nothing at all, towards 0 for many words: the shorter a question, the less it settles."""
        return 1 / (1 + len(self.bare))


def wording_fit(question: Question, wording: str, view: View) -> WordingFit:
    """Return how well a wording suits a question."""
    bare = terms.bare(wording)
    asked = frozenset(terms.asked_terms(wording))
    pairs = _pairs(bare)
    shared = question.asked & asked
    common = _weight(shared, "asked", view)
    covered = _share(common, _weight(question.asked, "asked", view))
    covering = _share(common, _weight(asked, "asked", view))
    return WordingFit(
        covered=covered,
        covering=covering,
        both=covered * covering,
        pairs=_share(2 * len(pairs & question.pairs), len(pairs) + len(question.pairs)),
        same=float(terms.essence(wording) == question.essence),
        covered_terms=_share(len(shared), len(question.asked)),
        covering_terms=_share(len(shared), len(asked)),
        order=_share(2 * _common_order(question.bare, bare), len(question.bare) + len(bare)),
    )


def text_fit(question: Question, title: str, text: str, view: View) -> TextFit:
    """Return how well a text suits a question; `title` is empty where it says nothing of the text."""
    whole = fold(f"{title}\n{text}")
    lacking = [term for term in question.told if term not in whole]
    weight = _weight(question.told, "told", view)
    covered = _share(weight - _weight(lacking, "told", view), weight)
    titled = frozenset(terms.asked_terms(title))
    shared = _weight(question.asked & titled, "asked", view)
    return TextFit(
        covered=covered,
        mostly=covered**3,
        missing=max((view.weight("told", term) for term in lacking), default=0.0),
        titled=_share(shared, _weight(question.asked, "asked", view)),
        titling=_share(shared, _weight(titled, "asked", view)),
        run=_share(_longest_run(question.bare, terms.bare(whole)), len(question.bare)),
    )


def _weight(found: Iterable[str], field: Field, view: View) -> float:
    return sum(sorted(view.weight(field, term) for term in found))  # sorted: the sum must not depend on set order


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _pairs(bare: str) -> frozenset[str]:
    return frozenset(bare[at : at + 2] for at in range(len(bare) - 1)) or frozenset((bare,))


def _longest_run(question: str, text: str) -> int:
    longest = 0
    for start in range(len(question)):
        while start + longest < len(question) and question[start : start + longest + 1] in text:
            longest += 1
    return longest


def _common_order(one: str, other: str) -> int:
    """Return the length of the longest common subsequence, by Hyyrö's bit-parallel recurrence (2004)."""
    masks: dict[str, int] = {}
    for at, character in enumerate(one):
        masks[character] = masks.get(character, 0) | 1 << at
    full = (1 << len(one)) - 1
    row = full
    for character in other:
        same = row & masks.get(character, 0)
        row = (row + same | row - same) & full
    return len(one) - row.bit_count()
