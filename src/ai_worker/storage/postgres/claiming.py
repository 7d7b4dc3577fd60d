"""Claiming lanes: those that are due come into somebody's hands, with their oldest message, and stay there.

`lane` says what a lane is, and what becomes of it afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import from_micros
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, Claim
from ai_worker.storage import codec, contact_rows, owed
from ai_worker.storage.postgres import history
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

LEASE_S = 12
"""How long a lane stays its owner's without being renewed: with the wait for the next look into the
store, a dead node's conversations go on within 15 seconds."""

AHEAD_S = 120
"""Twice as long as anything is ever put off. What is due later than that was put there before the database's
clock was set back: it is due now, or, if somebody may be at work on it, when a fresh lease would end."""

OWN = f"""
WITH strayed AS MATERIALIZED (
    SELECT id AS strayed_id FROM conversation WHERE waiting > 0 AND ready_at > {MOMENT} + {AHEAD_S} * 1000000
    ORDER BY ready_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
), back AS (
    UPDATE conversation SET ready_at = {MOMENT} + (owner IS NOT NULL)::integer * {LEASE_S} * 1000000
    FROM strayed WHERE conversation.id = strayed_id
), due AS MATERIALIZED (
    SELECT id, ready_at AS due_at FROM conversation WHERE waiting > 0 AND ready_at <= {MOMENT}
    ORDER BY ready_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE conversation SET owner = $3, node = $4, epoch = epoch + 1, ready_at = {MOMENT} + {LEASE_S} * 1000000
FROM due WHERE conversation.id = due.id
RETURNING conversation.id, epoch, state, handoff_reason, pending_question, standalone, due_at, grouped, owed_at
"""

# A statement of its own: it must see what was finished before the rows above were locked.
BEGIN = f"""
UPDATE inbound SET attempts = inbound.attempts + (inbound.attempts < {COUNTED_BY_CLAIM})::int
FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
    SELECT coalesce(
        (SELECT seq FROM inbound WHERE conversation_id = lane.id AND state = 'waiting' AND owed IS NULL
         ORDER BY seq LIMIT 1),
        (SELECT seq FROM inbound WHERE conversation_id = lane.id AND state = 'waiting' ORDER BY seq LIMIT 1)) AS seq
) AS oldest CROSS JOIN LATERAL (SELECT attempts FROM inbound AS found WHERE found.seq = oldest.seq) AS before
WHERE inbound.seq = oldest.seq
RETURNING conversation_id, inbound.seq, turn_id, body, before.attempts + 1, held,
    (SELECT progress.body FROM progress WHERE progress.seq = inbound.seq),
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    (SELECT department FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    (SELECT CASE WHEN behind.said_by = inbound.said_by AND strpos(behind.body, '"chosen":""') > 0
        THEN behind.received_at END FROM inbound AS behind
     WHERE behind.conversation_id = inbound.conversation_id AND behind.state = 'waiting' AND behind.seq > inbound.seq
        AND behind.owed IS NULL ORDER BY behind.seq LIMIT 1), owed
"""

BEHIND = """
SELECT lane.id, coalesce((
    SELECT seq FROM turn WHERE conversation_id = lane.id AND decision <> 'silent' ORDER BY seq DESC LIMIT 1), 0),
    latest.seq, latest.text, latest.said_by, latest.name
FROM unnest($1::bigint[]) AS lane (id) LEFT JOIN LATERAL (
    SELECT seq, text, said_by, coalesce(
        (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = said_by),
        contact_name) AS name
    FROM inbound WHERE conversation_id = lane.id AND state = 'waiting' AND owed IS NOT NULL ORDER BY seq DESC LIMIT $2
) AS latest ON true ORDER BY lane.id, latest.seq DESC
"""

RENEW = f"""
WITH mine AS MATERIALIZED (
    SELECT id FROM conversation JOIN unnest($2::bigint[], $3::bigint[]) AS given (id, epoch) USING (id, epoch)
    WHERE owner IS NOT NULL ORDER BY id FOR NO KEY UPDATE OF conversation
)
UPDATE conversation SET ready_at = {MOMENT} + {LEASE_S} * 1000000 FROM mine WHERE conversation.id = mine.id
"""


async def claim(database: PostgresDatabase, owner: str, limit: int) -> list[Claim]:
    """Own up to `limit` lanes that are due, those that have been ready longest first."""
    async with database.transaction() as connection:
        lanes = await connection.fetch(OWN, database.moment, limit, owner, database.node)
        if not lanes:
            return []
        begun = {row[0]: row[1:] for row in await connection.fetch(BEGIN, [row[0] for row in lanes])}
        lanes.sort(key=_due_at)
        lanes = [lane for lane in lanes if lane[0] in begun]
        messages = {lane[0]: _message(begun[lane[0]]) for lane in lanes}
        # The first claim of a conversation has epoch 1: nothing was said in it before.
        asked = [
            (lane[0], lane[7], None if begun[lane[0]][9] is None else begun[lane[0]][0])
            for lane in lanes
            if lane[1] > 1 and not lane[5] and messages[lane[0]].history is None
        ]
        said = await history.latest(connection, asked)
        owing = await _owing(connection, [lane for lane in lanes if lane[8] is not None])
    claims = (_claim(lane, begun[lane[0]], messages[lane[0]], said.get(lane[0], ())) for lane in lanes)
    return [owing.get(claim.conversation_id, _OWES_NOTHING).tell(claim) for claim in claims]


@dataclass(slots=True)
class _Owing:
    """What one conversation owes."""

    grouped: bool = False
    replied: int = 0
    owed: list[Any] = field(default_factory=list)

    def tell(self, claim: Claim) -> Claim:
        """Return a claim with what it must know of the others."""
        return owed.told(claim, self.owed, self.replied, grouped=self.grouped)


_OWES_NOTHING = _Owing()


async def _owing(connection: Any, lanes: Sequence[Any]) -> dict[int, _Owing]:
    """Return what is owed in these lanes; each is as `OWN` returns it."""
    if not lanes:
        return {}
    owing = {lane[0]: _Owing(grouped=lane[7]) for lane in lanes}
    for conversation_id, replied, *row in await connection.fetch(BEHIND, list(owing), owed.LATEST):
        owing[conversation_id].replied = replied
        if row[0] is not None:
            owing[conversation_id].owed.append(row)
    return owing


def _due_at(lane: Any) -> tuple[int, int]:
    return lane[6], lane[0]


def _message(oldest: Any) -> InboundMessage:
    return contact_rows.by_directory(codec.message(oldest[2]), *oldest[6:8])


def _claim(lane: Any, oldest: Any, message: InboundMessage, said: Any) -> Claim:
    conversation_id, epoch, state, reason, pending, _standalone, _due, _grouped, _owed_at = lane
    seq, turn_id, _body, attempts, held, progress, _name, _department, next_at, owed_under = oldest
    return Claim(
        seq=seq,
        turn_id=turn_id,
        message=message,
        conversation_id=conversation_id,
        epoch=epoch,
        attempt=attempts,
        held=held,
        state=State(state),
        blocked=state == State.WAITING and bool(reason) and Reason(reason).blocks,
        pending=codec.pending(pending if owed_under is None else owed_under),
        history=said if message.history is None else message.history,
        progress=codec.progress(progress),
        next_at=None if next_at is None else from_micros(next_at),
        owed=owed_under is not None,
    )


async def renew(database: PostgresDatabase, claims: Sequence[Claim]) -> None:
    """Push the end of these leases; a lost one stays lost."""
    ids, epochs = [claim.conversation_id for claim in claims], [claim.epoch for claim in claims]
    await database.fetch(RENEW, database.moment, ids, epochs)
