"""Likeness: how like a question and the wordings of an entry are, as figures between 0 and 1.

Shares are of weight: rare terms count more.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.knowledge.fit import Question, share_of
from ai_worker.knowledge.index import Weights
from ai_worker.knowledge.language.meaning import MARK, lexicon
from ai_worker.knowledge.wording import Wording

RELATED = 0.5
"""What a word counts where the other side has only one that is related to it."""


class WordingFit(NamedTuple):
    """How like one wording is to a question."""

    covered: float
    """The share of the question that the wording has too."""

    covering: float
    """The share of the wording that the question has too."""

    pairs: float
    """Dice coefficient of the pairs of neighbouring characters, rare or not."""

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
    """The figures above, taken together: what the wordings of an entry are put in order by."""


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

    asks_other: float
    """1 if the best of them asks for something else: how, why, when, where …"""

    works_other: float
    """1 if only one of the question and the best of them says that something does not work."""

    unmet: float
    """The weight of the rarest word of the question that none of them has or means."""


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
    best = wordings[order[0]]
    second, third = (fits[order[at]].alike if len(fits) > at else 0.0 for at in (1, 2))
    asked = frozenset[str]().union(*(wording.asked for wording in wordings))
    meant = frozenset[str]().union(*(wording.meanings for wording in wordings))
    own, known = question.wording, lexicon()
    asking, other_asking = own.meanings & known.asking, best.meanings & known.asking
    refusing = own.meanings.isdisjoint(known.refusing) != best.meanings.isdisjoint(known.refusing)
    unmet = [one for one in own.meanings if not _counts(one, meant, known.related)]
    entry = EntryFit(
        second=second,
        third=third,
        mean=sum(fit.alike for fit in fits) / siblings,
        covered=share_of(weights.of(own.asked & asked), question.asked_weight),
        often=sum(fit.covered for fit in fits) / siblings,
        meant=_met(own.meanings, meant, weights),
        often_meant=sum(fit.meant for fit in fits) / siblings,
        asks_other=float(bool(asking) and bool(other_asking) and asking.isdisjoint(other_asking)),
        works_other=float(refusing),
        unmet=max(map(weights.__getitem__, unmet), default=0.0),
    )
    return Likeness(best, fits[order[0]], entry)


def _wording_fit(question: Question, other: Wording, weights: Weights) -> WordingFit:
    own = question.wording
    common = weights.of(own.asked & other.asked)
    other_weight = weights.of(other.asked)
    pairs = share_of(2 * len(other.pairs & own.pairs), len(other.pairs) + len(own.pairs))
    order = _common_order(own.bare, other.bare)
    heard = _common_order(own.sounds, other.sounds)
    meant, meaning = _met(own.meanings, other.meanings, weights), _met(other.meanings, own.meanings, weights)
    both = share_of(2 * meant * meaning, meant + meaning)
    characters = share_of(2 * common, question.asked_weight + other_weight)
    return WordingFit(
        covered=share_of(common, question.asked_weight),
        covering=share_of(common, other_weight),
        pairs=pairs,
        same=float(other.essence == own.essence),
        order=order,
        heard=heard,
        meant=meant,
        meaning=meaning,
        alike=(characters + pairs + order + heard + 2 * both) / 6,
    )


def _met(ours: frozenset[str], theirs: frozenset[str], weights: Weights) -> float:
    """Return the share of `ours` that `theirs` has, or has something related to."""
    related = lexicon().related
    common = weights.of(ours & theirs)
    near = weights.of([one for one in ours - theirs if one in related and not related[one].isdisjoint(theirs)])
    return share_of(common + RELATED * near, weights.of(ours))


def _counts(meaning: str, among: frozenset[str], related: Mapping[str, frozenset[str]]) -> bool:
    near = meaning in related and not related[meaning].isdisjoint(among)
    return meaning in among or near or len(meaning) <= len(MARK) + 1


def _common_order(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return the longest common subsequence over the mean length, by Hyyrö's bit-parallel recurrence (2004)."""
    masks: dict[Hashable, int] = {}
    for at, item in enumerate(one):
        masks[item] = masks.get(item, 0) | 1 << at
    full = (1 << len(one)) - 1
    row = full
    for item in other:
        same = row & masks.get(item, 0)
        row = (row + same | row - same) & full
    return share_of(2 * (len(one) - row.bit_count()), len(one) + len(other))
