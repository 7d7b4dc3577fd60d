"""A question, taken apart once for all that it is compared with."""

from dataclasses import dataclass

from ai_worker.knowledge import terms
from ai_worker.knowledge.language.names import named
from ai_worker.knowledge.spelling import corrected
from ai_worker.knowledge.subsequence import Subsequences
from ai_worker.knowledge.text_fit import Sought
from ai_worker.knowledge.view import View
from ai_worker.knowledge.weights import UNHEARD_OF
from ai_worker.knowledge.wording import Wording


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

    sought: Sought
    """What it seeks in texts."""

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
        wording = Wording.of_plain(better, text)
        unheard = [one for one in wording.meanings if len(one) > 2 and asked[one] >= UNHEARD_OF <= told[one[1:]]]
        return cls(
            plain=better,
            wording=wording,
            asked_weight=asked.of(wording.asked),
            pairs=wording.pairs,
            characters=Subsequences(wording.bare),
            syllables=Subsequences(wording.sounds),
            sought=Sought.of(plain, told),
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


def share_of(part: float, whole: float) -> float:
    """Return `part / whole`, and 0 of nothing."""
    return part / whole if whole else 0.0
