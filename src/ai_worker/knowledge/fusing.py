"""Fusing: what the search found, together with what the model of intents takes a question for."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ai_worker.knowledge import confidence
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.index import View, key_of
from ai_worker.knowledge.passage import Passage

if TYPE_CHECKING:
    from ai_worker.knowledge.intents.model import Guesses

GUESSED = 5
"""So many of the likeliest entries are in the running, whether or not the search found them."""

RANK_SHARE = 0.2
"""What a point of ranking counts beside the logarithm of a probability. From 0.05 to 0.5 it makes little
difference, on six sets of either language."""

UNFOUND = 1.0
"""How much lower than the last that was found an entry ranks that was not."""

Sure = tuple[float, Candidate]


def fuse(found: Sequence[Sure], guesses: "Guesses", view: View, bases: Sequence[str]) -> list[Sure]:
    """Return the candidates by wording in a new order, each with its confidence.

    Entries that the model does not know keep the confidence that the search has of them.
    """
    known = {candidate.key: (sure, candidate) for sure, candidate in found if guesses.knows(candidate.key)}
    others = [one for one in found if one[1].key not in known]
    lowest = min((candidate.rank for _, candidate in known.values()), default=0.0) - UNFOUND
    missed = [key for key, _ in guesses.best(GUESSED) if key not in known]
    for passage in view.among(missed, bases=bases):
        candidate = _unfound(passage, lowest)
        known[candidate.key] = (0.0, candidate)
    if not known:
        return others
    scores = _normal({key: guesses.log_probability(key) + RANK_SHARE * one.rank for key, (_, one) in known.items()})
    order = sorted(known, key=lambda key: (-scores[key], key))
    best, top = order[0], scores[order[0]]
    sure = guesses.confidence(guesses.figures(best, scores))
    sure = confidence.together(sure, known[best][0])
    fused = [(sure * math.exp(max(-30.0, scores[key] - top)), known[key][1]) for key in order]
    ranked = [(own, replace(candidate, rank=scores[candidate.key])) for own, candidate in fused]
    return sorted([*ranked, *others], key=lambda one: (-one[0], one[1].key))


def _unfound(passage: Passage, rank: float) -> Candidate:
    group = f"{passage.answer_id}\x1f{passage.title}"
    return Candidate(key_of(passage.base, passage.id), passage.answer_id, group, rank, (), passage.title, None)


def _normal(scores: dict[str, float]) -> dict[str, float]:
    top = max(scores.values())
    whole = top + math.log(math.fsum(math.exp(score - top) for score in scores.values()))
    return {key: score - whole for key, score in scores.items()}
