"""Proactive messages: urgent ones first, and several in one."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.pipeline.store import OutboundMessage, ProactiveMessage
from ai_worker.storage import codec, outbound_rows
from ai_worker.storage.sqlite import outbox

BUNDLE = 200
"""Most messages that go out as one."""

LANE = """
INSERT INTO conversation (channel, key, contact_id, worker, standalone, state, address, opened_at, last_at, last_text,
    unread, waiting, ready_at)
VALUES (:channel, :key, :contact_id, '', 1, 'worker', :address, :at, :at, '', 0, 0, :at)
ON CONFLICT (channel, key) DO UPDATE SET address = excluded.address, last_at = excluded.last_at
RETURNING id
"""

URGENT = "UPDATE outbound SET urgent = 1 WHERE id = ?"

MINE = "SELECT 1 FROM outbound WHERE id = ? AND state = 'sending' AND attempts = ?"
WAITING = """
SELECT n, body, attempts FROM outbound
WHERE conversation_id = ? AND settled_at IS NULL AND state = 'waiting' AND urgent = ? ORDER BY n LIMIT ?
"""
JOIN = "UPDATE outbound SET state = 'merged', settled_at = ?, merged_into = ? WHERE n = ?"
WORDS = "UPDATE outbound SET body = ? WHERE id = ?"


def push(connection: apsw.Connection, message: ProactiveMessage, lane: dict[str, Any], row: dict[str, Any]) -> bool:
    """Store a message; return False if its id is known already."""
    (conversation_id,) = next(connection.execute(LANE, lane))
    outbox.insert_waiting(connection, {**row, "conversation_id": conversation_id}, from_micros(row["created_at"]))
    if not connection.changes():
        return False
    if message.urgent:
        connection.execute(URGENT, (message.id,))
        outbox.urgent_first(connection, conversation_id)
    return True


def merge(
    connection: apsw.Connection, message: OutboundMessage, most_bytes: int, now: datetime
) -> OutboundMessage | None:
    """Join what waits to a message that is being sent; `None` if it is not its sender's any more."""
    if connection.execute(MINE, (message.id, message.attempt)).fetchone() is None:
        return None
    waiting: list[Any] = [
        row
        for urgent in (1, 0)
        for row in connection.execute(WAITING, (message.conversation_id, urgent, BUNDLE)).fetchall()
    ]
    reply, taken = outbound_rows.merged(message.reply, waiting, most_bytes)
    if taken:
        connection.executemany(JOIN, [(to_micros(now), message.id, number) for number in taken])
        connection.execute(WORDS, (codec.encode(reply), message.id))
    return replace(message, reply=reply)
