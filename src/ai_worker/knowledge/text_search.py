"""Search by text: passages and answers that have what a question seeks, put in order."""

from collections.abc import Sequence

from ai_worker.knowledge import confidence
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.text_fit import text_fits
from ai_worker.knowledge.view import View

TEXTS = 20
"""Candidates that the index proposes. With 50, no more of the right ones come first."""


def by_text(question: Question, view: View, bases: Sequence[str]) -> list[Candidate]:
    """Return the passages whose text has what the question asks for, the likest first."""
    hits = view.search("told", question.sought.terms, bases=bases, limit=TEXTS)
    texts = [hit.text for hit in hits if hit.text is not None]
    best = max((hit.score for hit in hits), default=1.0)
    candidates = []
    for hit, fit in zip(hits, text_fits(question.sought, texts), strict=True):
        figures = (*fit, hit.score / best)
        rank = confidence.weigh(confidence.TEXT_RANK, figures)
        candidates.append(Candidate(hit.key, hit.answer, hit.key, rank, figures, "", hit.passage))
    return sorted(candidates, key=lambda candidate: (-candidate.rank, candidate.key))


def sure_of_text(first: Candidate, lead: float, question: Question) -> float:
    """Return how sure the first candidate is, given its lead over the next."""
    return confidence.probability(confidence.weigh(confidence.TEXT_CONFIDENCE, trust_figures(first, lead, question)))


def trust_figures(first: Candidate, lead: float, question: Question) -> tuple[float, ...]:
    """Return what says how sure the first candidate is."""
    return (1.0, first.rank, lead, *question.figures)
