"""Confidence: from figures of fit to how sure retrieval is, comparable between questions.

The weights were fitted by logistic regression on development questions that are no part of the
project (`benchmarks/quality/README.md` says how); they are numbers about how people ask, not about
any one knowledge base.
"""

import math
from collections.abc import Sequence

ANSWER_AT = 0.70
"""From here on an answer may be given without asking back: on the development sets of question and
answer 89-95 % of what scores so is right, with one question in five outside the knowledge."""

CLARIFY_AT = 0.30
"""From here on it is worth asking back which of the best candidates was meant; below, the knowledge
most likely has no answer."""

TIED = 0.60
"""What two different answers that fit equally well score at most: enough to ask back, never to answer."""

TIE_MARGIN = 0.05
"""Ranking scores closer than this are equal."""

MARGIN_LIMIT = 4.0
"""A lead over the next candidate beyond this says nothing more."""

WORDING_RANK = (2.77, 2.23, 1.93, 1.12, 0.21, 2.20, 2.01, 2.18, 0.78, 2.53)
"""The figures of `WordingFit`, then: the likeness of the entry's second best wording, and how many of
its wordings are among the candidates."""

WORDING_CONFIDENCE = (-4.41, 2.00, 0.72, 1.40, -1.62, 0.93, 0.77, 1.00, 2.20, 0.35, 2.00, -1.80, 0.67)
"""A constant, the figures of `WORDING_RANK`, the question's brevity, and the lead over the next."""

TEXT_RANK = (1.82, 0.40, 0.52, -2.34, 0.20, 2.24, 6.56)
"""The figures of `TextFit`, then the BM25 score as a share of the best candidate's."""

TEXT_CONFIDENCE = (-1.80, 6.70, -2.36, 0.84, -3.85, 1.58, -0.16, -2.65, -0.91, 0.90)
"""A constant, the figures of `TEXT_RANK`, the question's brevity, and the lead over the next."""


def weigh(weights: Sequence[float], figures: Sequence[float]) -> float:
    """Return the weighted sum of figures."""
    return sum(weight * figure for weight, figure in zip(weights, figures, strict=True))


def probability(logit: float) -> float:
    """Return the logistic function of `logit`, which may be any size."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
