"""Fit: how well a wording or a text suits a question, as figures between 0 and 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms
from ai_worker.knowledge.index import View


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


class EntryFit(NamedTuple):
    """How well all wordings of an entry together suit a question."""

    covered: float
    """The share of the question that any of the wordings has too."""

    unmet: float
    """The weight of the rarest word of the question that none of them has."""

    unmet_share: float
    """The share, by weight, of the question's words that none of them has."""


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
class Wording:
    """A way to ask something, taken apart for comparison."""

    bare: str
    essence: str
    asked: frozenset[str]
    pairs: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Wording":
        """Take `text` apart."""
        folded = fold(text)
        bare = terms.bare(folded)
        return cls(bare, terms.essence(bare), frozenset(terms.asked_terms(folded)), _pairs(bare))


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart once for all comparisons."""

    wording: Wording
    asked_weight: float
    """What its terms weigh together, among wordings."""

    told: frozenset[str]
    told_weight: float
    """What its terms weigh together, among texts."""

    matter: tuple[str, ...]
    """Its words of two characters or more that are no function words."""

    @classmethod
    def of(cls, text: str, view: View) -> "Question":
        """Take `text` apart, and weigh it by what is in the index."""
        folded = fold(text)
        matter = {word for word in terms.words(folded) if len(word) > 1 and word not in terms.FUNCTION_WORDS}
        wording, told = Wording.of(text), frozenset(terms.told_terms(folded))
        asked_weight, told_weight = view.weights("asked").of(wording.asked), view.weights("told").of(told)
        return cls(wording, asked_weight, told, told_weight, tuple(sorted(matter)))

    @property
    def brevity(self) -> float:
        """1 for nothing at all, towards 0 for many words: the shorter a question, the less it settles."""
        return 1 / (1 + len(self.wording.bare))


def wording_fit(question: Question, other: Wording, view: View) -> WordingFit:
    """Return how well a wording suits a question."""
    own = question.wording
    shared = own.asked & other.asked
    weigh = view.weights("asked").of
    common = weigh(shared)
    covered = _share(common, question.asked_weight)
    covering = _share(common, weigh(other.asked))
    return WordingFit(
        covered=covered,
        covering=covering,
        both=covered * covering,
        pairs=_share(2 * len(other.pairs & own.pairs), len(other.pairs) + len(own.pairs)),
        same=float(other.essence == own.essence),
        covered_terms=_share(len(shared), len(own.asked)),
        covering_terms=_share(len(shared), len(other.asked)),
        order=_share(2 * _common_order(own.bare, other.bare), len(own.bare) + len(other.bare)),
    )


def entry_fit(question: Question, wordings: Sequence[Wording], view: View) -> EntryFit:
    """Return how well an entry suits a question, all of its wordings taken together."""
    weights = view.weights("asked")
    together: frozenset[str] = frozenset().union(*(wording.asked for wording in wordings))
    unmet = [word for word in question.matter if not any(word in wording.bare for wording in wordings)]
    return EntryFit(
        covered=_share(weights.of(question.wording.asked & together), question.asked_weight),
        unmet=max(map(weights.__getitem__, unmet), default=0.0),
        unmet_share=_share(weights.of(unmet), weights.of(question.matter)),
    )


def text_fit(question: Question, title: str, text: str, view: View) -> TextFit:
    """Return how well a text suits a question; `title` is empty where it says nothing of the text."""
    folded_title = fold(title)
    whole = f"{folded_title} {fold(text)}"
    lacking = [term for term in question.told if term not in whole]
    asked, told = view.weights("asked"), view.weights("told")
    covered = _share(question.told_weight - told.of(lacking), question.told_weight)
    titled = frozenset(terms.asked_terms(folded_title))
    shared = asked.of(question.wording.asked & titled)
    return TextFit(
        covered=covered,
        mostly=covered**3,
        missing=max(map(told.__getitem__, lacking), default=0.0),
        titled=_share(shared, question.asked_weight),
        titling=_share(shared, asked.of(titled)),
        run=_share(_longest_run(question.wording.bare, terms.bare(whole)), len(question.wording.bare)),
    )


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
