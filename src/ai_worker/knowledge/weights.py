"""How informative a term is, by how often it stands in the index."""

import math
from collections.abc import Iterable
from typing import Literal

import tantivy

from ai_worker.knowledge import terms
from ai_worker.knowledge.index import WHOLE
from ai_worker.knowledge.language.meaning import MARK, lexicon

Field = Literal["asked", "told"]
"""`asked`: questions, aliases and titles. `told`: approved answers and the text of passages."""

UNHEARD_OF = 1.0
"""The weight of a term that nothing contains."""

ASKING_SHARE = 0.5
"""What the meaning of a question word counts."""

FUNCTION_SHARE = 0.25
"""What a function word counts, compared with another word that is as rare."""

ACROSS_SHARE = 0.5
"""What a pair counts that a function word is one half of: it says little more than its other half."""

WEIGHTS_KEPT = 100_000


class Weights(dict[str, float]):
    """How informative each term is: 1 for one that nothing contains, towards 0 for the commonest.

    It is the inverse document frequency on a scale of the index's own size, so that figures made
    from it mean the same for 60 entries and for 100,000. Looked up once, then remembered.
    """

    def __init__(self, searcher: tantivy.Searcher, field: Field) -> None:
        super().__init__()
        self._searcher = searcher
        self._field = field
        self._total = max(1, searcher.doc_freq("part", WHOLE) if field == "told" else searcher.num_docs)
        self._asking = lexicon().asking

    def __missing__(self, term: str) -> float:
        frequency = self._searcher.doc_freq(self._field, term)
        weight = math.log1p(self._total / (frequency + 0.5)) / math.log1p(self._total / 0.5)
        if term.removeprefix(MARK) in terms.FUNCTION_WORDS:
            weight *= FUNCTION_SHARE
        elif term in self._asking:
            weight *= ASKING_SHARE
        elif self._field == "asked" and len(term) == 2 and not terms.FUNCTION_WORDS.isdisjoint(term):
            weight *= ACROSS_SHARE
        if len(self) >= WEIGHTS_KEPT:
            self.clear()
        self[term] = weight
        return weight

    def of(self, wanted: Iterable[str]) -> float:
        """Return the weight of several terms. Exact summation: the order of a set must not show."""
        return math.fsum(map(self.__getitem__, wanted))
