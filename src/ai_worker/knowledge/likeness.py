"""Likeness: how like a question and the wordings of an entry are, as figures between 0 and 1.

Shares are of weight: rare terms count more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.knowledge import terms
from ai_worker.knowledge.fit import Question, share_of
from ai_worker.knowledge.language.meaning import MARK, lexicon
from ai_worker.knowledge.weights import Weights
from ai_worker.knowledge.wording import Wording

RELATED = 0.5
"""What a word counts where the other side has only one that is related to it."""


class WordingFit(NamedTuple):
    """How like one wording is to a question."""

    covered: float
    """The share of the question that the wording has too."""

    covering: float
    """The share of the wording that the question has too."""

    same: float
    """1 if they differ in greetings, particles and punctuation only."""

    order: float
    """The longest common subsequence of characters, over the mean length."""

    heard: float
    """The same of the syllables: a homophone is no difference."""

    meant: float
    """The share of what the question means that the wording means too, or nearly."""

    meaning: float
    """The share of what the wording means that the question means too, or nearly."""

    alike: float
    """The likeness of characters, of their pairs, order and sounds, and of meaning, taken together: what
    the wordings of an entry are put in order by."""


class EntryFit(NamedTuple):
    """How like the wordings of an entry are together; those that share nothing were not even found."""

    second: float
    """How alike its second best wording is; 0 if there is none."""

    third: float
    mean: float
    """The mean of `alike` over all of its wordings."""

    covered: float
    """The share of the question that any of them has."""

    often: float
    """The share of the question that they have on average."""

    meant: float
    """The share of what the question means that any of them means too."""

    often_meant: float
    """The share of what the question means that they mean on average."""

    works_other: float
    """1 if only one of the question and the best of them says that something does not work."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The likeness of a question and one entry."""

    best: Wording
    wording: WordingFit
    entry: EntryFit

    @property
    def figures(self) -> tuple[float, ...]:
        """All figures, in a fixed order."""
        return (*self.wording, *self.entry)


def likeness(question: Question, wordings: Sequence[Wording], siblings: int, weights: Weights) -> Likeness:
    """Return how like an entry is.

    Args:
        question: What is asked.
        wordings: Those of the entry's that share something with the question, at least one.
        siblings: How many it has in all.
        weights: How informative each term is.
    """
    fits = [_wording_fit(question, wording, weights) for wording in wordings]
    order = sorted(range(len(fits)), key=lambda at: (-fits[at].alike, wordings[at].text))
    best, fit = wordings[order[0]], fits[order[0]]
    second, third = (fits[order[at]].alike if len(fits) > at else 0.0 for at in (1, 2))
    covered, meant = (fit.covered, fit.meant) if len(fits) == 1 else _together(question, wordings, weights)
    own, refusing = question.wording, lexicon().refusing
    entry = EntryFit(
        second=second,
        third=third,
        mean=sum(one.alike for one in fits) / siblings,
        covered=covered,
        often=sum(one.covered for one in fits) / siblings,
        meant=meant,
        often_meant=sum(one.meant for one in fits) / siblings,
        works_other=float(own.meanings.isdisjoint(refusing) != best.meanings.isdisjoint(refusing)),
    )
    return Likeness(best, fit, entry)


def _together(question: Question, wordings: Sequence[Wording], weights: Weights) -> tuple[float, float]:
    """Return the share of the question, and of what it means, that any of the wordings has."""
    asked = frozenset[str]().union(*(wording.asked for wording in wordings))
    meant = frozenset[str]().union(*(wording.meanings for wording in wordings))
    own = question.wording
    return share_of(weights.of(own.asked & asked), question.asked_weight), _met(own.meanings, meant, weights)


def _wording_fit(question: Question, other: Wording, weights: Weights) -> WordingFit:
    own = question.wording
    common, other_weight = weights.of(own.asked & other.asked), weights.of(other.asked)
    other_pairs = other.pairs
    pairs = share_of(2 * len(other_pairs & question.pairs), len(other_pairs) + len(question.pairs))
    order, heard = question.characters.shared(other.bare), question.syllables.shared(other.sounds)
    meant, meaning = _met(own.meanings, other.meanings, weights), _met(other.meanings, own.meanings, weights)
    both = share_of(2 * meant * meaning, meant + meaning)
    characters = share_of(2 * common, question.asked_weight + other_weight)
    return WordingFit(
        covered=share_of(common, question.asked_weight),
        covering=share_of(common, other_weight),
        same=float(other.essence == own.essence),
        order=order,
        heard=heard,
        meant=meant,
        meaning=meaning,
        alike=(characters + pairs + order + heard + 2 * both) / 6,
    )


def _met(ours: frozenset[str], theirs: frozenset[str], weights: Weights) -> float:
    """Return the share of `ours` that `theirs` has, or has something related to."""
    common = weights.of(ours & theirs)
    near = [one for one in ours - theirs if _related(one, theirs)]
    return share_of(common + RELATED * weights.of(near), weights.of(ours))


def _related(meaning: str, others: frozenset[str]) -> bool:
    """Return whether others are related to a meaning, or have it within a word, if it is a single character."""
    if (related := lexicon().related.get(meaning)) and not related.isdisjoint(others):
        return True
    character = meaning.removeprefix(MARK)
    return len(character) == 1 and terms.is_han(character) and any(character in other for other in others)
