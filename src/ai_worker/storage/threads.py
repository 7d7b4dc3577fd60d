"""Threads and turns put together from stored rows, the same for every database."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.store import ThreadItem, TurnRecord
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros
from ai_worker.storage import codec

UNDELIVERED = ("failed", "unknown", "expired")
"""How a delivery can end that a person has to look at."""


def lines(
    who: Any,
    *,
    turns: Sequence[Any],
    unfinished: Sequence[Any],
    sent: Iterable[Any],
    persons: Sequence[Any],
    notices: Sequence[Any],
    limit: int,
) -> list[ThreadItem]:
    """Return the latest `limit` lines, oldest first.

    Args:
        who: The contact's name and id, the worker's name, and whether it is a group.
        turns: Finished turns, newest first.
        unfinished: Messages that wait or were given up, newest first.
        sent: What went out for them.
        persons: What persons said, newest first.
        notices: What happened, newest first.
        limit: Lines wanted.
    """
    out = {(turn_id, kind): rest for turn_id, kind, *rest in sent}
    found = list(_notices(notices))
    for row in reversed(turns):
        found.extend(_turn_lines(row, who, out))
    for row in reversed(unfinished):
        found.append(_unfinished(row, who))
        found.extend(_holding(row[0], who[2], out))
    found.extend(_persons(persons))
    found.sort(key=lambda item: item.at)
    return found[-limit:]


def _turn_lines(row: Any, who: Any, sent: dict[tuple[str, str], Any]) -> Iterator[ThreadItem]:
    """Yield a message, what was said while it took long, its answer, and that it was handed over."""
    turn_id, finished_at, response_ms, result = row[0], from_micros(row[7]), row[8], codec.result(row[9])
    yield _said(row[:7], who)
    yield from _holding(turn_id, who[2], sent)
    if result.reply is not None:
        delivery = sent.get((turn_id, "reply"))
        yield ThreadItem(
            at=finished_at,
            author="worker",
            text=result.reply.text,
            name=who[2],
            turn_id=turn_id,
            result=result,
            response_ms=response_ms,
            **(_fate(*delivery[2:]) if delivery else {}),
        )
    if result.decision == "handoff":
        yield ThreadItem(at=finished_at, author="notice", text="handed_over", turn_id=turn_id, result=result)


def _said(row: Any, who: Any) -> ThreadItem:
    turn_id, received_at, name, department, contact_id, text, body = row
    message: InboundMessage | None = None if body is None else codec.message(body)
    return ThreadItem(
        at=from_micros(received_at),
        author="contact",
        text=text if message is None else message.text,
        name=name or (contact_id if who[3] else who[0]) or who[1],
        parts=() if message is None else message.parts,
        turn_id=turn_id,
        department=department,
    )


def _unfinished(row: Any, who: Any) -> ThreadItem:
    *said, state, error, dropped_at = row
    line = _said(said, who)
    return replace(line, error=error, letter=_letter(dropped_at)) if state == "dead" else line


def _holding(turn_id: str, worker: str, sent: dict[tuple[str, str], Any]) -> Iterator[ThreadItem]:
    if notice := sent.get((turn_id, "holding")):
        created_at, body, state, error, outbound_id, _ = notice
        yield ThreadItem(
            at=from_micros(created_at),
            author="worker",
            text=codec.reply(body).text,
            name=worker,
            turn_id=turn_id,
            delivery=state,
            error=error,
            outbound_id=outbound_id,
        )


def _fate(state: str, error: str, outbound_id: str, dropped_at: int | None) -> dict[str, Any]:
    """Return what a line says of how its words fared on their way out."""
    return {
        "delivery": state,
        "error": error,
        "outbound_id": outbound_id,
        "letter": _letter(dropped_at) if state in UNDELIVERED else None,
    }


def _letter(dropped_at: int | None) -> Literal["dead", "dropped"]:
    return "dead" if dropped_at is None else "dropped"


def _persons(rows: Sequence[Any]) -> Iterator[ThreadItem]:
    for person, created_at, body, *fate in reversed(rows):
        reply = codec.reply(body)
        yield ThreadItem(
            at=from_micros(created_at),
            author="human",
            text=reply.text,
            name=person,
            attachments=reply.attachments,
            **_fate(*fate),
        )


def _notices(rows: Sequence[Any]) -> Iterator[ThreadItem]:
    for at, kind, person in reversed(rows):
        yield ThreadItem(at=from_micros(at), author="notice", text=kind, name=person)


def turn(turn_id: str, row: Any) -> TurnRecord:
    """Return a turn, finished or not, as its row tells."""
    channel, conversation_id, key, state, held, received_at, question, finished_at, result = row
    stored: TurnResult | None = None if result is None else codec.result(result)
    return TurnRecord(
        id=turn_id,
        channel=channel,
        conversation_id=conversation_id,
        conversation_key=key,
        state="held" if held and state == "waiting" else state,
        received_at=from_micros(received_at),
        finished_at=None if finished_at is None else from_micros(finished_at),
        question=question,
        result=stored,
    )
