"""Fusing: what the search found, together with what the model of intents takes a question for."""

import math
from collections.abc import Mapping, Sequence
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

NEARLY_NOTHING = 1e-9

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
    scores = _scores({key: candidate.rank - lowest for key, (_, candidate) in known.items()}, guesses)
    order = sorted(known, key=lambda key: (-scores[key], key))
    best = order[0]
    sure = confidence.together(guesses.confidence(guesses.figures(best, scores)), known[best][0])
    fused = []
    for key in order:
        own = sure * math.exp(max(-30.0, scores[key] - scores[best]))
        fused.append((own, replace(known[key][1], rank=scores[key])))
    return sorted([*fused, *others], key=lambda one: (-one[0], one[1].key))


def _scores(leads: Mapping[str, float], guesses: "Guesses") -> dict[str, float]:
    """Return logarithms of probabilities: the model's, shifted by the lead over what was not found at all."""
    own = {key: guesses.log_probability(key) for key in leads}
    elsewhere = max(NEARLY_NOTHING, 1 - math.fsum(map(math.exp, own.values())))
    shifted = {key: own[key] + RANK_SHARE * lead for key, lead in leads.items()}
    whole = math.log(elsewhere + math.fsum(map(math.exp, shifted.values())))
    return {key: score - whole for key, score in shifted.items()}


def _unfound(passage: Passage, rank: float) -> Candidate:
    group = f"{passage.answer_id}\x1f{passage.title}"
    return Candidate(key_of(passage.base, passage.id), passage.answer_id, group, rank, (), passage.title, None)
