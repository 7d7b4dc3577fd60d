"""Outbound rows: in order within a conversation, one at a time.

`head` marks the first row of a conversation that is not settled. Only heads are ever due, so the
rows behind one that has to wait cost nothing, and cannot overtake it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import apsw

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage import codec, outbound_rows

LEASE = timedelta(seconds=60)
"""How long a row stays its sender's without being renewed. Longer than any lock on the file that we foresee."""

SEND_S = 50.0
"""How long after it was asked for a row may still be sent; then another process may be about to."""

AHEAD = timedelta(minutes=1)
"""More than the clocks of two processes differ. What was written later than that was written before the
clock was set back, and is due now."""

FROM_THE_FUTURE = """
UPDATE outbound SET due_at = :now, unsure = iif(state = 'sending', 1, unsure), state = 'waiting', owner = NULL
WHERE head = 1 AND due_at > :ahead AND created_at > :ahead AND owner IS NOT :owner
"""

INSERT = """
INSERT INTO outbound (id, turn_id, conversation_id, channel, address, kind, person, state, head, attempts,
    due_at, owner, created_at, expires_at, body)
VALUES (:id, :turn_id, :conversation_id, :channel, :address, :kind, :person, :state,
    NOT EXISTS (SELECT 1 FROM outbound WHERE conversation_id = :conversation_id AND settled_at IS NULL),
    :attempts, :due_at, :owner, :created_at, :expires_at, :body)
ON CONFLICT (id) DO NOTHING
"""

# The channels to be left out are one text, each between two separators.
DUE = """
SELECT n FROM outbound WHERE head = 1 AND due_at <= ? AND instr(?, char(31) || channel || char(31)) = 0
ORDER BY due_at, n LIMIT ?
"""

TAKE = """
UPDATE outbound SET unsure = iif(state = 'sending', 1, unsure), state = 'sending', attempts = attempts + 1,
    owner = ?, due_at = ?
WHERE n = ?
RETURNING id, turn_id, conversation_id, channel, address, kind, body, created_at, expires_at, attempts, unsure,
    (SELECT received_at FROM inbound WHERE inbound.turn_id = outbound.turn_id)
"""

UNSETTLED = "SELECT 1 FROM outbound WHERE conversation_id = ? AND settled_at IS NULL LIMIT 1"

JUST_BEGUN = "SELECT 1 FROM outbound WHERE id = ? AND state = 'sending' AND attempts = 1"

SETTLE = """
UPDATE outbound SET state = ?, settled_at = ?, error = ?, platform_id = ?, head = 0, owner = NULL
WHERE id = ? AND settled_at IS NULL AND attempts <= ?
"""

# What moves up is due when it was to be due: a postponed row at its time, one that is being sent when its lease ends.
FIRST = "SELECT n, head FROM outbound WHERE conversation_id = ? AND settled_at IS NULL ORDER BY n LIMIT 1"

URGENT_FIRST = """
SELECT n, head FROM outbound WHERE conversation_id = ? AND settled_at IS NULL AND urgent = 1 ORDER BY n LIMIT 1
"""
STEP_BACK = """
UPDATE outbound SET head = 0 WHERE conversation_id = ? AND settled_at IS NULL AND head = 1 AND urgent = 0
    AND state = 'waiting'
"""
STEP_FORWARD = "UPDATE outbound SET head = 1 WHERE n = ?"

# A resubmitted row stands before the head that was there; two heads would be sent side by side.
MOVE_UP = """
UPDATE outbound SET head = 1 WHERE n = ? AND NOT EXISTS (
    SELECT 1 FROM outbound AS other WHERE other.conversation_id = ? AND other.settled_at IS NULL AND other.head = 1)
"""

POSTPONE = """
UPDATE outbound SET state = 'waiting', due_at = ?, error = ?, unsure = ?, owner = NULL
WHERE id = ? AND settled_at IS NULL AND attempts <= ?
"""

TAKE_BACK = "UPDATE outbound SET attempts = attempts - 1 WHERE id = ? AND state = 'sending' AND attempts = ?"

RENEW = "UPDATE outbound SET due_at = ? WHERE id = ? AND attempts = ? AND state = 'sending' RETURNING id"

FREE = """
UPDATE outbound SET state = 'waiting', unsure = 1, owner = NULL, due_at = ?
WHERE settled_at IS NULL AND state = 'sending' AND owner <> ?
"""


def insert(connection: apsw.Connection, rows: Sequence[dict[str, Any]], owner: str, now: datetime) -> set[str]:
    """Store rows; return the ids of those that `owner` is to send now.

    A row whose conversation has an unsettled one waits behind it. A row that is known already (the
    caller has not heard that it was stored) is left as it is.
    """
    lease, mine = to_micros(now + LEASE), set()
    for row in rows:
        if connection.execute(UNSETTLED, (row["conversation_id"],)).fetchone():
            insert_waiting(connection, row, now)
            if connection.changes() or not connection.execute(JUST_BEGUN, (row["id"],)).fetchone():
                continue
        else:
            connection.execute(INSERT, {**row, "owner": owner, "due_at": lease})
        mine.add(row["id"])
    return mine


def insert_waiting(connection: apsw.Connection, row: dict[str, Any], now: datetime) -> None:
    """Store a row that is due at once, or as soon as what is before it has settled."""
    connection.execute(INSERT, {**row, "owner": None, "due_at": to_micros(now), "state": "waiting", "attempts": 0})


def claim(
    connection: apsw.Connection, owner: str, limit: int, now: datetime, without: Collection[str]
) -> list[OutboundMessage]:
    """Take due heads for sending, those that have been due longest first."""
    connection.execute(FROM_THE_FUTURE, {"now": to_micros(now), "ahead": to_micros(now + AHEAD), "owner": owner})
    left = "".join(f"\x1f{channel}\x1f" for channel in without)
    due = connection.execute(DUE, (to_micros(now), left, limit)).fetchall()
    lease = to_micros(now + LEASE)
    return [_message(connection.execute(TAKE, (owner, lease, n)).fetchone()) for (n,) in due]


def _message(row: Any) -> OutboundMessage:
    outbound_id, turn_id, conversation_id, channel, address, kind, body, created_at, expires_at, *rest = row
    attempts, unsure, asked_at = rest
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
        unsure=bool(unsure),
        asked_at=None if asked_at is None else from_micros(asked_at),
    )


def settle(connection: apsw.Connection, message: OutboundMessage, ended: outbound_rows.Ended) -> bool:
    """Record how a send ended, once; the row behind it moves up. Return whether there is one.

    The word of a sender is ignored whose row another one has claimed since.
    """
    given = (ended.state, to_micros(ended.at), ended.error, ended.platform_id, message.id, message.attempt)
    connection.execute(SETTLE, given)
    first = None
    if message.kind == "proactive":
        first = connection.execute(URGENT_FIRST, (message.conversation_id,)).fetchone()
    first = first or connection.execute(FIRST, (message.conversation_id,)).fetchone()
    if first is not None and not first[1]:
        connection.execute(MOVE_UP, (first[0], message.conversation_id))
    return first is not None


def postpone(
    connection: apsw.Connection, message: OutboundMessage, until: datetime, error: str, unsure: bool, counts: bool
) -> None:
    """Put a row back for `until`; a settled one stays settled."""
    if not counts:
        connection.execute(TAKE_BACK, (message.id, message.attempt))
    connection.execute(POSTPONE, (to_micros(until), error, int(unsure), message.id, message.attempt))
    if message.kind == "proactive":
        urgent_first(connection, message.conversation_id)


def urgent_first(connection: apsw.Connection, conversation_id: int) -> None:
    """Let an urgent message stand before one that only waits; one that is being sent stays the head."""
    first = connection.execute(URGENT_FIRST, (conversation_id,)).fetchone()
    if first is not None and not first[1]:
        connection.execute(STEP_BACK, (conversation_id,))
        if connection.changes():
            connection.execute(STEP_FORWARD, (first[0],))


def renew(connection: apsw.Connection, messages: Sequence[OutboundMessage], now: datetime) -> set[str]:
    """Push the end of the leases of rows that are being sent; return the ids of those that still are their sender's."""
    lease = to_micros(now + LEASE)
    renewed = (connection.execute(RENEW, (lease, message.id, message.attempt)).fetchone() for message in messages)
    return {row[0] for row in renewed if row is not None}


def free(connection: apsw.Connection, owner: str, now: datetime) -> None:
    """Give back what others than `owner` were sending; nobody knows whether it went out."""
    connection.execute(FREE, (to_micros(now), owner))
