"""Intents: how probable each entry is for a question, learned from all wordings of all entries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ai_worker.knowledge.intents import arrays
from ai_worker.knowledge.intents.features import (
    Kinds,
    Numbers,
    Vocabulary,
    content_singles,
    counted,
    singles,
)

LIMIT = 30.0
"""A logit beyond this says nothing more."""


class Meta(msgspec.Struct):
    """What a model knows of itself."""

    fingerprint: str
    """Of the wordings that it was made from, and of how."""

    keys: list[str]
    """The entries, as `index.key_of` writes them. An empty one stands for entries that are not told apart."""

    wordings: float
    """How many an entry has, in the mean."""

    confidence: list[float]
    """Weights of `Figures`, fitted to this site's own wordings."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What tells whether a guess is right."""

    log_probability: float
    margin: float
    """By how much the guess leads, in logits."""

    logit: float
    known: float
    """The share, by rarity, of the question's words that any wording has."""

    known_here: float
    """The share, by rarity, of the question's words that a wording of the guessed entry has."""

    foreign: float
    """The rarity of the rarest word of the question that no wording of the guessed entry has, 0..1."""

    def row(self) -> tuple[float, ...]:
        """Return the figures as a row of a regression, a constant first."""
        margin, logit = min(self.margin, LIMIT), min(self.logit, LIMIT)
        return (1.0, max(self.log_probability, -LIMIT), margin, logit, self.known, self.known_here, self.foreign)


FIGURES = 7
"""The length of a row of figures."""


class Guesses:
    """What the model says of one question."""

    def __init__(self, model: "Intents", plain: str, logits: Numbers) -> None:
        self._model = model
        self._plain = plain
        self._logits = logits
        top = float(logits.max())
        self._log_probabilities = logits - (top + math.log(float(np.exp(logits - top).sum())))

    @property
    def wordings(self) -> float:
        """How many wordings of an entry the model learned from, in the mean."""
        return self._model.meta.wordings

    def knows(self, key: str) -> bool:
        """Return whether the model tells this entry from others."""
        return key in self._model.places

    def log_probability(self, key: str) -> float:
        """Return the logarithm of the probability of an entry that the model knows."""
        return max(-LIMIT, float(self._log_probabilities[self._model.places[key]]))

    def best(self, limit: int) -> list[tuple[str, float]]:
        """Return the most probable entries with their probabilities, the likeliest first."""
        order = np.argsort(-self._log_probabilities, kind="stable")[: limit + 1]
        keys = self._model.meta.keys
        found = [(keys[at], math.exp(self._log_probabilities[at])) for at in order if keys[at]]
        return [(key, probability) for key, probability in found if probability > 0][:limit]

    def figures(self, key: str, scores: Mapping[str, float] | None = None) -> Figures:
        """Return what tells whether `key` is right.

        Args:
            key: The guess.
            scores: Logarithms of probabilities that another way of finding had a part in; the model's
                own if `None`.
        """
        place = self._model.places[key]
        logit = float(self._logits[place])
        if scores is None:
            others = np.delete(self._log_probabilities, place)
            own, rival = float(self._log_probabilities[place]), float(others.max())
        else:
            own = scores[key]
            rival = max((score for other, score in scores.items() if other != key), default=-LIMIT)
        return Figures(own, own - rival, logit, *self._model.acquaintance(self._plain, place))

    def confidence(self, figures: Figures) -> float:
        """Return the probability that a guess with these figures is right."""
        weighed = zip(self._model.meta.confidence, figures.row(), strict=True)
        return 1 / (1 + math.exp(-max(-LIMIT, min(LIMIT, sum(weight * figure for weight, figure in weighed)))))


class Intents:
    """A linear model, mapped from its file."""

    def __init__(self, meta: Meta, tables: Mapping[str, NDArray[Any]]) -> None:
        self.meta = meta
        self.places = {key: place for place, key in enumerate(meta.keys) if key}
        self._bases = np.array([key.partition("\x1f")[0] for key in meta.keys])
        self._vocabulary = Vocabulary(tables["hashes"], tables["rarity"])
        self._weights = tables["weights"]
        self._words = tables["words"]
        self._word_rarity = tables["word_rarity"]
        self._said = tables["said"]

    @classmethod
    def open(cls, path: Path) -> "Intents | None":
        """Return the model in a file; `None` if the file holds none, or is of another version.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is damaged.
        """
        raw, tables = arrays.read(path)
        meta = msgspec.json.decode(raw, type=Meta)
        return cls(meta, tables) if meta.keys else None

    def score(self, plain: str, *, bases: Sequence[str] = ("*",)) -> Guesses | None:
        """Return how probable each entry is; `None` where nothing of the text is known, or asked for."""
        return self.score_of(plain, counted(plain), bases=bases)

    def score_of(self, plain: str, kinds: Kinds, *, bases: Sequence[str] = ("*",)) -> Guesses | None:
        """Return what `score` returns, of a text whose features were taken before."""
        vector = self._vocabulary.vector(kinds)
        if vector.empty:
            return None
        place, value = vector.whole()
        logits = value @ self._weights[place].astype(np.float32)
        if "*" not in bases:
            inside = np.isin(self._bases, list(bases))
            if not inside.any():
                return None
            logits = np.where(inside, logits, np.float32(-1e3))
        return Guesses(self, plain, logits)

    def acquaintance(self, plain: str, place: int) -> tuple[float, float, float]:
        """Return how well the wordings, and those of one entry, know a question's words; see `Figures`."""
        asked = singles(plain)
        content = set(content_singles(plain))
        ceiling = float(self._word_rarity[-1])
        total = known = here = foreign = 0.0
        at = np.minimum(np.searchsorted(self._words, np.array(asked, np.uint32)), len(self._words) - 1)
        for word, where in zip(asked, at.tolist(), strict=True):
            met = int(self._words[where]) == word
            rarity = float(self._word_rarity[where]) if met else ceiling
            said = met and bool(self._said[where, place >> 3] >> (7 - (place & 7)) & 1)
            total += rarity
            known += rarity if met else 0.0
            here += rarity if said else 0.0
            if word in content and not said:
                foreign = max(foreign, rarity / ceiling)
        return (known / total, here / total, foreign) if total else (0.0, 0.0, 1.0)
