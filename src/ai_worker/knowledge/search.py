"""Search: candidates from the index, put in order, with a confidence each."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ai_worker.knowledge import confidence, letter
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.doubt import doubted
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.fusing import fuse
from ai_worker.knowledge.passage import Scored
from ai_worker.knowledge.text_search import by_text, sure_of_text
from ai_worker.knowledge.view import View
from ai_worker.knowledge.wording_search import by_wording, sure_of_wording

if TYPE_CHECKING:
    from ai_worker.knowledge.intents.model import Intents

QUESTION_CHARACTERS = 500
"""Of a longer question the beginning is used: a bound on the work, not a limit on what one may ask."""

AHEAD_OF_TITLES = 5
"""So many texts go before a title that is too unsure for a model to read."""

NEAR_TITLE = 0.4
"""The share of an unsure title's confidence from which on the best text goes before it."""

SureOf = Callable[[Candidate, float, Question], float]
"""Says how sure the first candidate is, given its lead over the next."""


def find(view: View, text: str, *, bases: Sequence[str], limit: int, intents: "Intents | None" = None) -> list[Scored]:
    """Return the passages that best fit a question; see `Retriever.search`.

    Args:
        view: Where to look.
        text: What is asked.
        bases: The knowledge bases to look in.
        limit: How many passages at most.
        intents: What the wordings of this knowledge taught, if they taught anything.
    """
    if view.revision == 0:
        return []
    of_letter = letter.find(view, text, bases=bases, limit=limit)
    if of_letter is not None:
        return of_letter
    text = text[:QUESTION_CHARACTERS]
    question = Question.of(text, view)
    if not question.wording.bare:
        return []
    by_wordings = _with_confidence(by_wording(question, view, bases), sure_of_wording, question, view)
    guesses = intents.score(question.plain, bases=bases) if intents else None
    by_texts = _with_confidence(by_text(question, view, bases), sure_of_text, question, view)
    if guesses:
        by_wordings = fuse(by_wordings, guesses, question, view, bases)
        by_texts = [one for one in by_texts if not guesses.knows(one[1].key)]
    by_wordings = doubted(_behind(by_wordings, by_texts), question, view)
    by_texts = _before_title(doubted(by_texts, question, view, known=by_wordings), by_wordings)
    found: dict[str, tuple[float, float, Candidate]] = {}
    for candidates in (by_texts, by_wordings):
        for sure, candidate in candidates:
            best, other, kept = found.get(candidate.key, (-1.0, 0.0, candidate))
            found[candidate.key] = (sure, best, candidate) if sure > best else (best, max(other, sure), kept)
    order = sorted(found.values(), key=lambda item: (-item[0], -item[1], item[2].key))[:limit]
    passages = {one.key: one.passage for _, one in by_texts if one.passage}
    passages |= view.passages([candidate.key for _, _, candidate in order if candidate.key not in passages])
    return [Scored(passages[candidate.key], sure, candidate.matched) for sure, _, candidate in order]


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


def _behind(
    by_wordings: Sequence[tuple[float, Candidate]], by_texts: Sequence[tuple[float, Candidate]]
) -> list[tuple[float, Candidate]]:
    """Return the wordings, but titles that are too unsure for a model to read behind the best texts.

    A heading has few words to be unlike in.
    """
    if not by_texts:
        return list(by_wordings)
    most = by_texts[:AHEAD_OF_TITLES][-1][0]
    return [
        (sure * min(1.0, most) if one.titles and sure < confidence.CLARIFY_AT / 2 else sure, one)
        for sure, one in by_wordings
    ]


def _before_title(
    by_texts: Sequence[tuple[float, Candidate]], by_wordings: Sequence[tuple[float, Candidate]]
) -> list[tuple[float, Candidate]]:
    """Return the texts, the best of them as sure as a title that is too unsure to be asked back and stands before it.

    Both are then read, and the text first: it was compared with all that the question says.
    """
    if not by_texts or not by_wordings:
        return list(by_texts)
    (sure, text), (of_title, title) = by_texts[0], by_wordings[0]
    if title.titles and of_title < confidence.CLARIFY_AT and of_title * NEAR_TITLE <= sure < of_title:
        return [(math.nextafter(of_title, 1.0), text), *by_texts[1:]]
    return list(by_texts)


def lead_of(candidates: Sequence[Candidate]) -> float:
    """Return by how much the first candidate ranks above the best one that competes with it."""
    first = candidates[0]
    rivals = (first.rank - other.rank for other in candidates if other.group != first.group)
    return min(confidence.MARGIN_LIMIT, next(rivals, confidence.MARGIN_LIMIT))


def _text(candidate: Candidate, view: View) -> str:
    return (candidate.passage or view.passages([candidate.key])[candidate.key]).text
