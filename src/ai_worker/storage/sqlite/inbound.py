"""Accepting messages: one lookup for the duplicate, one row for the conversation, one for the message."""

from collections.abc import Mapping
from typing import Any

import apsw

from ai_worker.pipeline.store import Accepted, IdReused
from ai_worker.storage.sqlite import files

KNOWN = "SELECT turn_id, conversation_id, digest FROM inbound WHERE channel = :channel AND message_id = :message_id"

# A closed conversation opens again, and begins anew. While messages wait, `ready_at` is the lane's business, unless
# it rests.
LANE = """
INSERT INTO conversation (channel, key, contact_id, contact_name, worker, standalone, grouped, group_name, state,
    address, opened_at, last_at, last_text, unread, waiting, ready_at)
VALUES (:channel, :key, :contact_id, :contact_name, :worker, :standalone, :grouped, :group_name, 'worker',
    :address, :received_at, :received_at, :line, 1, 1, :received_at)
ON CONFLICT (channel, key) DO UPDATE SET
    contact_id = excluded.contact_id,
    contact_name = coalesce(excluded.contact_name, contact_name),
    grouped = excluded.grouped,
    group_name = CASE excluded.group_name WHEN '' THEN group_name ELSE excluded.group_name END,
    worker = CASE excluded.worker WHEN '' THEN worker ELSE excluded.worker END,
    address = excluded.address,
    opened_at = iif(state = 'closed', excluded.opened_at, opened_at),
    person = iif(state = 'closed', '', person),
    handoff_reason = iif(state = 'closed', '', handoff_reason),
    waiting_since = iif(state = 'closed', NULL, waiting_since),
    pending_question = iif(state = 'closed', NULL, pending_question),
    state = iif(state = 'closed', 'worker', state),
    last_at = excluded.last_at,
    last_text = excluded.last_text,
    unread = unread + 1,
    waiting = waiting + 1,
    ready_at = iif(waiting = 0 OR (owner IS NULL AND ready_at IS owed_at), excluded.ready_at, ready_at)
RETURNING id
"""

INSERT = """
INSERT INTO inbound (channel, message_id, turn_id, conversation_id, received_at, digest, said_by, contact_name,
    text, body)
VALUES (:channel, :message_id, :turn_id, :conversation_id, :received_at, :digest, :contact_id, :contact_name,
    :text, :body)
"""


def accept(connection: apsw.Connection, row: Mapping[str, Any]) -> Accepted:
    """Store a message, or say under which turn it is known.

    Raises:
        IdReused: It is known with another digest.
    """
    if known := connection.execute(KNOWN, row).fetchone():
        turn_id, conversation_id, digest = known
        if digest and row["digest"] and digest != row["digest"]:
            raise IdReused(f"The id {row['message_id']!r} was used before for another message.", turn_id=turn_id)
        return Accepted(turn_id, conversation_id, duplicate=True)
    (conversation_id,) = next(connection.execute(LANE, row))
    connection.execute(INSERT, {**row, "conversation_id": conversation_id})
    files.accept(connection, row["files"], conversation_id)
    return Accepted(row["turn_id"], conversation_id, duplicate=False)
