"""Calibration: how sure a guess is, found on the site's own wordings that the model was not shown.

Some wordings are held back, and all wordings of some entries: these are questions that the knowledge
does not answer. What the figures then tell of right and wrong is fitted to them, starting from weights
that hold for any site; the fewer the wordings, the nearer it stays to those.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ai_worker.knowledge.intents.lessons import Lessons
from ai_worker.knowledge.intents.model import Intents, Meta
from ai_worker.knowledge.intents.training import SEED, Texts, tables_of

ANY_SITE = (-0.05, 1.26, 0.57, -0.06, 1.00, -0.51, -0.44)
"""Weights of `Figures` with a constant first, fitted on parts of two sets of English questions under a
free licence (`benchmarks/quality/fit_intents.py`)."""

PULL = 20.0
"""How strongly `ANY_SITE` is kept to: as much as about so many wordings would."""

HELD_BACK = 0.2
"""The share of wordings, and of entries, that a fold holds back."""

ASKED = 1_500
"""So many of them are asked in a fold at most."""

UNKNOWN_SHARE = 0.2
"""The share of questions that the knowledge does not answer, in the traffic that confidence is made for."""

ROUNDS = 30
NEAR = 1e-4


@dataclass(slots=True)
class Asked:
    """Questions to which the answer is known, and what the model made of them."""

    rows: list[tuple[float, ...]] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    """Whether the knowledge answers them at all."""

    @property
    def traffic(self) -> NDArray[np.float64]:
        """How much each question counts, so that `UNKNOWN_SHARE` of the traffic is unknown."""
        known = np.array(self.known)
        inside, outside = max(1, int(known.sum())), max(1, int((~known).sum()))
        heavy = UNKNOWN_SHARE / (1 - UNKNOWN_SHARE) * inside / outside
        return np.where(known, 1.0, heavy)


def folds_for(wordings: int) -> int:
    """Return how often wordings are held back: often where they are few, because that costs little."""
    return 4 if wordings < 1_000 else 2 if wordings < 4_000 else 1


def ask_held_back(lessons: Lessons, texts: Texts) -> Asked:
    """Hold wordings and entries back, learn from the others, and ask for what was held back."""
    chance = np.random.default_rng(SEED)
    asked = Asked()
    turn = chance.permutation(len(lessons.keys))
    for fold in range(folds_for(len(lessons.texts))):
        strangers = np.isin(texts.labels, turn[fold :: round(1 / HELD_BACK)])
        held = ~strangers & (chance.random(len(texts.labels)) < HELD_BACK)
        shown = texts.part(np.flatnonzero(~strangers & ~held))
        tables = tables_of(shown, len(lessons.keys), of=len(lessons.texts))
        model = Intents(Meta("", list(lessons.keys), 0.0, []), tables)
        for at in chance.permutation(np.flatnonzero(strangers | held))[:ASKED]:
            guesses = model.score_of(lessons.texts[at], texts.kinds[at])
            if guesses is not None and (best := guesses.best(1)):
                asked.rows.append(guesses.figures(best[0][0]).row())
                asked.right.append(best[0][0] == lessons.keys[texts.labels[at]])
                asked.known.append(not strangers[at])
    return asked


def fit(lessons: Lessons, texts: Texts) -> list[float]:
    """Return the weights of `Figures` for a site."""
    asked = ask_held_back(lessons, texts)
    if not asked.rows:
        return [*ANY_SITE]
    rows = np.array(asked.rows)
    return regression(rows, np.array(asked.right, np.float64), asked.traffic, np.array(ANY_SITE), PULL)


def regression(
    rows: NDArray[np.float64],
    right: NDArray[np.float64],
    traffic: NDArray[np.float64],
    start: NDArray[np.float64],
    pull: float,
) -> list[float]:
    """Return the weights whose logistic is the chance of being right, by Newton's method, pulled towards `start`."""
    spread = np.maximum(rows.std(axis=0), 0.1)
    spread[0] = 1.0
    ridge = pull * spread**2 / 4

    def cost(weights: NDArray[np.float64]) -> float:
        logits = rows @ weights
        losses = np.logaddexp(0.0, logits) - right * logits
        return float(traffic @ losses + 0.5 * ridge @ (weights - start) ** 2)

    weights = start.copy()
    for _ in range(ROUNDS):
        sure = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (traffic * (right - sure)) - ridge * (weights - start)
        bend = (rows.T * (traffic * sure * (1 - sure))) @ rows + np.diag(ridge)
        step, before = np.linalg.solve(bend, gradient), cost(weights)
        while cost(weights + step) > before and np.abs(step).max() > NEAR:
            step /= 2
        weights += step
        if np.abs(step).max() <= NEAR:
            break
    return [round(float(weight), 4) for weight in weights]
