"""Calibration: how sure a guess is, found on the site's own wordings that the model was not shown.

Some wordings are held back, and all wordings of some entries: these are questions that the knowledge
does not answer. What the figures then tell of right and wrong is fitted to them, starting from weights
that hold for any site; the fewer the wordings, the nearer it stays to those.
"""

import numpy as np

from ai_worker.knowledge.intents.features import Numbers
from ai_worker.knowledge.intents.lessons import Lessons
from ai_worker.knowledge.intents.model import Intents, Meta
from ai_worker.knowledge.intents.training import SEED, Texts, tables_of

ANY_SITE = (-1.0, 0.9, 0.45, 0.05, 1.5, 2.0, -1.5)
"""Weights of `Figures` with a constant first, fitted on two sets of English questions under a free licence."""

PULL = 20.0
"""How strongly `ANY_SITE` is kept to: as much as about so many wordings would."""

ASKED = 1_500
"""So many wordings are held back in a fold at most."""

UNKNOWN_SHARE = 0.2
"""The share of questions that the knowledge does not answer, in the traffic that confidence is made for."""

ROUNDS = 30


def folds_for(wordings: int) -> int:
    """Return how often wordings are held back: often where they are few, because that costs little."""
    return 4 if wordings < 1_000 else 2 if wordings < 4_000 else 1


def fit(lessons: Lessons, texts: Texts) -> list[float]:
    """Return the weights of `Figures` for a site."""
    chance = np.random.default_rng(SEED)
    rows: list[tuple[float, ...]] = []
    right: list[bool] = []
    known: list[bool] = []
    folds = folds_for(len(lessons.texts))
    turn = chance.permutation(len(lessons.keys))
    for fold in range(folds):
        strangers = np.isin(texts.labels, turn[fold :: max(5, folds)])
        held = ~strangers & (chance.random(len(texts.labels)) < 0.2)
        shown = np.flatnonzero(~strangers & ~held)
        asked = chance.permutation(np.flatnonzero(strangers | held))[:ASKED]
        model = Intents(Meta("", list(lessons.keys), list(ANY_SITE)), tables_of(texts.part(shown), len(lessons.keys)))
        for at in asked:
            guesses = model.score_of(lessons.texts[at], texts.kinds[at])
            if guesses is None or not (best := guesses.best(1)):
                continue
            rows.append(guesses.figures(best[0][0]).row())
            right.append(best[0][0] == lessons.keys[texts.labels[at]])
            known.append(not strangers[at])
    return _regression(np.array(rows), np.array(right, np.float64), _traffic(np.array(known))) if rows else [*ANY_SITE]


def _traffic(known: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> "Numbers":
    """Return how much each question counts, so that `UNKNOWN_SHARE` of the traffic is unknown."""
    inside, outside = max(1, int(known.sum())), max(1, int((~known).sum()))
    heavy = UNKNOWN_SHARE / (1 - UNKNOWN_SHARE) * inside / outside
    return np.where(known, 1.0, heavy).astype(np.float32)


def _regression(
    rows: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    right: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    traffic: Numbers,
) -> list[float]:
    """Return the weights by Newton's method, pulled towards `ANY_SITE`."""
    start = np.array(ANY_SITE)
    weights = start.copy()
    spread = np.maximum(rows.std(axis=0), 0.1)
    spread[0] = 1.0
    ridge = np.diag(PULL * spread**2 / 4)
    for _ in range(ROUNDS):
        sure = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (traffic * (right - sure)) - ridge @ (weights - start)
        bend = (rows.T * (traffic * sure * (1 - sure))) @ rows + ridge
        step = np.linalg.solve(bend, gradient)
        weights += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-4:
            break
    return [round(float(weight), 4) for weight in weights]
