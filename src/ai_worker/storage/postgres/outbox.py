"""Outbound rows: in order within a conversation, one at a time.

`head` marks the first row of a conversation that is not settled. Only heads are ever due, so the
rows behind one that has to wait cost nothing, and cannot overtake it. Who adds a row or settles one
holds the lock on its conversation, so that there is always exactly one head where there must be one.
"""

from collections.abc import Collection, Sequence
from typing import Any

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage import codec, outbound_rows
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

LEASE_S = 12
"""How long a row stays its sender's without being renewed: a dead node's replies go on within 15 seconds."""

SEND_S = LEASE_S - 2.0
"""How long after it was asked for a row may still be sent; then another node may be about to."""

COLUMNS = (
    *("id", "turn_id", "conversation_id", "channel", "address", "kind", "person"),
    *("created_at", "expires_at", "body", "owner", "first"),
)

# A row without an owner waits for whoever claims it.
INSERT = f"""
INSERT INTO outbound (id, turn_id, conversation_id, channel, address, kind, person, created_at, expires_at, body,
    head, state, attempts, owner, node, due_at)
SELECT id, turn_id, conversation_id, channel, address, kind, person, created_at, expires_at, body,
    head, CASE WHEN mine THEN 'sending' ELSE 'waiting' END, mine::integer, CASE WHEN mine THEN owner END,
    CASE WHEN mine THEN $2 END, {MOMENT} + mine::integer * {LEASE_S} * 1000000
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
    $11::bigint[], $12::text[], $13::text[], $14::boolean[]) WITH ORDINALITY AS given ({", ".join(COLUMNS)}, place)
CROSS JOIN LATERAL (SELECT first AND NOT EXISTS (
    SELECT FROM outbound AS before WHERE before.conversation_id = given.conversation_id AND before.settled_at IS NULL
) AS head) AS ahead
CROSS JOIN LATERAL (SELECT head AND owner IS NOT NULL AS mine) AS whose
ORDER BY place
ON CONFLICT (id) DO NOTHING
RETURNING id, state
"""

JUST_BEGUN = f"""
UPDATE outbound SET due_at = {MOMENT} + {LEASE_S} * 1000000
WHERE id = ANY ($2::text[]) AND state = 'sending' AND attempts = 1
RETURNING id
"""

AHEAD_S = 60
"""More than the length of a lease. What is being sent, or has never been tried, and is due later than that was
written before the database's clock was set back."""

POSTPONED_S = 900
"""A failed send is not put off for longer, whatever the platform asks for: what is due later than that was put
there before the clock was set back."""

TAKE = f"""
WITH strayed AS MATERIALIZED (
    SELECT n AS strayed_n FROM outbound WHERE head AND due_at > {MOMENT} + {AHEAD_S} * 1000000
        AND (state = 'sending' OR attempts = 0 OR due_at > {MOMENT} + {POSTPONED_S} * 1000000)
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), back AS (
    UPDATE outbound SET due_at = {MOMENT} + (state = 'sending')::integer * {LEASE_S} * 1000000
    FROM strayed WHERE outbound.n = strayed_n
), due AS MATERIALIZED (
    SELECT n, due_at AS was_due FROM outbound WHERE head AND due_at <= {MOMENT} AND channel <> ALL ($5::text[])
    ORDER BY due_at, n LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE outbound SET unsure = unsure OR state = 'sending', state = 'sending', attempts = attempts + 1, owner = $3,
    node = $4, due_at = {MOMENT} + {LEASE_S} * 1000000
FROM due WHERE outbound.n = due.n
RETURNING id, turn_id, conversation_id, channel, address, kind, body, created_at, expires_at, attempts, unsure,
    (SELECT received_at FROM inbound WHERE inbound.turn_id = outbound.turn_id), was_due, outbound.n
"""

# A row that is locked is being settled or postponed at this moment: there is nothing to renew, and nothing to wait for.
RENEW = f"""
WITH mine AS MATERIALIZED (
    SELECT n FROM outbound JOIN unnest($2::text[], $3::integer[]) AS given (id, attempts) USING (id, attempts)
    WHERE state = 'sending' FOR UPDATE OF outbound SKIP LOCKED
)
UPDATE outbound SET due_at = {MOMENT} + {LEASE_S} * 1000000 FROM mine WHERE outbound.n = mine.n
RETURNING id
"""

LANES = "SELECT FROM conversation WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"

# A resubmitted row may stand before the head that is there, which stays the only one.
# What moves up is due when it was to be due: a postponed row at its time, one that is being sent when its lease ends.
SETTLE = """
WITH settled AS (
    UPDATE outbound SET state = given.state, settled_at = given.at, error = given.error,
        platform_id = given.platform_id, head = false, owner = NULL, node = NULL
    FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::text[], $6::text[])
        AS given (id, attempts, state, at, error, platform_id)
    WHERE outbound.id = given.id AND settled_at IS NULL AND outbound.attempts <= given.attempts
    RETURNING n
), first AS MATERIALIZED (
    SELECT next.n, lane.id FROM unnest($7::bigint[]) AS lane (id) CROSS JOIN LATERAL (
        SELECT n FROM outbound WHERE conversation_id = lane.id AND settled_at IS NULL
            AND n NOT IN (SELECT n FROM settled)
        ORDER BY head DESC, urgent DESC, n LIMIT 1
    ) AS next
), moved AS (
    UPDATE outbound SET head = true FROM first WHERE outbound.n = first.n AND NOT head
)
SELECT id FROM first
"""

# Of a lane that is locked. What is being sent stays the head.
URGENT_FIRST = """
WITH first AS MATERIALIZED (
    SELECT n FROM outbound WHERE conversation_id = $1 AND settled_at IS NULL AND urgent
    ORDER BY n LIMIT 1
), back AS (
    UPDATE outbound SET head = false FROM first
    WHERE conversation_id = $1 AND settled_at IS NULL AND head AND NOT urgent AND state = 'waiting'
    RETURNING first.n
)
UPDATE outbound SET head = true FROM back WHERE outbound.n = back.n
"""

# What was not even tried is looked at again after a minute at the latest: due later than that it would have strayed.
POSTPONE = f"""
UPDATE outbound SET state = 'waiting', error = $5, unsure = $6, owner = NULL, node = NULL,
    due_at = {MOMENT} + least($4::bigint, CASE WHEN $7 THEN {POSTPONED_S} ELSE {AHEAD_S} END * 1000000::bigint),
    attempts = attempts - CASE WHEN attempts = $3 AND state = 'sending' AND NOT $7 THEN 1 ELSE 0 END
WHERE id = $2 AND settled_at IS NULL AND attempts <= $3
"""

FREE = f"""
UPDATE outbound SET state = 'waiting', unsure = true, owner = NULL, node = NULL, due_at = {MOMENT}
WHERE state = 'sending' AND node = $2 AND owner <> $3
"""


async def insert(database: PostgresDatabase, connection: Any, made: Sequence[dict[str, Any]]) -> set[str]:
    """Store rows whose conversations are locked; return the ids of those that their `owner` is to send now.

    A row whose conversation has an unsettled one waits behind it. A row that is known already (the
    caller has not heard that it was stored) is left as it is.
    """
    if not made:
        return set()
    lanes: set[int] = set()
    for row in made:
        row["first"] = row["conversation_id"] not in lanes
        lanes.add(row["conversation_id"])
    given = [[row[name] for row in made] for name in COLUMNS]
    stored = dict(await connection.fetch(INSERT, database.moment, database.node, *given))
    mine = {outbound_id for outbound_id, state in stored.items() if state == "sending"}
    known = [row["id"] for row in made if row["id"] not in stored]
    if known:
        mine.update(row[0] for row in await connection.fetch(JUST_BEGUN, database.moment, known))
    return mine


async def claim(database: PostgresDatabase, owner: str, limit: int, without: Collection[str]) -> list[OutboundMessage]:
    """Take due heads for sending, those that have been due longest first."""
    send_before = database.clock.monotonic() + SEND_S
    taken = await database.fetch(TAKE, database.moment, limit, owner, database.node, list(without))
    taken.sort(key=_was_due)
    return [_message(row, send_before) for row in taken]


async def insert_new(database: PostgresDatabase, connection: Any, row: dict[str, Any]) -> bool:
    """Store a row that waits, in a conversation that is locked; return False if its id is known."""
    given = [[{**row, "first": True}[name]] for name in COLUMNS]
    return bool(await connection.fetch(INSERT, database.moment, database.node, *given))


async def urgent_first(connection: Any, conversation_id: int) -> None:
    """Let an urgent message stand before one that only waits; the conversation is locked."""
    await connection.execute(URGENT_FIRST, conversation_id)


def _was_due(row: Any) -> tuple[int, int]:
    return row[12], row[13]


def _message(row: Any, send_before: float) -> OutboundMessage:
    outbound_id, turn_id, conversation_id, channel, address, kind, body, created_at, expires_at, *rest = row
    attempts, unsure, asked_at, _was_due, _n = rest
    return OutboundMessage(
        id=outbound_id,
        turn_id=turn_id or "",
        conversation_id=conversation_id,
        channel=channel,
        address=codec.address(address),
        kind=kind,
        reply=codec.reply(body),
        created_at=from_micros(created_at),
        expires_at=from_micros(expires_at),
        attempt=attempts,
        unsure=unsure,
        asked_at=None if asked_at is None else from_micros(asked_at),
        send_before=send_before,
    )


async def renew(database: PostgresDatabase, messages: Sequence[OutboundMessage]) -> set[str]:
    """Push the end of the leases of rows that are being sent; return the ids of those that still are this node's."""
    ids, attempts = [message.id for message in messages], [message.attempt for message in messages]
    return {row[0] for row in await database.fetch(RENEW, database.moment, ids, attempts)}


async def settle(database: PostgresDatabase, ends: Sequence[tuple[OutboundMessage, outbound_rows.Ended]]) -> list[bool]:
    """Record how sends ended, each once; the rows behind them move up. Return for each whether there is one.

    The word of a sender is ignored whose row another one has claimed since.
    """
    given = [
        (message.id, message.attempt, ended.state, to_micros(ended.at), ended.error, ended.platform_id)
        for message, ended in ends
    ]
    lanes = sorted({message.conversation_id for message, _ in ends})
    async with database.transaction() as connection:
        await connection.execute(LANES, lanes)
        more = await connection.fetch(SETTLE, *(list(column) for column in zip(*given, strict=True)), lanes)
    waiting = {row[0] for row in more}
    return [message.conversation_id in waiting for message, _ in ends]
