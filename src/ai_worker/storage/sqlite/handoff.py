"""The queue and the seats on SQLite; see `HandoffStore`."""

from datetime import datetime

import apsw

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.handoff_store import Colleague, OtherConversation
from ai_worker.conversation.message import Reply
from ai_worker.conversation.outlook import Wait
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.text import shorten
from ai_worker.storage import conversation_rows, outbound_rows, rows
from ai_worker.storage.sqlite import outbox
from ai_worker.storage.sqlite.conversation import SAID, hand_back, one, take_over
from ai_worker.storage.sqlite.database import SqliteDatabase

AHEAD = """
SELECT count(*) FROM conversation AS other
LEFT JOIN conversation AS mine ON mine.channel = :channel AND mine.key = :key AND mine.state = 'waiting'
WHERE other.state = 'waiting' AND other.standalone = 0 AND other.id IS NOT mine.id AND (
    other.first_in_queue > max(:first, coalesce(mine.first_in_queue, 0))
    OR other.first_in_queue = max(:first, coalesce(mine.first_in_queue, 0))
        AND (mine.id IS NULL OR other.waiting_since < mine.waiting_since))
"""

WAITS = "SELECT asked_at, taken_at FROM handoff_wait WHERE taken_at >= ? ORDER BY taken_at DESC, n DESC LIMIT ?"

# A seat counts for as long as its conversation is that person's.
SEAT = """
SELECT conversation.id FROM seat JOIN conversation ON conversation.id = seat.conversation_id
WHERE seat.channel = ? AND seat.contact_id = ? AND state = 'human' AND conversation.person = seat.person
"""

SEATED = """
SELECT seat.person, seat.channel, seat.contact_id FROM seat JOIN conversation ON conversation.id = seat.conversation_id
WHERE seat.conversation_id = ? AND state = 'human' AND conversation.person = seat.person
"""

TAKE_SEAT = """
INSERT INTO seat (channel, contact_id, person, conversation_id, taken_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (channel, contact_id) DO UPDATE SET
    person = excluded.person, conversation_id = excluded.conversation_id, taken_at = excluded.taken_at
"""

TAKEN = "SELECT taken_at FROM seat WHERE channel = ? AND contact_id = ?"

LEFT = "SELECT left_conversation FROM seat WHERE channel = ? AND contact_id = ? AND left_turn = ?"

LEAVE = """
UPDATE seat SET conversation_id = NULL, left_turn = ?, left_conversation = ? WHERE channel = ? AND contact_id = ?
"""

SAID_BEFORE = "SELECT conversation_id FROM outbound WHERE id = ?"


class SqliteHandoffStore:
    """Keeps who waits, who talks to whom from a messenger, and how long it took."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def ahead(self, channel: str, key: str, *, first: bool) -> int:
        """Return how many conversations wait for a person that come before one."""
        given = {"channel": channel, "key": key, "first": int(first)}
        return await self._database.read(lambda connection: int(next(connection.execute(AHEAD, given))[0]))

    async def waits(self, *, since: datetime, limit: int = 50) -> list[Wait]:
        """Return how long those waited who were seen to since then, latest first."""

        def work(connection: apsw.Connection) -> list[Wait]:
            found = connection.execute(WAITS, (to_micros(since), limit))
            return [Wait(from_micros(asked), from_micros(taken)) for asked, taken in found]

        return await self._database.read(work)

    async def take_seat(self, colleague: Colleague, conversation_id: int, at: datetime) -> Conversation:
        """Let a colleague answer a conversation from the messenger."""

        def work(connection: apsw.Connection) -> Conversation:
            seat = _seat(connection, colleague)
            if seat not in (None, conversation_id):
                raise OtherConversation(f"{colleague.person} talks in c-{seat} now.")
            taken = take_over(connection, conversation_id, colleague.person, to_micros(at))
            connection.execute(TAKE_SEAT, (*_key(colleague), colleague.person, conversation_id, to_micros(at)))
            return taken

        return await self._database.write(work)

    async def seat(self, colleague: Colleague) -> Conversation | None:
        """Return the conversation that a colleague answers from the messenger."""

        def work(connection: apsw.Connection) -> Conversation | None:
            seat = _seat(connection, colleague)
            return None if seat is None else one(connection, seat)

        return await self._database.read(work)

    async def seated(self, conversation_id: int) -> Colleague | None:
        """Return who answers a conversation from a messenger."""

        def work(connection: apsw.Connection) -> Colleague | None:
            row = connection.execute(SEATED, (conversation_id,)).fetchone()
            return None if row is None else Colleague(*row)

        return await self._database.read(work)

    async def speak(self, colleague: Colleague, reply: Reply, at: datetime, *, turn_id: str) -> Conversation | None:
        """Make a colleague's words durable and due for delivery, once for each turn."""
        line, outbound_id = shorten(reply.text, rows.LINE), outbound_rows.said_by_turn(turn_id)

        def work(connection: apsw.Connection) -> Conversation | None:
            if before := connection.execute(SAID_BEFORE, (outbound_id,)).fetchone():
                return one(connection, before[0])
            seat = _seat(connection, colleague)
            if seat is None:
                return None
            spoken = one(connection, seat)
            (taken_at,) = next(connection.execute(TAKEN, _key(colleague)))
            conversation_rows.awake(spoken, taken_at, at)
            (lane,) = connection.execute(SAID, (to_micros(at), line, seat, spoken.person)).fetchall()
            row = outbound_rows.said(seat, lane, spoken.person, reply, at, id=outbound_id)
            outbox.insert_waiting(connection, row, at)
            return spoken

        return await self._database.write(work)

    async def leave_seat(self, colleague: Colleague, at: datetime, *, turn_id: str) -> Conversation | None:
        """Let the worker answer again where a colleague did."""

        def work(connection: apsw.Connection) -> Conversation | None:
            if before := connection.execute(LEFT, (*_key(colleague), turn_id)).fetchone():
                return one(connection, before[0])
            seat = _seat(connection, colleague)
            if seat is None:
                return None
            hand_back(connection, seat, one(connection, seat).person, to_micros(at))
            connection.execute(LEAVE, (turn_id, seat, *_key(colleague)))
            return one(connection, seat)

        return await self._database.write(work)


def _key(colleague: Colleague) -> tuple[str, str]:
    return colleague.channel, colleague.contact_id


def _seat(connection: apsw.Connection, colleague: Colleague) -> int | None:
    row = connection.execute(SEAT, _key(colleague)).fetchone()
    return None if row is None else int(row[0])
