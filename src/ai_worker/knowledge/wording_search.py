"""The search by wording: entries whose question, or another way to ask it, is like what is asked."""

from collections.abc import Iterable, Sequence

from ai_worker.knowledge import confidence
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.likeness import likeness
from ai_worker.knowledge.view import Hit, View

WORDINGS = 60
ENTRIES = 20
"""So many entries are compared closely: those of the wordings that share most with the question."""


def by_wording(question: Question, view: View, bases: Sequence[str]) -> list[Candidate]:
    """Return the passages whose wordings are like the question, the likest first."""
    wanted = [*question.wording.asked, *question.wording.meanings]
    hits = _by_entry(view.each("asked", wanted, bases=bases, limit=WORDINGS))
    candidates = [_candidate(question, of_one, view) for of_one in hits]
    return sorted(candidates, key=lambda candidate: (-candidate.rank, candidate.key))


def _by_entry(hits: Iterable[Hit]) -> Sequence[Sequence[Hit]]:
    """Return the hits of the first entries. No more hits are read than those can have."""
    entries: dict[str, list[Hit]] = {}
    missing = 0
    for hit in hits:
        if hit.key not in entries and len(entries) == ENTRIES:
            continue
        missing += -1 if hit.key in entries else hit.siblings - 1
        entries.setdefault(hit.key, []).append(hit)
        if len(entries) == ENTRIES and not missing:
            break
    return list(entries.values())


def sure_of_wording(first: Candidate, lead: float, question: Question) -> float:
    """Return how sure the first candidate is, given its lead over the next."""
    figures = (1.0, first.rank, lead, float(question.elsewhere), float(first.titles))
    return confidence.probability(confidence.weigh(confidence.WORDING_CONFIDENCE, figures))


def _candidate(question: Question, hits: Sequence[Hit], view: View) -> Candidate:
    wordings = tuple(hit.wording for hit in hits if hit.wording is not None)
    like = likeness(question, wordings, hits[0].siblings, view.weights("asked"))
    rank = confidence.weigh(confidence.WORDING_RANK, like.figures)
    answer, matched = hits[0].answer, like.best.text
    return Candidate(
        key=hits[0].key,
        answer=answer,
        group=f"{answer}\x1f{matched}",
        rank=rank,
        figures=like.figures,
        matched=matched,
        passage=None,
        titles=hits[0].titles,
        heard=wordings,
    )
