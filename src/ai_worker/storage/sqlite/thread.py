"""Threads: everything that was said and that happened in a conversation, in order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import apsw

from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.store import ThreadItem, TurnRecord
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros
from ai_worker.storage.sqlite import codec

UNDELIVERED = ("failed", "unknown", "expired")
"""How a delivery can end that a person has to look at."""

WHO = "SELECT contact_name, contact_id, worker FROM conversation WHERE id = ?"

TURNS = """
SELECT turn_id, inbound.received_at, contact_name, text, body, finished_at, response_ms, result
FROM turn JOIN inbound USING (seq) WHERE turn.conversation_id = ? ORDER BY seq DESC LIMIT ?
"""

# Two stretches of two small indexes: what waits, and what was given up.
UNFINISHED = """
SELECT turn_id, received_at, contact_name, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = :id AND state = 'waiting'
UNION ALL
SELECT turn_id, received_at, contact_name, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = :id AND state = 'dead'
ORDER BY received_at DESC LIMIT :limit
"""

SENT = """
SELECT turn_id, kind, created_at, body, state, error, id, dropped_at FROM outbound
WHERE turn_id IN (SELECT value FROM json_each(?))
"""

PERSONS = """
SELECT person, created_at, body, state, error, id, dropped_at FROM outbound
WHERE conversation_id = ? AND kind = 'human' ORDER BY n DESC LIMIT ?
"""

NOTICES = "SELECT at, kind, person FROM notice WHERE conversation_id = ? ORDER BY n DESC LIMIT ?"

TURN = """
SELECT inbound.channel, inbound.conversation_id, conversation.key, inbound.state, held, inbound.received_at, text,
    finished_at, result
FROM inbound JOIN conversation ON conversation.id = inbound.conversation_id LEFT JOIN turn USING (seq)
WHERE turn_id = ?
"""


def lines(connection: apsw.Connection, conversation_id: int, limit: int) -> list[ThreadItem]:
    """Return the latest lines, oldest first: at most `limit` of each kind are read."""
    who = connection.execute(WHO, (conversation_id,)).fetchone()
    if who is None:
        return []
    turns = list(connection.execute(TURNS, (conversation_id, limit)))
    unfinished = list(connection.execute(UNFINISHED, {"id": conversation_id, "limit": limit}))
    sent = _sent(connection, [row[0] for row in (*turns, *unfinished)])
    found = list(_notices(connection, conversation_id, limit))
    for row in reversed(turns):
        found.extend(_turn_lines(row, who, sent))
    for row in reversed(unfinished):
        found.append(_unfinished(row, who))
        found.extend(_holding(row[0], who[2], sent))
    found.extend(_persons(connection, conversation_id, limit))
    found.sort(key=lambda item: item.at)
    return found[-limit:]


def _sent(connection: apsw.Connection, turn_ids: list[str]) -> dict[tuple[str, str], Any]:
    rows = connection.execute(SENT, (codec.encode(turn_ids),))
    return {(turn_id, kind): rest for turn_id, kind, *rest in rows}


def _turn_lines(row: Any, who: Any, sent: dict[tuple[str, str], Any]) -> Iterator[ThreadItem]:
    """Yield a message, what was said while it took long, its answer, and that it was handed over."""
    turn_id, finished_at, response_ms, result = row[0], from_micros(row[5]), row[6], codec.result(row[7])
    yield _said(row[:5], who)
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
    turn_id, received_at, name, text, body = row
    message: InboundMessage | None = None if body is None else codec.message(body)
    return ThreadItem(
        at=from_micros(received_at),
        author="contact",
        text=text if message is None else message.text,
        name=name or who[0] or who[1],
        parts=() if message is None else message.parts,
        turn_id=turn_id,
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


def _persons(connection: apsw.Connection, conversation_id: int, limit: int) -> Iterator[ThreadItem]:
    rows = list(connection.execute(PERSONS, (conversation_id, limit)))
    for person, created_at, body, *fate in reversed(rows):
        text = codec.reply(body).text
        yield ThreadItem(at=from_micros(created_at), author="human", text=text, name=person, **_fate(*fate))


def _notices(connection: apsw.Connection, conversation_id: int, limit: int) -> Iterator[ThreadItem]:
    rows = list(connection.execute(NOTICES, (conversation_id, limit)))
    for at, kind, person in reversed(rows):
        yield ThreadItem(at=from_micros(at), author="notice", text=kind, name=person)


def turn(connection: apsw.Connection, turn_id: str) -> TurnRecord | None:
    """Return a turn, finished or not."""
    row = connection.execute(TURN, (turn_id,)).fetchone()
    if row is None:
        return None
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
