"""What is stored of a gap, and what it is made from again: the same in every database."""

from datetime import datetime
from typing import Any

from ai_worker.conversation.store import show
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge.gaps import Gap
from ai_worker.pipeline.store import Claim
from ai_worker.storage import codec

QUESTION = 200
"""Characters of a question that are kept and compared."""

SAID = 500
"""Characters that are kept of an answer that did not help."""


GAP = (
    *("question", "times", "first_at", "last_at", "turn_id", "n", "kind", "said", "state", "base", "entry_id"),
    *("settled_at", "settled_by"),
)
"""The columns that `known_gap` reads."""


def gap(claim: Claim, result: TurnResult, now: datetime) -> dict[str, Any]:
    """Return what is stored of a question that had no answer."""
    return _gap(result.question or show(claim.message), claim.turn_id, to_micros(now), kind="unanswered", said="")


def disliked(turn_id: str, text: str, result: str, at: datetime) -> dict[str, Any]:
    """Return what is stored of a question whose answer, as the turn's result has it, did not help."""
    reply, question = codec.reply_of(result), codec.question_of(result)
    return _gap(
        question or text, turn_id, to_micros(at), kind="disliked", said=shorten(reply.text, SAID) if reply else ""
    )


def _gap(text: str, turn_id: str, at: int, *, kind: str, said: str) -> dict[str, Any]:
    question = shorten(text, QUESTION)
    return {"folded": fold(question), "question": question, "at": at, "turn_id": turn_id, "kind": kind, "said": said}


def known_gap(row: Any) -> Gap:
    """Return a gap as its row tells, in the order of `GAP`."""
    question, times, first_at, last_at, turn_id, number, kind, said, state, base, entry_id, settled_at, by = row
    return Gap(
        question=question,
        times=times,
        first_at=from_micros(first_at),
        last_at=from_micros(last_at),
        turn_id=turn_id,
        number=number,
        kind=kind,
        said=said,
        state=state,
        base=base,
        entry_id=entry_id,
        settled_at=None if settled_at is None else from_micros(settled_at),
        settled_by=by,
    )
