"""Forgetting: turns past their retention with all that belongs to them, empty conversations, waits, first answers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.pipeline.answers import KEPT
from ai_worker.pipeline.store import RETENTION
from ai_worker.skills.calls import CALLS_KEPT

BATCH = 200
"""Most turns, and most conversations, that one sweep forgets: a few milliseconds in which accepts wait."""

# What a person still has to decide about stays, and so does everything in a conversation that waits for
# a person. Nobody takes over a standalone question, so those are never waited for.
LEFT = "(conversation.standalone = 1 OR conversation.state IN ('worker', 'closed'))"

UNDECIDED = """(outbound.settled_at IS NULL
    OR outbound.state IN ('failed', 'unknown', 'expired') AND outbound.dropped_at IS NULL
        AND outbound.kind <> 'holding')"""

TURNS = f"""
SELECT seq, turn_id FROM turn JOIN inbound USING (seq) JOIN conversation ON conversation.id = turn.conversation_id
WHERE turn.received_at < ? AND {LEFT}
    AND NOT EXISTS (SELECT 1 FROM outbound WHERE outbound.turn_id = inbound.turn_id AND {UNDECIDED})
ORDER BY turn.received_at LIMIT ?
"""  # noqa: S608

DROPPED = f"""
SELECT seq, turn_id FROM inbound JOIN conversation ON conversation.id = conversation_id
WHERE inbound.state = 'dead' AND inbound.received_at < ? AND inbound.dropped_at IS NOT NULL AND {LEFT}
ORDER BY inbound.received_at LIMIT ?
"""  # noqa: S608

ALONE = f"""
SELECT n FROM outbound JOIN conversation ON conversation.id = conversation_id
WHERE outbound.turn_id IS NULL AND outbound.created_at < ? AND {LEFT} AND NOT {UNDECIDED}
ORDER BY outbound.created_at LIMIT ?
"""  # noqa: S608

EMPTY = """NOT EXISTS (SELECT 1 FROM turn WHERE turn.conversation_id = conversation.id)
    AND NOT EXISTS (SELECT 1 FROM inbound WHERE inbound.conversation_id = conversation.id AND inbound.state = 'dead')
    AND NOT EXISTS (
        SELECT 1 FROM outbound WHERE outbound.conversation_id = conversation.id AND outbound.kind = 'human')
    AND conversation.waiting = 0"""

IDLE = f"""
SELECT id FROM conversation WHERE state = ? AND standalone = 0 AND last_at < ? AND {EMPTY}
ORDER BY last_at LIMIT ?
"""  # noqa: S608

FORGET_ANSWERS = """
DELETE FROM first_answer WHERE place IN (SELECT place FROM first_answer WHERE at <= ? ORDER BY at LIMIT ?)
"""

FORGET_WAITS = """
DELETE FROM handoff_wait WHERE n IN (SELECT n FROM handoff_wait WHERE taken_at < ? ORDER BY taken_at LIMIT ?)
"""

FORGET_CALLS = """
DELETE FROM connector_call WHERE n IN (SELECT n FROM connector_call WHERE at < ? ORDER BY at LIMIT ?)
"""

FORGET_CHECKS = "DELETE FROM connector_check WHERE at < ?"

FORGET_APPROVALS = """
DELETE FROM approval WHERE n IN (
    SELECT n FROM approval WHERE asked_at < ? ORDER BY asked_at LIMIT ?)
"""

FORGET_REPLIES = "DELETE FROM outbound WHERE turn_id = ?"
FORGET_PROGRESS = "DELETE FROM progress WHERE seq = ?"
FORGET_RATINGS = "DELETE FROM feedback WHERE turn_id = ?"
FORGET_TURN = "DELETE FROM turn WHERE seq = ?"
FORGET_MESSAGE = "DELETE FROM inbound WHERE seq = ? RETURNING conversation_id"
FORGET_WORDS = "DELETE FROM outbound WHERE n = ?"
FORGET_NOTICES = "DELETE FROM notice WHERE conversation_id = ? AND at < ?"
FORGET_CONVERSATION = "DELETE FROM conversation WHERE id = ?"
FORGET_QUESTION = f"DELETE FROM conversation WHERE id = ? AND standalone = 1 AND {EMPTY}"  # noqa: S608


def sweep(connection: apsw.Connection, now: datetime) -> int:
    """Forget some of what is older than `RETENTION` or `KEPT`; return how many rows went, 0 when there is no more."""
    before = to_micros(now - RETENTION)
    began = connection.total_changes()
    for statement in (TURNS, DROPPED):
        _forget_turns(connection, connection.execute(statement, (before, BATCH)).fetchall(), before)
    connection.executemany(FORGET_WORDS, connection.execute(ALONE, (before, BATCH)).fetchall())
    for state in ("worker", "closed"):
        for (number,) in connection.execute(IDLE, (state, before, BATCH)).fetchall():
            connection.execute(FORGET_NOTICES, (number, before))
            connection.execute(FORGET_CONVERSATION, (number,))
    connection.execute(FORGET_WAITS, (before, BATCH))
    called_before = to_micros(now - CALLS_KEPT)
    connection.execute(FORGET_CALLS, (called_before, BATCH))
    connection.execute(FORGET_CHECKS, (called_before,))
    connection.execute(FORGET_APPROVALS, (before, BATCH))
    connection.execute(FORGET_ANSWERS, (to_micros(now - KEPT), BATCH))
    return connection.total_changes() - began


def _forget_turns(connection: apsw.Connection, turns: Iterable[Any], before: int) -> None:
    """Forget messages with all that belongs to them, the notices beside them, and whole standalone questions."""
    conversations: set[int] = set()
    for seq, turn_id in turns:
        connection.execute(FORGET_REPLIES, (turn_id,))
        connection.execute(FORGET_PROGRESS, (seq,))
        connection.execute(FORGET_RATINGS, (turn_id,))
        connection.execute(FORGET_TURN, (seq,))
        conversations.update(number for (number,) in connection.execute(FORGET_MESSAGE, (seq,)))
    for number in sorted(conversations):
        connection.execute(FORGET_NOTICES, (number, before))
        connection.execute(FORGET_QUESTION, (number,))
