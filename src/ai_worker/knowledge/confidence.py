"""Confidence: from figures of fit to how sure retrieval is, comparable between questions.

Where each number comes from is told in decision 0011: ranks are chosen by hand, confidence is fitted
to questions of our own and to open sets, nothing to data that may not be shipped.
"""

import math
from collections.abc import Sequence

ANSWER_AT = 0.80
"""From here on an answer may be given without asking back. With one question in five outside the
knowledge, 94 to 98 % of such answers are right on the development sets of questions in several wordings."""

CLARIFY_AT = 0.40
"""From here on it is worth asking back which of the best candidates was meant; below, the knowledge
most likely has no answer."""

TIED = 0.60
"""What two different answers that fit equally well score at most: enough to ask back, never to answer."""

TIE_MARGIN = 0.05
"""Ranking scores closer than this are equal."""

UNMET_EVERYWHERE = 0.25
"""So much of what a question means may be missing from the right entry, too: people tell what happened."""

UNMET_MATTER = 12.0
"""What the rest of it takes from the logit, down to `TIED`: the best guess is then asked back."""

MARGIN_LIMIT = 4.0
"""A lead over the next candidate beyond this says nothing more."""

RANK_SHARE = (0.5, 0.2)
"""What a point of ranking by wording counts beside the logarithm of a probability that was learned: from a
few wordings for each entry, and from many."""

INTENT_SHARE = (0.15, 0.8)
"""What the model of intents says of an answer, beside what the wordings say: after a few wordings for each
entry, and after many."""

FEW_WORDINGS, MANY_WORDINGS = 4.0, 10.0
"""For each entry, in the mean."""

NEARLY = 0.01
"""Nothing is surer, and nothing less sure, when two confidences are weighed against each other."""

WORDING_RANK = (
    *(2.0, 1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 2.0),
    *(4.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0, -0.5),
)
"""The figures of `WordingFit`, then those of `EntryFit`: chosen by hand, and kept round."""

WORDING_CONFIDENCE = (-2.31, 0.33, 0.27, -2.65, -1.5)
"""A constant, the rank of the first, its lead over the next, whether the question names a company or a
product that the knowledge never speaks of, and whether the wording is but a document's title."""

LEARNED_CONFIDENCE = (-2.38, 0.28, 0.25, -2.52)
"""Where a model knows the site's wordings: a constant, the rank of the first by wording, its lead over the
next by wording and model, and whether the question names a company or a product that the knowledge never
speaks of."""

LEARNED_LEAD_LIMIT = 6.0

TEXT_RANK = (2.10, 0.31, 1.58, -1.05, 0.34, 1.68, 2.49, 4.96, 1.65, 3.48)
"""The figures of `TextFit`, then the BM25 score as a share of the best candidate's."""

TEXT_CONFIDENCE = (-5.80, 0.46, 0.64, -3.97, -2.90, 2.48, -0.79)
"""A constant, the rank of the first, its lead over the next, and the figures of `Question`."""


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
