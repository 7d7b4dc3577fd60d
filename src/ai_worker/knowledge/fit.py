"""Fit: a question taken apart, and how well a text suits it, as figures between 0 and 1."""

from dataclasses import dataclass
from typing import NamedTuple

from ai_worker.knowledge import terms
from ai_worker.knowledge.index import UNHEARD_OF, View
from ai_worker.knowledge.language.names import named
from ai_worker.knowledge.spelling import corrected
from ai_worker.knowledge.subsequence import Subsequences
from ai_worker.knowledge.wording import Wording


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

    plain: str
    """The question in simplified script, with its slips corrected."""

    wording: Wording
    asked_weight: float
    """What its terms weigh together, among wordings."""

    pairs: frozenset[str]
    characters: Subsequences
    syllables: Subsequences

    told: frozenset[str]
    told_weight: float
    """What its terms weigh together, among texts."""

    strange: float
    """The share of what it means that the knowledge never speaks of."""

    strangers: int
    """How many words it has that the knowledge never speaks of."""

    elsewhere: bool
    """Whether it names a company or a product that the knowledge never speaks of."""

    @classmethod
    def of(cls, text: str, view: View) -> "Question":
        """Take `text` apart, and weigh it by what is in the index."""
        plain = terms.plain(text)
        asked, told = view.weights("asked"), view.weights("told")
        better = corrected(plain, view)
        wording, told_terms = Wording.of_plain(better, text), frozenset(terms.told_terms(plain))
        unheard = [one for one in wording.meanings if len(one) > 2 and asked[one] >= UNHEARD_OF <= told[one[1:]]]
        return cls(
            plain=better,
            wording=wording,
            asked_weight=asked.of(wording.asked),
            pairs=wording.pairs,
            characters=Subsequences(wording.bare),
            syllables=Subsequences(wording.sounds),
            told=told_terms,
            told_weight=told.of(told_terms),
            strange=share_of(asked.of(unheard), asked.of(wording.meanings)),
            strangers=len(unheard),
            elsewhere=any(not view.speaks_of(name) for name in named(terms.bare(plain))),
        )

    @property
    def figures(self) -> tuple[float, ...]:
        """What of the question itself says how sure an answer can be."""
        return (self.brevity, self.strange, 1 - 1 / (1 + self.strangers), float(self.elsewhere))

    @property
    def brevity(self) -> float:
        """1 for nothing at all, towards 0 for many words: the shorter a question, the less it settles."""
        return 1 / (1 + len(self.wording.bare))


def text_fit(question: Question, title: str, text: str, view: View) -> TextFit:
    """Return how well a text suits a question; `title` is empty where it says nothing of the text."""
    plain_title = terms.plain(title)
    whole = f"{plain_title} {terms.plain(text)}"
    lacking = [term for term in question.told if term not in whole]
    asked, told = view.weights("asked"), view.weights("told")
    covered = share_of(question.told_weight - told.of(lacking), question.told_weight)
    titled = frozenset(terms.asked_terms(plain_title))
    shared = asked.of(question.wording.asked & titled)
    return TextFit(
        covered=covered,
        mostly=covered**3,
        missing=max(map(told.__getitem__, lacking), default=0.0),
        titled=share_of(shared, question.asked_weight),
        titling=share_of(shared, asked.of(titled)),
        run=share_of(_longest_run(question.wording.bare, terms.bare(whole)), len(question.wording.bare)),
    )


def share_of(part: float, whole: float) -> float:
    """Return `part / whole`, and 0 of nothing."""
    return part / whole if whole else 0.0


def _longest_run(question: str, text: str) -> int:
    longest = 0
    for start in range(len(question)):
        while start + longest < len(question) and question[start : start + longest + 1] in text:
            longest += 1
    return longest
