"""The queue and the seats on PostgreSQL; see `HandoffStore`."""

from datetime import datetime
from typing import Any

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.handoff_store import Colleague, OtherConversation
from ai_worker.conversation.message import Reply
from ai_worker.conversation.outlook import Wait
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import Heard
from ai_worker.storage import conversation_rows, outbound_rows, rows
from ai_worker.storage.postgres import outbox
from ai_worker.storage.postgres.conversation import LOCK, SAID, hand_back, one, take_over
from ai_worker.storage.postgres.database import PostgresDatabase

AHEAD = """
SELECT count(*) FROM conversation AS other
LEFT JOIN conversation AS mine ON mine.channel = $1 AND mine.key = $2 AND mine.state = 'waiting'
WHERE other.state = 'waiting' AND NOT other.standalone AND other.id IS DISTINCT FROM mine.id AND (
    other.first_in_queue > ($3 OR coalesce(mine.first_in_queue, false))
    OR other.first_in_queue = ($3 OR coalesce(mine.first_in_queue, false))
        AND (mine.id IS NULL OR other.waiting_since < mine.waiting_since))
"""

WAITS = "SELECT asked_at, taken_at FROM handoff_wait WHERE taken_at >= $1 ORDER BY taken_at DESC, n DESC LIMIT $2"

# Whoever changes a seat has locked its conversation before, here and everywhere: so nobody waits in a circle.
CLAIM = """
INSERT INTO seat (channel, contact_id, person, taken_at) VALUES ($1, $2, $3, 0)
ON CONFLICT (channel, contact_id) DO UPDATE SET contact_id = excluded.contact_id
"""

# A seat counts for as long as its conversation is that person's.
SEAT = """
SELECT conversation.id FROM seat JOIN conversation ON conversation.id = seat.conversation_id
WHERE seat.channel = $1 AND seat.contact_id = $2 AND state = 'human' AND conversation.person = seat.person
"""

SEATED = """
SELECT seat.person, seat.channel, seat.contact_id FROM seat JOIN conversation ON conversation.id = seat.conversation_id
WHERE seat.conversation_id = $1 AND state = 'human' AND conversation.person = seat.person
"""

SIT = "UPDATE seat SET person = $3, conversation_id = $4, taken_at = $5 WHERE channel = $1 AND contact_id = $2"

TAKEN = "SELECT taken_at FROM seat WHERE channel = $1 AND contact_id = $2"

LEFT = "SELECT left_conversation FROM seat WHERE channel = $1 AND contact_id = $2 AND left_turn = $3"

LEAVE = """
UPDATE seat SET conversation_id = NULL, left_turn = $3, left_conversation = $4 WHERE channel = $1 AND contact_id = $2
"""

SAID_BEFORE = "SELECT conversation_id FROM outbound WHERE id = $1"


class PostgresHandoffStore:
    """Keeps who waits, who talks to whom from a messenger, and how long it took."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def ahead(self, channel: str, key: str, *, first: bool) -> int:
        """Return how many conversations wait for a person that come before one."""
        (count,) = await self._database.first(AHEAD, rows.plain(channel), rows.plain(key), first)
        return int(count)

    async def waits(self, *, since: datetime, limit: int = 50) -> list[Wait]:
        """Return how long those waited who were seen to since then, latest first."""
        found = await self._database.fetch(WAITS, to_micros(since), limit)
        return [Wait(from_micros(asked), from_micros(taken)) for asked, taken in found]

    async def take_seat(self, colleague: Colleague, conversation_id: int, at: datetime) -> Conversation:
        """Let a colleague answer a conversation from the messenger."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK, conversation_id)
            await connection.execute(CLAIM, *_key(colleague), colleague.person)
            seat = await _seat(connection, colleague)
            if seat not in (None, conversation_id):
                raise OtherConversation(f"{colleague.person} talks in c-{seat} now.")
            taken = await take_over(connection, conversation_id, colleague.person, to_micros(at))
            await connection.execute(SIT, *_key(colleague), colleague.person, conversation_id, to_micros(at))
        self._database.bell.ring(Heard("turn", conversation_id))
        return taken

    async def seat(self, colleague: Colleague) -> Conversation | None:
        """Return the conversation that a colleague answers from the messenger."""
        async with self._database.transaction() as connection:
            seat = await _seat(connection, colleague)
            return None if seat is None else await one(connection, seat)

    async def seated(self, conversation_id: int) -> Colleague | None:
        """Return who answers a conversation from a messenger."""
        row = await self._database.first(SEATED, conversation_id)
        return None if row is None else Colleague(*row)

    async def speak(self, colleague: Colleague, reply: Reply, at: datetime, *, turn_id: str) -> Conversation | None:
        """Make a colleague's words durable and due for delivery, once for each turn."""
        line, outbound_id = rows.plain(shorten(reply.text, rows.LINE)), outbound_rows.said_by_turn(turn_id)
        async with self._database.transaction() as connection:
            before = await connection.fetchval(SAID_BEFORE, outbound_id)
            if before is not None:
                return await one(connection, before)
            seat = await _seat(connection, colleague)
            if seat is None:
                return None
            await connection.execute(LOCK, seat)
            spoken = await one(connection, seat)
            conversation_rows.awake(spoken, await connection.fetchval(TAKEN, *_key(colleague)), at)
            lane = await connection.fetchrow(SAID, to_micros(at), line, seat, colleague.person)
            if lane is None:  # handed back, by the console, a moment ago
                return None
            row = outbound_rows.said(seat, lane, spoken.person, reply, at, id=outbound_id)
            await outbox.insert(self._database, connection, [rows.without_nul({**row, "owner": None})])
        self._database.bell.ring(Heard("outbound", spoken.id))
        self._database.bell.ring(Heard("turn", spoken.id))
        return spoken

    async def leave_seat(self, colleague: Colleague, at: datetime, *, turn_id: str) -> Conversation | None:
        """Let the worker answer again where a colleague did."""
        async with self._database.transaction() as connection:
            before = await connection.fetchval(LEFT, *_key(colleague), turn_id)
            if before is not None:
                return await one(connection, before)
            seat = await _seat(connection, colleague)
            if seat is None:
                return None
            person = (await one(connection, seat)).person
            await hand_back(connection, seat, person, to_micros(at))
            await connection.execute(LEAVE, *_key(colleague), turn_id, seat)
            left = await one(connection, seat)
        self._database.bell.ring(Heard("turn", left.id))
        return left


def _key(colleague: Colleague) -> tuple[str, str]:
    return rows.plain(colleague.channel), rows.plain(colleague.contact_id)


async def _seat(connection: Any, colleague: Colleague) -> int | None:
    found = await connection.fetchval(SEAT, *_key(colleague))
    return None if found is None else int(found)
