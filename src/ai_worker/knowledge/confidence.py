"""Confidence: from figures of fit to how sure retrieval is, comparable between questions.

The weights were fitted by logistic regression on development questions that are no part of the
project (`benchmarks/quality/README.md` says how); they are numbers about how people ask, not about
any one knowledge base.
"""

import math
from collections.abc import Sequence

ANSWER_AT = 0.73
"""From here on an answer may be given without asking back. With one question in five outside the
knowledge, 88 to 94 % of such answers are right on the development sets of questions and answers, 95 %
on passages of an encyclopedia, and 84 % on technical documents."""

CLARIFY_AT = 0.30
"""From here on it is worth asking back which of the best candidates was meant; below, the knowledge
most likely has no answer."""

TIED = 0.60
"""What two different answers that fit equally well score at most: enough to ask back, never to answer."""

TIE_MARGIN = 0.05
"""Ranking scores closer than this are equal."""

MARGIN_LIMIT = 4.0
"""A lead over the next candidate beyond this says nothing more."""

RANK_SHARE = (0.5, 0.2)
"""What a point of ranking by wording counts beside the logarithm of a probability that was learned: from a
few wordings for each entry, and from many."""

INTENT_SHARE = (0.3, 0.8)
"""What the model of intents says of an answer, beside what the wordings say: after a few wordings for each
entry, and after many."""

FEW_WORDINGS, MANY_WORDINGS = 4.0, 10.0
"""For each entry, in the mean."""

NEARLY = 0.01
"""Nothing is surer, and nothing less sure, when two confidences are weighed against each other."""

WORDING_RANK = (
    *(1.0, 1.0, 1.0, 2.0, 1.0, 2.5, 2.5, 2.0),
    *(4.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0, -0.5),
)
"""The figures of `WordingFit`, then those of `EntryFit`: chosen by hand, and kept round."""

WORDING_CONFIDENCE = (-2.46, 0.31, 0.29, -3.02, -1.5)
"""A constant, the rank of the first, its lead over the next, whether the question names a company or a
product that the knowledge never speaks of, and whether the wording is but a document's title."""

LEARNED_CONFIDENCE = (-1.47, 0.25, 0.19, 0.40, -2.86)
"""Where a model knows the site's wordings: a constant, the rank of the first by wording, its lead over the
next by wording and model, the logarithm of its probability by the model, and whether the question names a
company or a product that the knowledge never speaks of."""

LEARNED_LEAD_LIMIT = 6.0
LEARNED_LEAST = -12.0

TEXT_RANK = (1.83, 0.42, 0.52, -2.37, 0.29, 2.23, 6.51)
"""The figures of `TextFit`, then the BM25 score as a share of the best candidate's."""

TEXT_CONFIDENCE = (-1.76, 6.36, -2.07, 0.84, -3.42, 1.55, -0.23, -2.52, -1.15, 0.90)
"""A constant, the figures of `TEXT_RANK`, the question's brevity, and the lead over the next."""


def weigh(weights: Sequence[float], figures: Sequence[float]) -> float:
    """Return the weighted sum of figures."""
    return sum(weight * figure for weight, figure in zip(weights, figures, strict=True))


def probability(logit: float) -> float:
    """Return the logistic function of `logit`, which may be any size."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def between(shares: tuple[float, float], wordings: float) -> float:
    """Return the share that holds where entries have so many wordings each."""
    few, many = shares
    depth = min(1.0, max(0.0, (wordings - FEW_WORDINGS) / (MANY_WORDINGS - FEW_WORDINGS)))
    return few + (many - few) * depth


def together(guessed: float, found: float, wordings: float) -> float:
    """Return how sure two ways are together that came to the same answer: their logits, weighed."""
    share = between(INTENT_SHARE, wordings)
    return probability(share * logit(guessed) + (1 - share) * logit(found))


def logit(sure: float) -> float:
    """Return what `probability` makes `sure` of; what is certain counts as nearly so."""
    near = min(1 - NEARLY, max(NEARLY, sure))
    return math.log(near / (1 - near))
