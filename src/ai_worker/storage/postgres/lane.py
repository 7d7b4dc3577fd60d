"""Lanes: which conversation has work, who owns it, and what becomes of its oldest message.

A lane may be claimed when `waiting > 0` and `ready_at` has come, on the database's clock. Owning a
lane pushes its `ready_at` to the lease's end, so one index answers both "what is due" and "whose
owner is dead". A lane that nobody owns and whose `ready_at` is its `owed_at` rests: what waits is owed,
and whatever comes in may be taken. Whoever writes for a lane locks its row first and compares the epoch:
a runner that slept through its lease finds another epoch, and its turn is not kept.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ai_worker.pipeline.store import Claim, LeaseLost
from ai_worker.storage import codec, owed
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

OWNED = """
SELECT id, epoch, owner, state, handoff_reason, waiting_since, waiting, unread, last_at, last_text, owed_at
FROM conversation WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""

FRESH = """EXISTS (
    SELECT FROM inbound WHERE inbound.conversation_id = given.conversation_id AND inbound.state = 'waiting'
        AND inbound.seq <> given.seq AND owed IS NULL)"""
OWES = """EXISTS (
    SELECT FROM inbound WHERE inbound.conversation_id = given.conversation_id AND inbound.state = 'waiting'
        AND inbound.seq <> given.seq AND owed IS NOT NULL)"""
"""Whether a conversation has messages that are not owed their answers, and others that are."""

HELD = "UPDATE inbound SET held = true WHERE seq = $1"
OWE = "UPDATE inbound SET held = true, attempts = 0, owed = $2 WHERE seq = $1"
TRIED = "UPDATE inbound SET attempts = $2 WHERE seq = $1"
FAILED = "UPDATE inbound SET error = $2 WHERE seq = $1"
DEAD = "UPDATE inbound SET state = 'dead', error = $2 WHERE seq = $1"

KEEP = """
INSERT INTO progress (seq, epoch, body) VALUES ($1, $2, $3)
ON CONFLICT (seq) DO UPDATE SET epoch = excluded.epoch, body = excluded.body
"""

FREE = f"UPDATE conversation SET owner = NULL, node = NULL, ready_at = {MOMENT} + $3 WHERE id = $2"

REST = f"""
WITH given (seq, conversation_id, until, was_owed, pending) AS MATERIALIZED (
    SELECT $2::bigint, $3::bigint, {MOMENT} + $4::bigint, $5::boolean, $6::text
), due AS MATERIALIZED (
    SELECT given.*, CASE WHEN {OWES} AND NOT was_owed AND owed_at IS NOT NULL THEN owed_at ELSE until END AS due_at,
        {FRESH} AS fresh
    FROM given JOIN conversation ON conversation.id = given.conversation_id
)
UPDATE conversation SET owner = NULL, node = NULL, owed_at = due_at,
    ready_at = CASE WHEN fresh THEN {MOMENT} ELSE due_at END,
    pending_question = CASE WHEN was_owed THEN pending_question ELSE pending END
FROM due WHERE conversation.id = due.conversation_id
"""

NEXT = f"UPDATE conversation SET owner = NULL, node = NULL, waiting = waiting - 1, ready_at = {MOMENT} WHERE id = $2"

FREE_OTHERS = f"""
UPDATE conversation SET owner = NULL, node = NULL, ready_at = least(ready_at, {MOMENT})
WHERE node = $2 AND owner IS NOT NULL AND owner <> $3 AND waiting > 0
"""

WAITING = "SELECT count(*) FROM inbound WHERE state = 'waiting'"


async def owners(connection: Any, claims: Sequence[Claim]) -> dict[int, Any]:
    """Lock the lanes of these claims; return the rows, as `OWNED` selects them, of those that still hold.

    The key is the claim's `seq`: two claims of one conversation can never both hold.
    """
    found = {row[0]: row for row in await connection.fetch(OWNED, [claim.conversation_id for claim in claims])}
    held = {}
    for claim in claims:
        lane = found.get(claim.conversation_id)
        if lane is not None and lane[1] == claim.epoch and lane[2] is not None:
            held[claim.seq] = lane
    return held


async def owner(connection: Any, claim: Claim) -> str:
    """Lock the lane of one claim; return who owns it.

    Raises:
        LeaseLost: The claim's epoch is not the lane's, or the lane was given back.
    """
    held = await owners(connection, [claim])
    if not held:
        raise lost(claim)
    return str(held[claim.seq][2])


def lost(claim: Claim) -> LeaseLost:
    """Return the refusal of a write whose lease is lost."""
    return LeaseLost(f"Another runner works on c-{claim.conversation_id} by now; this turn was not kept.")


async def keep(database: PostgresDatabase, claim: Claim, body: str) -> None:
    """Replace what is kept of how far a turn has come."""
    async with database.transaction() as connection:
        await owner(connection, claim)
        await connection.execute(KEEP, claim.seq, claim.epoch, body)


async def count_attempt(database: PostgresDatabase, claim: Claim) -> None:
    """Count an attempt that the claim did not count."""
    async with database.transaction() as connection:
        await owner(connection, claim)
        await connection.execute(TRIED, claim.seq, claim.attempt)


async def defer(database: PostgresDatabase, claim: Claim, until: datetime) -> None:
    """Give the lane back as it was found; it is due at `until`."""
    async with database.transaction() as connection:
        await owner(connection, claim)
        await put_back(database, connection, claim, until)


async def hold(database: PostgresDatabase, connection: Any, claim: Claim, until: datetime) -> str:
    """Owe the message its answer and give its lane back; return who owned it."""
    holder = await owner(connection, claim)
    await connection.execute(OWE, claim.seq, owed.kept(claim))
    pending = None if claim.pending is None else codec.encode(claim.pending)
    given = claim.seq, claim.conversation_id, database.until(until), claim.owed, pending
    await connection.execute(REST, database.moment, *given)
    return holder


async def put_back(database: PostgresDatabase, connection: Any, claim: Claim, until: datetime) -> None:
    """Give an owned lane back; its oldest message stays first, is due at `until` and has not failed so far."""
    await connection.execute(TRIED, claim.seq, max(0, claim.attempt - 1))
    await _free(database, connection, claim, until)


async def _free(database: PostgresDatabase, connection: Any, claim: Claim, until: datetime) -> None:
    await connection.execute(FREE, database.moment, claim.conversation_id, database.until(until))


async def retry(database: PostgresDatabase, claim: Claim, error: str, until: datetime) -> None:
    """Give the lane back after a failure, with the failure's words; nothing if the lease is lost."""
    async with database.transaction() as connection:
        if await owners(connection, [claim]):
            await connection.execute(FAILED, claim.seq, error)
            await _free(database, connection, claim, until)


async def bury(database: PostgresDatabase, claim: Claim, error: str) -> bool:
    """Make the message a dead letter and let the lane go on; nothing if the lease is lost."""
    async with database.transaction() as connection:
        if not await owners(connection, [claim]):
            return False
        await connection.execute(DEAD, claim.seq, error)
        await connection.execute(NEXT, database.moment, claim.conversation_id)
        return True


async def recover(database: PostgresDatabase, connection: Any, owner: str) -> int:
    """Free this node's lanes that are not `owner`'s; return how many messages wait, on all nodes together."""
    await connection.execute(FREE_OTHERS, database.moment, database.node, owner)
    return int(await connection.fetchval(WAITING))
