"""Search: candidates from the index, put in order, with a confidence each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ai_worker.knowledge import confidence
from ai_worker.knowledge.fit import Question, text_fit
from ai_worker.knowledge.index import Hit, View
from ai_worker.knowledge.likeness import likeness
from ai_worker.knowledge.passage import Passage, Scored

WORDINGS = 60
TEXTS = 15
QUESTION_CHARACTERS = 500
"""Of a longer question the beginning is used: a bound on the work, not a limit on what one may ask."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One passage in the running, seen through its wordings or through its text."""

    key: str
    answer: str
    group: str
    """Candidates of one group do not compete: a section's passages, found by its heading, are all right."""

    rank: float
    figures: tuple[float, ...]
    matched: str
    passage: Passage | None


def find(view: View, text: str, *, bases: Sequence[str], limit: int) -> list[Scored]:
    """Return the passages that best fit a question; see `Retriever.search`."""
    if view.revision == 0:
        return []
    question = Question.of(text[:QUESTION_CHARACTERS], view)
    if not question.wording.bare:
        return []
    ways = ((by_text(question, view, bases), _sure_of_text), (by_wording(question, view, bases), _sure_of_wording))
    found: dict[str, tuple[float, float, Candidate]] = {}
    for candidates, sure_of in ways:
        for sure, candidate in _with_confidence(candidates, sure_of, question, view):
            best, other, kept = found.get(candidate.key, (-1.0, 0.0, candidate))
            found[candidate.key] = (sure, best, candidate) if sure > best else (best, max(other, sure), kept)
    order = sorted(found.values(), key=lambda item: (-item[0], -item[1], item[2].key))[:limit]
    passages = view.passages([candidate.key for _, _, candidate in order])
    return [Scored(passages[candidate.key], sure, candidate.matched) for sure, _, candidate in order]


def by_wording(question: Question, view: View, bases: Sequence[str]) -> list[Candidate]:
    """Return the passages whose wordings are like the question, the likest first."""
    hits: dict[str, list[Hit]] = {}
    for hit in view.search("asked", [*question.wording.asked, *question.wording.meanings], bases=bases, limit=WORDINGS):
        hits.setdefault(hit.key, []).append(hit)
    candidates = []
    for key, of_one in hits.items():
        wordings = [hit.wording for hit in of_one if hit.wording is not None]
        like = likeness(question, wordings, of_one[0].siblings, view.weights("asked"))
        rank = confidence.weigh(confidence.WORDING_RANK, like.figures)
        group = f"{of_one[0].answer}\x1f{like.best.text}"
        candidates.append(Candidate(key, of_one[0].answer, group, rank, like.figures, like.best.text, None))
    return sorted(candidates, key=lambda candidate: (-candidate.rank, candidate.key))


def by_text(question: Question, view: View, bases: Sequence[str]) -> list[Candidate]:
    """Return the passages whose text has what the question asks for, the likest first."""
    hits = view.search("told", list(question.told), bases=bases, limit=TEXTS)
    best = max((hit.score for hit in hits), default=1.0)
    candidates = []
    for hit in hits:
        assert hit.passage is not None  # every text carries its passage
        title = "" if hit.passage.kind == "entry" else hit.passage.title
        figures = (*text_fit(question, title, hit.passage.text, view), hit.score / best)
        rank = confidence.weigh(confidence.TEXT_RANK, figures)
        candidates.append(Candidate(hit.key, hit.answer, hit.key, rank, figures, "", hit.passage))
    return sorted(candidates, key=lambda candidate: (-candidate.rank, candidate.key))


SureOf = Callable[[Candidate, float, Question], float]


def _sure_of_text(first: Candidate, lead: float, question: Question) -> float:
    figures = (1.0, *first.figures, question.brevity, lead)
    return confidence.probability(confidence.weigh(confidence.TEXT_CONFIDENCE, figures))


def _sure_of_wording(first: Candidate, lead: float, question: Question) -> float:
    figures = (1.0, first.rank, lead, float(question.elsewhere))
    return confidence.probability(confidence.weigh(confidence.WORDING_CONFIDENCE, figures))


def _with_confidence(
    candidates: Sequence[Candidate], sure_of: SureOf, question: Question, view: View
) -> list[tuple[float, Candidate]]:
    """Return each candidate with its confidence: the first's own, and the others' in proportion."""
    if not candidates:
        return []
    first = candidates[0]
    rival = next((candidate for candidate in candidates if candidate.group != first.group), None)
    lead = lead_of(candidates)
    sure = sure_of(first, lead, question)
    if rival and lead < confidence.TIE_MARGIN and _text(first, view) != _text(rival, view):
        sure = min(sure, confidence.TIED)
    return [(sure * math.exp(max(-30.0, candidate.rank - first.rank)), candidate) for candidate in candidates]


def lead_of(candidates: Sequence[Candidate]) -> float:
    """Return by how much the first candidate ranks above the best one that competes with it."""
    first = candidates[0]
    rivals = (first.rank - other.rank for other in candidates if other.group != first.group)
    return min(confidence.MARGIN_LIMIT, next(rivals, confidence.MARGIN_LIMIT))


def _text(candidate: Candidate, view: View) -> str:
    return (candidate.passage or view.passages([candidate.key])[candidate.key]).text
