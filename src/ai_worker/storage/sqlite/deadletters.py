"""Dead letters on SQLite: dead inbound rows, and outbound rows whose delivery ended badly."""

from datetime import datetime
from functools import partial

import apsw

from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.pipeline.deadletter import DeadLetter
from ai_worker.pipeline.outbox import LIFETIME
from ai_worker.storage import letters
from ai_worker.storage.sqlite.database import SqliteDatabase

# Spelled as in the indexes `inbound_letters` and `outbound_letters`, or those are not used.
DEAD = "inbound.state = 'dead' AND inbound.dropped_at IS NULL"
UNDELIVERED = (
    "outbound.state IN ('failed', 'unknown', 'expired') AND outbound.dropped_at IS NULL AND outbound.kind <> 'holding'"
)

# In a group the contact is whoever said it; the conversation's is who spoke last.
MESSAGE = """
SELECT turn_id, inbound.channel, conversation_id, coalesce(said_by, contact_id), coalesce(
        (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = said_by),
        inbound.contact_name, CASE WHEN NOT grouped THEN conversation.contact_name END),
    text, error, attempts, received_at
FROM inbound JOIN conversation ON conversation.id = inbound.conversation_id
"""

REPLY = """
SELECT turn_id, outbound.channel, conversation_id, contact_id, coalesce((
        SELECT name FROM contact WHERE contact.channel = conversation.channel AND contact.id = conversation.contact_id
    ), contact_name),
    body, error, attempts, created_at, outbound.state, outbound.id
FROM outbound JOIN conversation ON conversation.id = outbound.conversation_id
"""

MESSAGES = f"{MESSAGE} WHERE {DEAD} ORDER BY received_at DESC LIMIT ?"
REPLIES = f"{REPLY} WHERE {UNDELIVERED} ORDER BY created_at DESC LIMIT ?"
ONE_MESSAGE = f"{MESSAGE} WHERE turn_id = ? AND {DEAD}"
ONE_REPLY = f"{REPLY} WHERE outbound.id = ? AND {UNDELIVERED}"

COUNT = f"SELECT (SELECT count(*) FROM inbound WHERE {DEAD}) + (SELECT count(*) FROM outbound WHERE {UNDELIVERED})"  # noqa: S608

RESUBMIT_MESSAGE = f"""
UPDATE inbound SET state = 'waiting', attempts = 0, error = '' WHERE turn_id = ? AND {DEAD} RETURNING conversation_id
"""  # noqa: S608

# A lane that is owned becomes free by itself; its `ready_at` is its lease's end until then.
WAITS_AGAIN = """
UPDATE conversation SET waiting = waiting + 1,
    ready_at = CASE WHEN waiting = 0 THEN :now WHEN owner IS NULL THEN min(ready_at, :now) ELSE ready_at END
WHERE id = :conversation_id
"""

RESUBMIT_REPLY = f"""
UPDATE outbound SET unsure = iif(state = 'unknown', 1, unsure), state = 'waiting', attempts = 0, error = '',
    settled_at = NULL, due_at = :now, expires_at = :expires_at,
    head = NOT EXISTS (
        SELECT 1 FROM outbound AS other WHERE other.conversation_id = outbound.conversation_id
            AND other.settled_at IS NULL)
WHERE id = :id AND {UNDELIVERED}
"""  # noqa: S608

DROP_MESSAGE = f"UPDATE inbound SET dropped_at = ? WHERE turn_id = ? AND {DEAD}"  # noqa: S608
DROP_REPLY = f"UPDATE outbound SET dropped_at = ? WHERE id = ? AND {UNDELIVERED}"  # noqa: S608


class SqliteDeadLetterStore:
    """Reads dead letters, and puts them back or away; see `DeadLetterStore`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters, newest first."""

        def work(connection: apsw.Connection) -> list[DeadLetter]:
            found = [letters.message(row) for row in connection.execute(MESSAGES, (limit,))]
            found += [letters.reply(row) for row in connection.execute(REPLIES, (limit,))]
            found.sort(key=letters.age, reverse=True)
            return found[:limit]

        return await self._database.read(work)

    async def count(self) -> int:
        """Return how many dead letters there are."""
        return await self._database.read(lambda connection: int(next(connection.execute(COUNT))[0]))

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        """Return one dead letter."""

        def work(connection: apsw.Connection) -> DeadLetter:
            if row := connection.execute(ONE_MESSAGE, (letter_id,)).fetchone():
                return letters.message(row)
            if row := connection.execute(ONE_REPLY, (letter_id,)).fetchone():
                return letters.reply(row)
            raise letters.missing(letter_id)

        return await self._database.read(work)

    async def resubmit(self, letter_id: str, *, now: datetime) -> None:
        """Let it be tried again from its first attempt."""
        await self._database.write(partial(_resubmit, letter_id=letter_id, now=now))

    async def drop(self, letter_id: str) -> None:
        """Put it away for good: it stays in its thread and in the sums, and is no dead letter any more."""
        values = (to_micros(self._clock.now()), letter_id)

        def work(connection: apsw.Connection) -> None:
            for statement in (DROP_MESSAGE, DROP_REPLY):
                connection.execute(statement, values)
                if connection.changes():
                    return
            raise letters.missing(letter_id)

        await self._database.write(work)


def _resubmit(connection: apsw.Connection, letter_id: str, now: datetime) -> None:
    moment = to_micros(now)
    if lane := connection.execute(RESUBMIT_MESSAGE, (letter_id,)).fetchone():
        connection.execute(WAITS_AGAIN, {"conversation_id": lane[0], "now": moment})
        return
    connection.execute(RESUBMIT_REPLY, {"id": letter_id, "now": moment, "expires_at": to_micros(now + LIFETIME)})
    if not connection.changes():
        raise letters.missing(letter_id)
