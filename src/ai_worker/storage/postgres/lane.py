"""Lanes: which conversation has work, who owns it, and what becomes of its oldest message.

A lane may be claimed when `waiting > 0` and `ready_at` has come, on the database's clock. Owning a
lane pushes its `ready_at` to the lease's end, so one index answers both "what is due" and "whose
owner is dead". A lane that nobody owns and whose `ready_at` is its `owed_at` rests: what waits is owed,
and whatever comes in may be taken. Whoever writes for a lane locks its row first and compares the epoch:
a runner that slept through its lease finds another epoch, and its turn is not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, AnswererChanged, Claim, LeaseLost
from ai_worker.storage import codec, contact_rows, conversation_rows, owed, rows
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
    (SELECT CASE WHEN behind.said_by = inbound.said_by THEN behind.received_at END FROM inbound AS behind
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

FINISHED = "SELECT seq, epoch FROM turn WHERE seq = ANY ($1::bigint[])"

TURN_COLUMNS = (
    *("seq", "conversation_id", "epoch", "channel", "decision", "confidence", "model"),
    *("received_at", "finished_at", "response_ms", "reply", "result", "tainted"),
)
LANE_COLUMNS = (
    *("state", "handoff_reason", "waiting_since", "pending", "unread", "last_at", "last_text", "first"),
    *("newer", "was_owed"),
)

FINISH = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::double precision[],
        $8::text[], $9::bigint[], $10::bigint[], $11::double precision[], $12::text[], $13::text[], $14::boolean[],
        $15::text[], $16::text[], $17::bigint[], $18::text[], $19::integer[], $20::bigint[], $21::text[],
        $22::boolean[], $23::boolean[], $24::boolean[])
    AS row ({", ".join((*TURN_COLUMNS, *LANE_COLUMNS))})
), done AS (
    UPDATE inbound SET state = 'done' FROM given WHERE inbound.seq = given.seq
), freed AS (
    UPDATE conversation SET owner = NULL, node = NULL, waiting = waiting - 1,
        ready_at = CASE WHEN owed_at IS NULL OR was_owed OR {FRESH} OR NOT {OWES} THEN {MOMENT} ELSE owed_at END,
        owed_at = CASE WHEN owed_at IS NOT NULL AND {OWES} THEN CASE WHEN was_owed THEN {MOMENT} ELSE owed_at END END,
        state = given.state, handoff_reason = given.handoff_reason, waiting_since = given.waiting_since,
        pending_question = CASE WHEN newer THEN pending_question ELSE given.pending END,
        unread = given.unread, last_at = given.last_at, last_text = given.last_text,
        first_in_queue = first_in_queue OR given.first
    FROM given WHERE conversation.id = given.conversation_id
)
INSERT INTO turn ({", ".join(TURN_COLUMNS)}) SELECT {", ".join(TURN_COLUMNS)} FROM given
"""

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


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that is to be stored, and what is stored of it."""

    claim: Claim
    result: TurnResult
    stored: str
    now: datetime
    response_ms: float


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


def changed(one: Finished, lane: Any) -> bool:
    """Return whether somebody else answers by now than when the turn began; `lane` is as `OWNED` selects it."""
    return conversation_rows.answerer_changed(one.claim, one.result, lane[3])


def answered_by_another(claim: Claim) -> AnswererChanged:
    """Return the refusal of a turn that was run for another answerer."""
    return AnswererChanged(f"Somebody else answers c-{claim.conversation_id} by now; this turn was not kept.")


async def finished_before(connection: Any, claims: Sequence[Claim]) -> set[int]:
    """Return which of these very claims (by `seq`) were finished already, by a call whose answer was lost."""
    if not claims:
        return set()
    epochs = dict(await connection.fetch(FINISHED, [claim.seq for claim in claims]))
    return {claim.seq for claim in claims if epochs.get(claim.seq) == claim.epoch}


async def finish(database: PostgresDatabase, connection: Any, turns: Sequence[tuple[Finished, Any]]) -> None:
    """Store turns, each with its lane's row, mark their messages as done and free their lanes."""
    made = [(*_turn(one), *_lane(one, lane)) for one, lane in turns]
    await connection.execute(FINISH, database.moment, *(list(column) for column in zip(*made, strict=True)))


def _turn(one: Finished) -> tuple[Any, ...]:
    claim, result = one.claim, one.result
    return (
        claim.seq,
        claim.conversation_id,
        claim.epoch,
        claim.message.channel,
        result.decision,
        result.confidence,
        result.model,
        to_micros(claim.message.received_at),
        to_micros(one.now),
        one.response_ms,
        None if result.reply is None else result.reply.text,
        one.stored,
        result.tainted,
    )


def _lane(one: Finished, lane: Any) -> tuple[Any, ...]:
    _id, _epoch, _owner, state, reason, since, waiting, unread, last_at, last_text, _owed_at = lane
    result, at = one.result, to_micros(one.now)
    if result.decision == "handoff" and state != State.HUMAN:
        state, reason, since = conversation_rows.asking(state, reason, since, result, at)
    if result.decision in ("answer", "clarify") and state != State.HUMAN:
        unread = waiting - 1
    if result.reply is not None:
        last_at, last_text = at, shorten(result.reply.text, rows.LINE)
    pending = None if result.pending is None else codec.encode(result.pending)
    newer = one.claim.overtaken and pending is None  # what was asked back since stays open
    asked = state, reason, since, pending
    return *asked, unread, last_at, last_text, result.first_in_queue, newer, one.claim.owed


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
