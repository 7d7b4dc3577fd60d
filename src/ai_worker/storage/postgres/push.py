"""Proactive messages: urgent ones first, and several in one."""

from dataclasses import replace
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.pipeline.store import OutboundMessage, ProactiveMessage
from ai_worker.storage import codec, outbound_rows, rows
from ai_worker.storage.postgres import outbox
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

BUNDLE = 200
"""Most messages that go out as one."""

LANE = f"""
INSERT INTO conversation (channel, key, contact_id, worker, standalone, state, address, opened_at, last_at, last_text,
    unread, waiting, ready_at)
VALUES ($2, $3, $4, '', true, 'worker', $5, $6, $6, '', 0, 0, {MOMENT})
ON CONFLICT (channel, key) DO UPDATE SET address = excluded.address, last_at = excluded.last_at
RETURNING id
"""

URGENT = "UPDATE outbound SET urgent = true WHERE id = $1"

MINE = "SELECT 1 FROM outbound WHERE id = $1 AND state = 'sending' AND attempts = $2 FOR UPDATE"
WAITING = """
SELECT n, body, attempts FROM outbound WHERE conversation_id = $1 AND settled_at IS NULL AND state = 'waiting'
ORDER BY urgent DESC, n LIMIT $2
"""
JOIN = "UPDATE outbound SET state = 'merged', settled_at = $1, merged_into = $2 WHERE n = ANY ($3::bigint[])"
WORDS = "UPDATE outbound SET body = $1 WHERE id = $2"


async def push(database: PostgresDatabase, message: ProactiveMessage) -> tuple[int, bool]:
    """Store a message; return its conversation, and False if its id is known already."""
    lane, row = rows.without_nul(outbound_rows.push_lane(message)), rows.without_nul(outbound_rows.pushed(message))
    async with database.transaction() as connection:
        number = await connection.fetchval(LANE, database.moment, *lane.values())
        if not await outbox.insert_new(database, connection, {**row, "conversation_id": number, "owner": None}):
            return number, False
        if message.urgent:
            await connection.execute(URGENT, message.id)
            await outbox.urgent_first(connection, number)
    return number, True


async def merge(database: PostgresDatabase, message: OutboundMessage, most_bytes: int) -> OutboundMessage:
    """Join what waits to a message that is being sent; it stays as it is if it is not its sender's any more."""
    async with database.transaction() as connection:
        await connection.execute(outbox.LANES, [message.conversation_id])
        if await connection.fetchval(MINE, message.id, message.attempt) is None:
            return message
        waiting: list[Any] = await connection.fetch(WAITING, message.conversation_id, BUNDLE)
        reply, taken = outbound_rows.merged(message.reply, waiting, most_bytes)
        if taken:
            await connection.execute(JOIN, to_micros(database.clock.now()), message.id, taken)
            await connection.execute(WORDS, codec.encode(reply), message.id)
    return replace(message, reply=reply)
