"""Dead letters on PostgreSQL: dead inbound rows, and outbound rows whose delivery ended badly."""

from datetime import datetime

from ai_worker.foundation.clock import to_micros
from ai_worker.pipeline.deadletter import DeadLetter
from ai_worker.pipeline.outbox import LIFETIME
from ai_worker.pipeline.store import Heard
from ai_worker.storage import letters, rows
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

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

MESSAGES = f"{MESSAGE} WHERE {DEAD} ORDER BY received_at DESC LIMIT $1"
REPLIES = f"{REPLY} WHERE {UNDELIVERED} ORDER BY created_at DESC LIMIT $1"
ONE_MESSAGE = f"{MESSAGE} WHERE turn_id = $1 AND {DEAD}"
ONE_REPLY = f"{REPLY} WHERE outbound.id = $1 AND {UNDELIVERED}"

COUNT = f"SELECT (SELECT count(*) FROM inbound WHERE {DEAD}) + (SELECT count(*) FROM outbound WHERE {UNDELIVERED})"

LANE = """
SELECT id FROM conversation WHERE id = (
    SELECT conversation_id FROM inbound WHERE turn_id = $1
    UNION ALL SELECT conversation_id FROM outbound WHERE id = $1 LIMIT 1
) FOR NO KEY UPDATE
"""

RESUBMIT_MESSAGE = f"""
UPDATE inbound SET state = 'waiting', attempts = 0, error = '' WHERE turn_id = $1 AND {DEAD} RETURNING conversation_id
"""

# A lane that is owned becomes free by itself; its `ready_at` is its lease's end until then.
WAITS_AGAIN = f"""
UPDATE conversation SET waiting = waiting + 1, ready_at = CASE
    WHEN waiting = 0 THEN {MOMENT} WHEN owner IS NULL THEN least(ready_at, {MOMENT}) ELSE ready_at END
WHERE id = $2
"""

RESUBMIT_REPLY = f"""
UPDATE outbound SET unsure = unsure OR state = 'unknown', state = 'waiting', attempts = 0, error = '',
    settled_at = NULL, due_at = {MOMENT}, expires_at = $3,
    head = NOT EXISTS (
        SELECT FROM outbound AS other WHERE other.conversation_id = outbound.conversation_id
            AND other.settled_at IS NULL)
WHERE id = $2 AND {UNDELIVERED} RETURNING conversation_id
"""

DROP_MESSAGE = f"UPDATE inbound SET dropped_at = $2 WHERE turn_id = $1 AND {DEAD} RETURNING 1"
DROP_REPLY = f"UPDATE outbound SET dropped_at = $2 WHERE id = $1 AND {UNDELIVERED} RETURNING 1"


class PostgresDeadLetterStore:
    """Reads dead letters, and puts them back or away; see `DeadLetterStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        found = [letters.message(row) for row in await self._database.fetch(MESSAGES, limit)]
        found += [letters.reply(row) for row in await self._database.fetch(REPLIES, limit)]
        found.sort(key=letters.age, reverse=True)
        return found[:limit]

    async def count(self) -> int:
        """Return how many dead letters there are."""
        return int((await self._database.first(COUNT))[0])

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        """Return one dead letter."""
        letter_id = rows.plain(letter_id)
        if row := await self._database.first(ONE_MESSAGE, letter_id):
            return letters.message(row)
        if row := await self._database.first(ONE_REPLY, letter_id):
            return letters.reply(row)
        raise letters.missing(letter_id)

    async def resubmit(self, letter_id: str, *, now: datetime) -> None:
        """Let it be tried again from its first attempt."""
        letter_id, moment = rows.plain(letter_id), self._database.moment
        async with self._database.transaction() as connection:
            await connection.execute(LANE, letter_id)
            if lane := await connection.fetchval(RESUBMIT_MESSAGE, letter_id):
                await connection.execute(WAITS_AGAIN, moment, lane)
                heard = Heard("work", lane)
            elif lane := await connection.fetchval(RESUBMIT_REPLY, moment, letter_id, to_micros(now + LIFETIME)):
                heard = Heard("outbound", lane)
            else:
                raise letters.missing(letter_id)
        self._database.bell.ring(heard)

    async def drop(self, letter_id: str) -> None:
        """Put it away for good: it stays in its thread and in the sums, and is no dead letter any more."""
        letter_id, moment = rows.plain(letter_id), to_micros(self._database.clock.now())
        for statement in (DROP_MESSAGE, DROP_REPLY):
            if await self._database.first(statement, letter_id, moment):
                return
        raise letters.missing(letter_id)
