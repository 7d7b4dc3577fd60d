"""Thresholds: from which confidence on a knowledge base answers and asks back, and tuning them to a target.

Confidence is calibrated on how people ask in general; a site's own questions may be easier or harder. So
each base may have its own thresholds, tuned on the site's golden questions to a share of right answers
that an administrator names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ai_worker.conversation.evaluation import Outcome, Threshold
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.foundation.errors import Conflict

FEWEST = 30
"""Golden questions of a base that it takes to tune it: from fewer a share of right answers says nothing."""

HIGHEST = 0.99
LOWEST = 0.30
"""No base answers below this confidence, however well its golden questions do: others will ask other things."""


class TooFewQuestions(Conflict):
    """There are too few golden questions to tune a knowledge base on."""

    code = "eval.too_few_questions"
    hint = "Add questions with their right answers: ai-worker eval add FILE"


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found."""

    threshold: Threshold
    precision: float
    """The share of answers above the threshold that are right, on the golden questions."""

    coverage: float
    """The share of the questions that have an answer and get it."""

    reached: bool
    """Whether the target was reached at any confidence."""


class Thresholds:
    """What each knowledge base goes by; replaced while the service runs."""

    def __init__(self, default: Bars) -> None:
        self.default = default
        self._of: Mapping[str, Bars] = {}

    def of(self, base: str) -> Bars:
        """Return a base's thresholds, the product's own where it has none."""
        return self._of.get(base, self.default)

    def replace(self, thresholds: Sequence[Threshold]) -> None:
        """Go by these from now on."""
        self._of = {one.base: Bars(one.answer_at, one.clarify_at) for one in thresholds}


def tune(outcomes: Sequence[Outcome], *, base: str, target: float, default: Bars, now: datetime) -> Tuned:
    """Return the lowest threshold of a base from which on the share of right answers is the target.

    Whoever has the best candidate counts as answered at every confidence up to that candidate's.
    Between two questions' confidences the threshold is half-way, so that the next question like the
    lower one is not answered by a hair.

    Args:
        outcomes: Of a run over golden questions; those whose best candidate is of `base` count.
        base: The knowledge base.
        target: The share of answers that is to be right, 0..1.
        default: The product's own thresholds, whose proportion is kept.
        now: The time.

    Raises:
        TooFewQuestions: There are fewer than `FEWEST`.
    """
    mine = sorted((one for one in outcomes if one.base == base), key=lambda one: (-one.confidence, one.id))
    if len(mine) < FEWEST:
        raise TooFewQuestions(
            f"{len(mine)} golden questions lead to the knowledge base {base!r}; it takes {FEWEST} to tune it."
        )
    known = sum(bool(one.answer_ids) for one in mine)
    answer_at, right_then, answered_then, right = HIGHEST, 0, 0, 0
    for at, one in enumerate(mine, start=1):
        right += one.best_id in one.answer_ids
        following = mine[at].confidence if at < len(mine) else 0.0
        if following < one.confidence and right / at >= target:
            answer_at, right_then, answered_then = (one.confidence + following) / 2, right, at
    answer_at = min(HIGHEST, max(LOWEST, answer_at))
    clarify_at = answer_at * default.clarify_at / default.answer_at
    found = Threshold(base, target, round(answer_at, 4), round(clarify_at, 4), len(mine), now)
    return Tuned(
        found,
        precision=right_then / answered_then if answered_then else 0.0,
        coverage=right_then / known if known else 0.0,
        reached=answered_then > 0,
    )
