"""Fusing: what the search found by wording, together with what the model of intents takes a question for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ai_worker.knowledge import confidence
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.view import View

if TYPE_CHECKING:
    from ai_worker.knowledge.intents.model import Guesses

GUESSED = 5
"""So many of the likeliest entries are in the running, whether or not the search found them."""

UNFOUND = 1.0
"""How much lower than the last that was found an entry ranks that was not."""

NEARLY_NOTHING = 1e-9

Sure = tuple[float, Candidate]


def fuse(found: Sequence[Sure], guesses: "Guesses", question: Question, view: View, bases: Sequence[str]) -> list[Sure]:
    """Return the candidates by wording in a new order, each with its confidence.

    Entries that the model does not know keep the confidence that the search has of them.
    """
    known = {candidate.key: candidate for _, candidate in found if guesses.knows(candidate.key)}
    others = [one for one in found if one[1].key not in known]
    lowest = min((candidate.rank for candidate in known.values()), default=0.0) - UNFOUND
    missed = [key for key, _ in guesses.best(GUESSED) if key not in known]
    for passage in view.among(missed, bases=bases):
        candidate = _unfound(passage, lowest)
        known[candidate.key] = candidate
    if not known:
        return others
    scores = _scores({key: candidate.rank - lowest for key, candidate in known.items()}, guesses)
    order = sorted(known, key=lambda key: (-scores[key], key))
    sure = _sure([known[key] for key in order], scores, guesses, question)
    fused = []
    for key in order:
        own = sure * math.exp(max(-30.0, scores[key] - scores[order[0]]))
        fused.append((own, replace(known[key], rank=scores[key])))
    return sorted([*fused, *others], key=lambda one: (-one[0], one[1].key))


def _scores(leads: Mapping[str, float], guesses: "Guesses") -> dict[str, float]:
    """Return logarithms of probabilities: the model's, shifted by the lead over what was not found at all."""
    own = {key: guesses.log_probability(key) for key in leads}
    elsewhere = max(NEARLY_NOTHING, 1 - math.fsum(map(math.exp, own.values())))
    share = confidence.between(confidence.RANK_SHARE, guesses.wordings)
    shifted = {key: own[key] + share * lead for key, lead in leads.items()}
    whole = math.log(elsewhere + math.fsum(map(math.exp, shifted.values())))
    return {key: score - whole for key, score in shifted.items()}


def _sure(order: Sequence[Candidate], scores: Mapping[str, float], guesses: "Guesses", question: Question) -> float:
    """Return how sure the first is: as sure as wordings and model are together, unless two fit equally well."""
    first, key = order[0], order[0].key
    lead = scores[key] - scores[order[1].key] if len(order) > 1 else confidence.LEARNED_LEAD_LIMIT
    figures = (
        1.0,
        first.rank,
        min(confidence.LEARNED_LEAD_LIMIT, lead),
        float(question.elsewhere),
    )
    by_wording = confidence.probability(confidence.weigh(confidence.LEARNED_CONFIDENCE, figures))
    sure = confidence.together(guesses.confidence(guesses.figures(key, scores)), by_wording, guesses.wordings)
    tied = any(
        other.group != first.group and abs(first.rank - other.rank) < confidence.TIE_MARGIN for other in order[1:]
    )
    return min(sure, confidence.TIED) if tied else sure


def _unfound(passage: Passage, rank: float) -> Candidate:
    group = f"{passage.answer_id}\x1f{passage.title}"
    return Candidate(key_of(passage.base, passage.id), passage.answer_id, group, rank, (), passage.title, None)
