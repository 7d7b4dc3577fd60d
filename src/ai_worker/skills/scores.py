"""What evaluations of skills have given: a small file in the data folder, the last few of each skill."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ai_worker.foundation import durable

FILE = "skill-scores.json"
KEPT = 20
"""Scores that are kept of each skill."""


@dataclass(frozen=True, slots=True)
class Score:
    """One evaluation of one skill."""

    passed: int
    examples: int
    at: str
    """ISO 8601, in UTC."""

    model: str = ""
    """The model's name; empty where none is configured."""

    @property
    def share(self) -> float:
        """How many of its examples passed, 0..1."""
        return self.passed / self.examples if self.examples else 0.0


class Scores:
    """Keeps scores. A file that cannot be read holds none: scores are for comparing, nothing rests on them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def of(self, skill: str) -> Sequence[Score]:
        """Return a skill's scores, the oldest first."""
        return self._all().get(skill, ())

    def add(self, skill: str, *, passed: int, examples: int, at: datetime, model: str) -> Score:
        """Keep a score, and return it."""
        scores = dict(self._all())
        made = Score(passed, examples, at.isoformat(timespec="seconds"), model)
        scores[skill] = (*scores.get(skill, ()), made)[-KEPT:]
        text = json.dumps({name: [asdict(one) for one in kept] for name, kept in scores.items()}, ensure_ascii=False)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        durable.put(self._file, [text.encode()])
        return made

    def _all(self) -> Mapping[str, tuple[Score, ...]]:
        try:
            given = json.loads(self._file.read_text("utf-8"))
            return {name: tuple(Score(**one) for one in kept) for name, kept in given.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
