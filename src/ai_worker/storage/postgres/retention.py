"""Forgetting: turns past their retention with all that belongs to them, conversations that are empty, first answers.

Rows that another node holds at this moment are left for the next sweep, so that nobody waits for one.
"""

from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.pipeline.answers import KEPT
from ai_worker.pipeline.store import RETENTION
from ai_worker.skills.calls import CALLS_KEPT

BATCH = 200
"""Most turns, and most conversations, that one sweep forgets."""

# What a person still has to decide about stays, and so does everything in a conversation that waits for
# a person. Nobody takes over a standalone question, so those are never waited for.
LEFT = "(conversation.standalone OR conversation.state IN ('worker', 'closed'))"

UNDECIDED = """(outbound.settled_at IS NULL
    OR outbound.state IN ('failed', 'unknown', 'expired') AND outbound.dropped_at IS NULL
        AND outbound.kind <> 'holding')"""

TURNS = f"""
SELECT seq, turn_id FROM turn JOIN inbound USING (seq) JOIN conversation ON conversation.id = turn.conversation_id
WHERE turn.received_at < $1 AND {LEFT}
    AND NOT EXISTS (SELECT FROM outbound WHERE outbound.turn_id = inbound.turn_id AND {UNDECIDED})
ORDER BY turn.received_at LIMIT $2 FOR UPDATE OF inbound SKIP LOCKED
"""

DROPPED = f"""
SELECT seq, turn_id FROM inbound JOIN conversation ON conversation.id = conversation_id
WHERE inbound.state = 'dead' AND inbound.received_at < $1 AND inbound.dropped_at IS NOT NULL AND {LEFT}
ORDER BY inbound.received_at LIMIT $2 FOR UPDATE OF inbound SKIP LOCKED
"""

ALONE = f"""
DELETE FROM outbound WHERE n IN (
    SELECT n FROM outbound JOIN conversation ON conversation.id = conversation_id
    WHERE outbound.turn_id IS NULL AND outbound.created_at < $1 AND {LEFT} AND NOT {UNDECIDED}
    ORDER BY outbound.created_at LIMIT $2 FOR UPDATE OF outbound SKIP LOCKED)
RETURNING n
"""

EMPTY = """NOT EXISTS (SELECT FROM turn WHERE turn.conversation_id = conversation.id)
    AND NOT EXISTS (SELECT FROM inbound WHERE inbound.conversation_id = conversation.id AND inbound.state = 'dead')
    AND NOT EXISTS (SELECT FROM outbound WHERE outbound.conversation_id = conversation.id AND outbound.kind = 'human')
    AND conversation.waiting = 0"""

IDLE = f"""
SELECT id FROM conversation WHERE state = $1 AND NOT standalone AND last_at < $2 AND {EMPTY}
ORDER BY last_at LIMIT $3 FOR UPDATE SKIP LOCKED
"""

QUESTIONS = f"""
SELECT id FROM conversation WHERE id = ANY ($1::bigint[]) AND standalone AND {EMPTY} FOR UPDATE SKIP LOCKED
"""

FORGET_ANSWERS = """
DELETE FROM first_answer WHERE place IN (
    SELECT place FROM first_answer WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING at
"""

FORGET_WAITS = """
DELETE FROM handoff_wait WHERE n IN (
    SELECT n FROM handoff_wait WHERE taken_at < $1 ORDER BY taken_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING n
"""

FORGET_CALLS = """
DELETE FROM connector_call WHERE n IN (
    SELECT n FROM connector_call WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING n
"""

FORGET_CHECKS = "DELETE FROM connector_check WHERE at < $1 RETURNING at"

FORGET_APPROVALS = """
DELETE FROM approval WHERE n IN (
    SELECT n FROM approval WHERE asked_at < $1 ORDER BY asked_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING n
"""

FORGET_REPLIES = "DELETE FROM outbound WHERE turn_id = ANY ($1::text[])"
FORGET_RATINGS = "DELETE FROM feedback WHERE turn_id = ANY ($1::text[])"
FORGET_TURNS = "DELETE FROM turn WHERE seq = ANY ($1::bigint[])"
# What is kept of a turn's progress goes with its message: the reference to it cascades.
FORGET_MESSAGES = "DELETE FROM inbound WHERE seq = ANY ($1::bigint[]) RETURNING conversation_id"
FORGET_NOTICES = "DELETE FROM notice WHERE conversation_id = ANY ($1::bigint[]) AND at < $2"
FORGET_CONVERSATIONS = "DELETE FROM conversation WHERE id = ANY ($1::bigint[])"


async def sweep(connection: Any, now: datetime) -> int:
    """Forget some of what is older than `RETENTION` or `KEPT`; return how many rows went, 0 when there is no more."""
    before, gone = to_micros(now - RETENTION), 0
    for statement in (TURNS, DROPPED):
        gone += await _forget_turns(connection, await connection.fetch(statement, before, BATCH), before)
    gone += len(await connection.fetch(ALONE, before, BATCH))
    for state in ("worker", "closed"):
        idle = [row[0] for row in await connection.fetch(IDLE, state, before, BATCH)]
        gone += await _forget_conversations(connection, idle, before)
    gone += len(await connection.fetch(FORGET_WAITS, before, BATCH))
    called_before = to_micros(now - CALLS_KEPT)
    gone += len(await connection.fetch(FORGET_CALLS, called_before, BATCH))
    gone += len(await connection.fetch(FORGET_CHECKS, called_before))
    gone += len(await connection.fetch(FORGET_APPROVALS, before, BATCH))
    return gone + len(await connection.fetch(FORGET_ANSWERS, to_micros(now - KEPT), BATCH))


async def _forget_turns(connection: Any, turns: list[Any], before: int) -> int:
    """Forget messages with all that belongs to them, the notices beside them, and whole standalone questions."""
    if not turns:
        return 0
    seqs = [row[0] for row in turns]
    for statement in (FORGET_REPLIES, FORGET_RATINGS):
        await connection.execute(statement, [row[1] for row in turns])
    await connection.execute(FORGET_TURNS, seqs)
    touched = list({row[0] for row in await connection.fetch(FORGET_MESSAGES, seqs)})
    await connection.execute(FORGET_NOTICES, touched, before)
    questions = [row[0] for row in await connection.fetch(QUESTIONS, touched)]
    return len(seqs) + await _forget_conversations(connection, questions, before)


async def _forget_conversations(connection: Any, ids: list[int], before: int) -> int:
    if ids:
        await connection.execute(FORGET_NOTICES, ids, before)
        await connection.execute(FORGET_CONVERSATIONS, ids)
    return len(ids)
