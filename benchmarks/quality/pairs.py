"""What `run_pairs.py` measures: the likeness of two wordings, as the product's search sees it."""

import math
from collections.abc import Iterable
from typing import cast

from ai_worker.knowledge import terms
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.likeness import likeness
from ai_worker.knowledge.view import View
from ai_worker.knowledge.weights import FUNCTION_SHARE, Weights
from ai_worker.knowledge.wording import Wording


class _Even(dict[str, float]):
    """Weights of terms where there is no knowledge to count in: words of grammar count less, all others alike."""

    def __missing__(self, term: str) -> float:
        return FUNCTION_SHARE if term in terms.FUNCTION_WORDS else 1.0

    def of(self, wanted: Iterable[str]) -> float:
        return math.fsum(self[term] for term in wanted)


class _NoKnowledge:
    """What a question is taken apart by where there is no knowledge: nothing is known, and nothing is a slip."""

    def weights(self, field: str) -> _Even:
        return _Even()

    def has(self, term: str) -> bool:
        return False

    def written(self, key: str) -> list[tuple[str, int]]:
        return []

    def speaks_of(self, name: str) -> bool:
        return True


VIEW = cast(View, _NoKnowledge())
WEIGHTS = cast(Weights, _Even())


class Pairs:
    """Two wordings beside each other, without any knowledge base."""

    def pair_score(self, a: str, b: str) -> float:
        """Return how alike two questions are, 0 to 1, the same either way round."""
        return (_likeness(a, b) + _likeness(b, a)) / 2


def _likeness(question: str, wording: str) -> float:
    return likeness(Question.of(question, VIEW), [Wording.of(wording)], 1, WEIGHTS).wording.alike


def pairs() -> Pairs:
    """Return what `run_pairs.py` measures."""
    return Pairs()
