"""Lanes: which conversation has work, who owns it, and what becomes of its oldest message.

A lane may be claimed when `waiting > 0` and `ready_at` has come. Owning a lane pushes its `ready_at`
to the lease's end, so one index answers both "what is due" and "whose owner is dead". A lane that nobody
owns and whose `ready_at` is its `owed_at` rests: what waits is owed, and whatever comes in may be taken.
"""

from datetime import datetime, timedelta
from typing import Any

import apsw

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, AnswererChanged, Claim, LeaseLost
from ai_worker.storage import codec, contact_rows, conversation_rows, owed, rows
from ai_worker.storage.sqlite import history

LEASE = timedelta(seconds=15)
"""How long a lane stays its owner's without being renewed."""

READY = """
SELECT id, epoch, state, handoff_reason, pending_question, standalone, grouped, owed_at FROM conversation
WHERE waiting > 0 AND ready_at <= ? ORDER BY ready_at LIMIT ?
"""

AHEAD = timedelta(minutes=2)
"""Twice as long as anything is ever put off. What is due later than that was put there by a clock that has
been set back since, and is due now."""

FROM_THE_FUTURE = """
UPDATE conversation SET owner = NULL, ready_at = :now
WHERE waiting > 0 AND ready_at > :ahead AND owner IS NOT :owner
"""

OWN = "UPDATE conversation SET owner = ?, epoch = epoch + 1, ready_at = ? WHERE id = ?"

OLDEST = """
SELECT seq, turn_id, body, attempts, held, (SELECT body FROM progress WHERE progress.seq = inbound.seq),
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    (SELECT department FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    (SELECT iif(behind.said_by = inbound.said_by AND instr(behind.body, '"chosen":""'), behind.received_at, NULL)
     FROM inbound AS behind
     WHERE behind.conversation_id = inbound.conversation_id AND behind.state = 'waiting' AND behind.seq > inbound.seq
        AND behind.owed IS NULL ORDER BY behind.seq LIMIT 1), owed
FROM inbound WHERE seq = coalesce(
    (SELECT seq FROM inbound WHERE conversation_id = :lane AND state = 'waiting' AND owed IS NULL ORDER BY seq LIMIT 1),
    (SELECT seq FROM inbound WHERE conversation_id = :lane AND state = 'waiting' ORDER BY seq LIMIT 1))
"""

OWED = """
SELECT seq, text, said_by, coalesce(
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = said_by), contact_name)
FROM inbound WHERE conversation_id = ? AND state = 'waiting' AND owed IS NOT NULL ORDER BY seq DESC LIMIT ?
"""

REPLIED = """
SELECT seq FROM turn WHERE conversation_id = ? AND decision <> 'silent' ORDER BY seq DESC LIMIT 1
"""

ATTEMPT = "UPDATE inbound SET attempts = attempts + 1 WHERE seq = ? AND attempts < ?"

TRIED = "UPDATE inbound SET attempts = ? WHERE seq = ?"

RENEW = "UPDATE conversation SET ready_at = ? WHERE id = ? AND epoch = ? AND owner IS NOT NULL"

OWNED = """
SELECT owner, state, handoff_reason, waiting_since, waiting, unread, last_at, last_text, owed_at FROM conversation
WHERE id = ? AND epoch = ? AND owner IS NOT NULL
"""

TURN = """
INSERT INTO turn (seq, conversation_id, epoch, channel, decision, confidence, model,
    received_at, finished_at, response_ms, result)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ANSWERED = """
UPDATE conversation SET owner = NULL, waiting = waiting - 1, ready_at = ?, owed_at = ?, state = ?,
    handoff_reason = ?, waiting_since = ?, pending_question = iif(?, pending_question, ?), unread = ?, last_at = ?,
    last_text = ?, first_in_queue = max(first_in_queue, ?)
WHERE id = ?
"""

OWE = "UPDATE inbound SET held = 1, attempts = 0, owed = ? WHERE seq = ?"

REST = """
UPDATE conversation SET owner = NULL, ready_at = ?, owed_at = ?, pending_question = iif(?, pending_question, ?)
WHERE id = ?
"""

WAITS = """
SELECT EXISTS (SELECT 1 FROM inbound WHERE conversation_id = :lane AND state = 'waiting' AND owed IS NULL
    AND seq <> :seq),
    EXISTS (SELECT 1 FROM inbound WHERE conversation_id = :lane AND state = 'waiting' AND owed IS NOT NULL
    AND seq <> :seq)
FROM conversation WHERE id = :lane
"""

KEEP = "INSERT OR REPLACE INTO progress (seq, epoch, body) VALUES (?, ?, ?)"

FREE = "UPDATE conversation SET owner = NULL, ready_at = ? WHERE id = ?"

FREE_OTHERS = "UPDATE conversation SET owner = NULL, ready_at = min(ready_at, ?) WHERE waiting > 0 AND owner <> ?"

WAITING = "SELECT count(*) FROM inbound WHERE state = 'waiting'"

NEXT = "UPDATE conversation SET owner = NULL, waiting = waiting - 1, ready_at = ? WHERE id = ?"


def claim(connection: apsw.Connection, owner: str, limit: int, now: datetime) -> list[Claim]:
    """Own up to `limit` lanes that are due, those that have been ready longest first."""
    connection.execute(FROM_THE_FUTURE, {"now": to_micros(now), "ahead": to_micros(now + AHEAD), "owner": owner})
    due = connection.execute(READY, (to_micros(now), limit)).fetchall()
    lease = to_micros(now + LEASE)
    connection.executemany(OWN, [(owner, lease, row[0]) for row in due])
    claims = []
    for row in due:
        oldest = connection.execute(OLDEST, {"lane": row[0]}).fetchone()
        if oldest is not None:
            connection.execute(ATTEMPT, (oldest[0], COUNTED_BY_CLAIM))
            claims.append(_claim(connection, row, oldest))
    return claims


def _claim(connection: apsw.Connection, lane: Any, oldest: Any) -> Claim:
    conversation_id, epoch, state, reason, pending, standalone, grouped, owed_at = lane
    seq, turn_id, body, attempts, held, progress, name, department, next_at, owed_under = oldest
    message = contact_rows.by_directory(codec.message(body), name, department)
    said = message.history
    if said is None:
        before = None if owed_under is None else seq
        said = () if standalone else history.latest(connection, conversation_id, grouped=bool(grouped), before=before)
    claim = Claim(
        seq=seq,
        turn_id=turn_id,
        message=message,
        conversation_id=conversation_id,
        epoch=epoch + 1,
        attempt=attempts + 1,
        held=bool(held),
        state=State(state),
        blocked=state == State.WAITING and bool(reason) and Reason(reason).blocks,
        pending=codec.pending(pending if owed_under is None else owed_under),
        history=said,
        progress=codec.progress(progress),
        next_at=None if next_at is None else from_micros(next_at),
        owed=owed_under is not None,
    )
    if owed_at is None:
        return claim
    others = connection.execute(OWED, (conversation_id, owed.LATEST)).fetchall()
    replied = connection.execute(REPLIED, (conversation_id,)).fetchone()
    return owed.told(claim, others, replied[0] if replied else 0, grouped=bool(grouped))


def renew(connection: apsw.Connection, owned: list[tuple[int, int]], now: datetime) -> None:
    """Push the end of these leases, (conversation, epoch) each; a lost one stays lost."""
    lease = to_micros(now + LEASE)
    connection.executemany(RENEW, [(lease, conversation_id, epoch) for conversation_id, epoch in owned])


def owned(connection: apsw.Connection, claim: Claim) -> Any:
    """Return the lane's row as `OWNED` selects it.

    Raises:
        LeaseLost: The claim's epoch is not the lane's, or the lane was given back.
    """
    lane = connection.execute(OWNED, (claim.conversation_id, claim.epoch)).fetchone()
    if lane is None:
        raise LeaseLost(f"Another runner works on c-{claim.conversation_id} by now; this turn was not kept.")
    return lane


def finished_before(connection: apsw.Connection, claim: Claim) -> bool:
    """Return whether this very claim was finished already, by a call whose answer was lost."""
    row = connection.execute("SELECT epoch FROM turn WHERE seq = ?", (claim.seq,)).fetchone()
    return row is not None and row[0] == claim.epoch


def finish(
    connection: apsw.Connection, claim: Claim, result: TurnResult, stored: str, now: datetime, response_ms: float
) -> str:
    """Store the turn, mark its message as done and free the lane; return who owned it."""
    owner, state, reason, since, waiting, unread, last_at, last_text, owed_at = owned(connection, claim)
    if conversation_rows.answerer_changed(claim, result, state):
        raise AnswererChanged(f"Somebody else answers c-{claim.conversation_id} by now; this turn was not kept.")
    at = to_micros(now)
    if result.decision == "handoff" and state != State.HUMAN:
        state, reason, since = conversation_rows.asking(state, reason, since, result, at)
    if result.decision in ("answer", "clarify") and state != State.HUMAN:
        unread = waiting - 1
    if result.reply is not None:
        last_at, last_text = at, shorten(result.reply.text, rows.LINE)
    message = claim.message
    connection.execute(
        TURN,
        (
            claim.seq,
            claim.conversation_id,
            claim.epoch,
            message.channel,
            result.decision,
            result.confidence,
            result.model,
            to_micros(message.received_at),
            at,
            response_ms,
            stored,
        ),
    )
    connection.execute("UPDATE inbound SET state = 'done' WHERE seq = ?", (claim.seq,))
    pending = None if result.pending is None else codec.encode(result.pending)
    newer = claim.overtaken and pending is None  # what was asked back since stays open
    lane = (state, reason, since, newer, pending, unread, last_at, last_text, int(result.first_in_queue))
    times = _again(connection, claim, owed_at, at) if owed_at is not None else (at, None)
    connection.execute(ANSWERED, (*times, *lane, claim.conversation_id))
    return str(owner)


def _again(connection: apsw.Connection, claim: Claim, owed_at: int, at: int) -> tuple[int, int | None]:
    """Return when a lane that owes answers may be claimed after this turn, and when what is owed is tried."""
    fresh, owes = next(connection.execute(WAITS, {"lane": claim.conversation_id, "seq": claim.seq}))
    if claim.owed:  # an answer was possible: the next one may be, too
        return at, at if owes else None
    return (at if fresh or not owes else owed_at), owed_at if owes else None


def keep(connection: apsw.Connection, claim: Claim, body: str) -> None:
    """Replace what is kept of how far a turn has come."""
    owned(connection, claim)
    connection.execute(KEEP, (claim.seq, claim.epoch, body))


def count_attempt(connection: apsw.Connection, claim: Claim) -> None:
    """Count an attempt that the claim did not count."""
    owned(connection, claim)
    connection.execute(TRIED, (claim.attempt, claim.seq))


def defer(connection: apsw.Connection, claim: Claim, until: datetime) -> None:
    """Give the lane back as it was found; it is due at `until`."""
    owned(connection, claim)
    put_back(connection, claim, until)


def hold(connection: apsw.Connection, claim: Claim, until: datetime, now: datetime) -> str:
    """Owe the message its answer and give the lane back; return who owned it."""
    owner, *_, owed_at = owned(connection, claim)
    fresh, owes = next(connection.execute(WAITS, {"lane": claim.conversation_id, "seq": claim.seq}))
    connection.execute(OWE, (owed.kept(claim), claim.seq))
    due = owed_at if owes and not claim.owed and owed_at is not None else to_micros(until)
    pending = None if claim.pending is None else codec.encode(claim.pending)
    ready = to_micros(now) if fresh else due
    connection.execute(REST, (ready, due, claim.owed, pending, claim.conversation_id))
    return str(owner)


def mark_held(connection: apsw.Connection, claim: Claim) -> str:
    """Mark the message as held while its lane stays owned; return the owner."""
    owner = owned(connection, claim)[0]
    connection.execute("UPDATE inbound SET held = 1 WHERE seq = ?", (claim.seq,))
    return str(owner)


def put_back(connection: apsw.Connection, claim: Claim, until: datetime) -> None:
    """Give the lane back; its oldest message stays first, is due at `until` and was not tried this time."""
    connection.execute(TRIED, (max(0, claim.attempt - 1), claim.seq))
    _free(connection, claim, until)


def _free(connection: apsw.Connection, claim: Claim, until: datetime) -> None:
    connection.execute(FREE, (to_micros(until), claim.conversation_id))


def retry(connection: apsw.Connection, claim: Claim, error: str, until: datetime) -> None:
    """Give the lane back after a failure, with the failure's words; nothing if the lease is lost."""
    if _owns(connection, claim):
        connection.execute("UPDATE inbound SET error = ? WHERE seq = ?", (error, claim.seq))
        _free(connection, claim, until)


def bury(connection: apsw.Connection, claim: Claim, error: str, now: datetime) -> None:
    """Make the message a dead letter and let the lane go on; nothing if the lease is lost."""
    if _owns(connection, claim):
        connection.execute("UPDATE inbound SET state = 'dead', error = ? WHERE seq = ?", (error, claim.seq))
        connection.execute(NEXT, (to_micros(now), claim.conversation_id))


def _owns(connection: apsw.Connection, claim: Claim) -> bool:
    return connection.execute(OWNED, (claim.conversation_id, claim.epoch)).fetchone() is not None


def recover(connection: apsw.Connection, owner: str, now: datetime) -> int:
    """Free the lanes of others than `owner`; return how many messages wait."""
    connection.execute(FREE_OTHERS, (to_micros(now), owner))
    return int(next(connection.execute(WAITING))[0])
