"""What threads are made of: everything that was said and that happened in a conversation."""

from ai_worker.conversation.store import ThreadItem, TurnRecord
from ai_worker.storage import threads
from ai_worker.storage.postgres.database import PostgresDatabase

# Who somebody is, by the platform's directory if it says so.
CALLED = """coalesce(
    (SELECT name FROM contact WHERE contact.channel = conversation.channel AND contact.id = conversation.contact_id),
    contact_name)"""
SPEAKER = """coalesce(
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    contact_name),
    (SELECT department FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    said_by"""

WHO = f"SELECT {CALLED}, contact_id, worker, grouped FROM conversation WHERE id = $1"

TURNS = f"""
SELECT turn_id, inbound.received_at, {SPEAKER}, text, body, finished_at, response_ms, result
FROM turn JOIN inbound USING (seq) WHERE turn.conversation_id = $1 ORDER BY seq DESC LIMIT $2
"""

# Two stretches of two small indexes: what waits, and what was given up.
UNFINISHED = f"""
SELECT turn_id, received_at, {SPEAKER}, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = $1 AND state = 'waiting'
UNION ALL
SELECT turn_id, received_at, {SPEAKER}, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = $1 AND state = 'dead'
ORDER BY received_at DESC LIMIT $2
"""

SENT = """
SELECT turn_id, kind, created_at, body, state, error, id, dropped_at FROM outbound WHERE turn_id = ANY ($1::text[])
"""

PERSONS = """
SELECT person, created_at, body, state, error, id, dropped_at FROM outbound
WHERE conversation_id = $1 AND kind = 'human' ORDER BY n DESC LIMIT $2
"""

NOTICES = "SELECT at, kind, person FROM notice WHERE conversation_id = $1 ORDER BY n DESC LIMIT $2"

TURN = """
SELECT inbound.channel, inbound.conversation_id, conversation.key, inbound.state, held, inbound.received_at, text,
    finished_at, result
FROM inbound JOIN conversation ON conversation.id = inbound.conversation_id LEFT JOIN turn USING (seq)
WHERE turn_id = $1
"""


async def lines(database: PostgresDatabase, conversation_id: int, limit: int) -> list[ThreadItem]:
    """Return the latest lines, oldest first: at most `limit` of each kind are read, all as of one moment."""
    async with database.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        who = await connection.fetchrow(WHO, conversation_id)
        if who is None:
            return []
        turns = await connection.fetch(TURNS, conversation_id, limit)
        unfinished = await connection.fetch(UNFINISHED, conversation_id, limit)
        sent = await connection.fetch(SENT, [row[0] for row in (*turns, *unfinished)])
        persons = await connection.fetch(PERSONS, conversation_id, limit)
        notices = await connection.fetch(NOTICES, conversation_id, limit)
    return threads.lines(
        who, turns=turns, unfinished=unfinished, sent=sent, persons=persons, notices=notices, limit=limit
    )


async def turn(database: PostgresDatabase, turn_id: str) -> TurnRecord | None:
    """Return a turn, finished or not."""
    row = await database.first(TURN, turn_id)
    return None if row is None else threads.turn(turn_id, row)
