"""Accepting messages, many at once: each is kept once, and its conversation's lane hears of it.

Rows of conversations are always locked in the order of their ids, here and in every other statement
of this store, so that no two transactions wait for one another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.pipeline.store import Accepted, Heard, IdReused
from ai_worker.storage.postgres import files
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

TRIES = 3
"""Transactions for one batch, in case another node accepts the same messages at the same time."""

LOCK = """
SELECT FROM conversation JOIN unnest($1::text[], $2::text[]) AS given (channel, key) USING (channel, key)
ORDER BY id FOR NO KEY UPDATE OF conversation
"""

COLUMNS = (
    *("channel", "message_id", "turn_id", "key", "contact_id", "contact_name", "worker"),
    *("standalone", "address", "received_at", "line", "digest", "text", "body"),
    *("grouped", "group_name"),
)

# A known message is written to as well, so that confirming it waits for whatever its first commit waits for: a
# duplicate whose first commit has not reached the other region yet must not be confirmed before it has.
# A closed conversation opens again, and begins anew. While messages wait, `ready_at` is the lane's business, unless
# it rests.
ACCEPT = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::boolean[], $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::boolean[], $17::text[])
    WITH ORDINALITY AS row ({", ".join(COLUMNS)}, place)
), known AS (
    UPDATE inbound SET repeats = repeats + 1 FROM given
    WHERE inbound.channel = given.channel AND inbound.message_id = given.message_id
    RETURNING place, inbound.turn_id, inbound.conversation_id, inbound.digest
), fresh AS MATERIALIZED (
    SELECT * FROM given WHERE NOT EXISTS (
        SELECT FROM inbound WHERE inbound.channel = given.channel AND inbound.message_id = given.message_id)
), lane AS (
    INSERT INTO conversation (channel, key, contact_id, contact_name, worker, standalone, grouped, group_name,
        state, address, opened_at, last_at, last_text, unread, waiting, ready_at)
    SELECT DISTINCT ON (channel, key) channel, key, contact_id, contact_name, worker, standalone, grouped, group_name,
        'worker', address, received_at, received_at, line, count(*) OVER same, count(*) OVER same, {MOMENT}
    FROM fresh WINDOW same AS (PARTITION BY channel, key) ORDER BY channel, key, place DESC
    ON CONFLICT (channel, key) DO UPDATE SET
        contact_id = excluded.contact_id,
        contact_name = coalesce(excluded.contact_name, conversation.contact_name),
        grouped = excluded.grouped,
        group_name = CASE excluded.group_name WHEN '' THEN conversation.group_name ELSE excluded.group_name END,
        worker = CASE excluded.worker WHEN '' THEN conversation.worker ELSE excluded.worker END,
        address = excluded.address,
        opened_at = CASE conversation.state WHEN 'closed' THEN excluded.opened_at ELSE conversation.opened_at END,
        person = CASE conversation.state WHEN 'closed' THEN '' ELSE conversation.person END,
        handoff_reason = CASE conversation.state WHEN 'closed' THEN '' ELSE conversation.handoff_reason END,
        waiting_since = CASE conversation.state WHEN 'closed' THEN NULL ELSE conversation.waiting_since END,
        pending_question = CASE conversation.state WHEN 'closed' THEN NULL ELSE conversation.pending_question END,
        state = CASE conversation.state WHEN 'closed' THEN 'worker' ELSE conversation.state END,
        last_at = excluded.last_at,
        last_text = excluded.last_text,
        unread = conversation.unread + excluded.unread,
        waiting = conversation.waiting + excluded.waiting,
        ready_at = CASE WHEN conversation.waiting = 0
            OR (conversation.owner IS NULL AND conversation.ready_at = conversation.owed_at)
            THEN excluded.ready_at ELSE conversation.ready_at END
    RETURNING id, channel, key
), kept AS (
    INSERT INTO inbound (channel, message_id, turn_id, conversation_id, received_at, digest, said_by, contact_name,
        text, body)
    SELECT channel, message_id, turn_id, lane.id, received_at, digest, fresh.contact_id, fresh.contact_name, text, body
    FROM fresh JOIN lane USING (channel, key) ORDER BY place
    ON CONFLICT (channel, message_id) DO UPDATE SET repeats = inbound.repeats + 1
    RETURNING channel, message_id, turn_id, conversation_id, digest
)
SELECT place, turn_id, conversation_id, digest, true FROM known
UNION ALL
SELECT place, kept.turn_id, kept.conversation_id, kept.digest, false FROM kept JOIN given USING (channel, message_id)
"""


class _Raced(Exception):
    """Another node has accepted one of these messages since the statement began; nothing of it may stay."""


async def accept(database: PostgresDatabase, rows: Sequence[Mapping[str, Any]]) -> list[Accepted | IdReused]:
    """Store messages that are all different, or say under which turn each is known.

    Raises:
        StoreBusy: Nobody knows whether they are stored.
        Unstorable: One of them cannot be; none is.
    """
    for _ in range(TRIES - 1):
        try:
            return await _accept(database, rows)
        except _Raced:
            continue
    return await _accept(database, rows)


async def _accept(database: PostgresDatabase, rows: Sequence[Mapping[str, Any]]) -> list[Accepted | IdReused]:
    lanes = list({(row["channel"], row["key"]) for row in rows})
    given = [[row[name] for row in rows] for name in COLUMNS]
    async with database.transaction(deadline_s=database.accept_deadline_s) as connection:
        await connection.execute(LOCK, [lane[0] for lane in lanes], [lane[1] for lane in lanes])
        found = await connection.fetch(ACCEPT, database.moment, *given)
        if any(not known and turn_id != rows[place - 1]["turn_id"] for place, turn_id, _, _, known in found):
            raise _Raced
        await files.accept(connection, _files(rows, found))
    accepted: dict[int, Accepted | IdReused] = {}
    for place, turn_id, conversation_id, digest, known in found:
        row = rows[place - 1]
        if known and digest and row["digest"] and digest != row["digest"]:
            told = f"The id {row['message_id']!r} was used before for another message."
            accepted[place] = IdReused(told, turn_id=turn_id)
        else:
            accepted[place] = Accepted(turn_id, conversation_id, duplicate=known)
    if any(not row[4] for row in found):
        database.bell.ring(Heard("work"))
    return [accepted[place + 1] for place in range(len(rows))]


def _files(rows: Sequence[Mapping[str, Any]], found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the files of those messages that are new, with their conversations."""
    return [
        {**file, "conversation_id": conversation_id}
        for place, _, conversation_id, _, known in found
        if not known
        for file in rows[place - 1]["files"]
    ]
