"""Threads: everything that was said and that happened in a conversation, in order."""

import apsw

from ai_worker.conversation.store import ThreadItem, TurnRecord
from ai_worker.storage import codec, threads

# Who somebody is, by the platform's directory if it says so.
CALLED = """coalesce(
    (SELECT name FROM contact WHERE contact.channel = conversation.channel AND contact.id = conversation.contact_id),
    contact_name)"""
SPEAKER = """coalesce(
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    contact_name),
    (SELECT department FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    said_by"""

WHO = f"SELECT {CALLED}, contact_id, worker, grouped FROM conversation WHERE id = ?"  # noqa: S608

TURNS = f"""
SELECT turn_id, inbound.received_at, {SPEAKER}, text, body, finished_at, response_ms, result
FROM turn JOIN inbound USING (seq) WHERE turn.conversation_id = ? ORDER BY seq DESC LIMIT ?
"""  # noqa: S608

# Two stretches of two small indexes: what waits, and what was given up.
UNFINISHED = f"""
SELECT turn_id, received_at, {SPEAKER}, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = :id AND state = 'waiting'
UNION ALL
SELECT turn_id, received_at, {SPEAKER}, text, body, state, error, dropped_at FROM inbound
WHERE conversation_id = :id AND state = 'dead'
ORDER BY received_at DESC LIMIT :limit
"""  # noqa: S608

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
    turn_ids = codec.encode([row[0] for row in (*turns, *unfinished)])
    return threads.lines(
        who,
        turns=turns,
        unfinished=unfinished,
        sent=connection.execute(SENT, (turn_ids,)),
        persons=list(connection.execute(PERSONS, (conversation_id, limit))),
        notices=list(connection.execute(NOTICES, (conversation_id, limit))),
        limit=limit,
    )


def turn(connection: apsw.Connection, turn_id: str) -> TurnRecord | None:
    """Return a turn, finished or not."""
    row = connection.execute(TURN, (turn_id,)).fetchone()
    return None if row is None else threads.turn(turn_id, row)
