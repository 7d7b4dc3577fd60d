"""What tools are to do once a person has given their word, on SQLite."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.skills.approval import STAYS_OPEN, Approval, ApprovalRefused, admit
from ai_worker.storage.approval_rows import approval_of, replaced, row_of
from ai_worker.storage.sqlite.database import SqliteDatabase

ASK = """
INSERT INTO approval
    (id, channel, contact_id, conversation_key, state, approved_by, asked_at, expires_at, used_by, body)
VALUES (:id, :channel, :contact_id, :conversation_key, :state, :approved_by, :asked_at, :expires_at, :used_by, :body)
ON CONFLICT (id) DO NOTHING
"""

OTHERS = """
SELECT body FROM approval
WHERE channel = :channel AND contact_id = :contact_id AND conversation_key = :conversation_key
    AND state = 'waiting' AND id <> :id
"""

ASKED = """
SELECT (SELECT count(*) FROM approval WHERE channel = :channel AND contact_id = :contact_id
        AND expires_at > :asked_at AND state IN ('waiting', 'replaced')),
    (SELECT count(*) FROM approval WHERE channel = :channel AND conversation_key = :conversation_key
        AND expires_at > :asked_at AND state IN ('waiting', 'replaced'))
"""
"""How many nobody has answered yet, of a contact and in a conversation."""

ONE = "SELECT body FROM approval WHERE id = ?"

CHANGE = """
UPDATE approval SET state = :state, expires_at = :expires_at, used_by = :used_by, body = :body WHERE id = :id
"""

WAITING = "SELECT body FROM approval WHERE state = 'waiting' AND expires_at > ? ORDER BY asked_at LIMIT ?"

OPEN = """
SELECT body FROM approval
WHERE approved_by = 'colleague' AND used_by = '' AND state <> 'replaced' AND asked_at > ?
ORDER BY asked_at LIMIT ?
"""

LATEST = "SELECT body FROM approval ORDER BY asked_at DESC, n DESC LIMIT ?"


class SqliteApprovalStore:
    """Keeps approvals; see `ApprovalStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def ask(self, approval: Approval) -> Approval:
        """Keep a question, replace others that its asker left open, and return it as it is kept.

        Raises:
            TooManyAsked: Too many are open; it is not kept.
        """

        def work(connection: apsw.Connection) -> Approval:
            row = row_of(approval)
            connection.execute(ASK, row)
            if connection.changes():
                of_contact, in_conversation = next(connection.execute(ASKED, row))
                admit(of_contact=of_contact, in_conversation=in_conversation)
                for (body,) in connection.execute(OTHERS, row).fetchall():
                    connection.execute(CHANGE, row_of(replaced(body)))
            return _one(connection, approval.id)

        return await self._database.write(work)

    async def get(self, approval_id: str, now: datetime) -> Approval | None:
        """Return one as it stands now; `None`: there is none."""
        found = await self._read(ONE, approval_id)
        return found[0].at(now) if found else None

    async def waiting(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return those that wait for a word, the oldest first."""
        return await self._read(WAITING, to_micros(now), limit)

    async def open(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return those for a colleague of which the asker does not know the end yet."""
        return [one.at(now) for one in await self._read(OPEN, to_micros(now - STAYS_OPEN), limit)]

    async def latest(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return the latest ones, whatever became of them."""
        return [one.at(now) for one in await self._read(LATEST, limit)]

    async def decide(self, approval_id: str, *, digest: str, by: str, yes: bool, now: datetime) -> Approval:
        """Keep a person's word, once.

        Raises:
            ApprovalRefused: There is none, it does not wait any more, or the word is for something else.
        """
        return await self._change(approval_id, lambda one: one.decided(digest=digest, by=by, yes=yes, now=now))

    async def use(self, approval_id: str, *, turn_id: str, now: datetime) -> Approval:
        """Mark an approved one as used by a turn and return it.

        Raises:
            ApprovalRefused: There is none, it is not approved, has expired, or another turn has used it.
        """
        return await self._change(approval_id, lambda one: one.used(turn_id=turn_id, now=now))

    async def tell(self, approval_id: str, *, turn_id: str, now: datetime) -> Approval:
        """Mark one that came to nothing as told to its asker.

        Raises:
            ApprovalRefused: There is none, it still waits or is approved, or another turn has told it.
        """
        return await self._change(approval_id, lambda one: one.told(turn_id=turn_id, now=now))

    async def _change(self, approval_id: str, change: Callable[[Approval], Approval]) -> Approval:
        def work(connection: apsw.Connection) -> Approval:
            changed = change(_one(connection, approval_id))
            connection.execute(CHANGE, row_of(changed))
            return changed

        return await self._database.write(work)

    async def _read(self, statement: str, *values: Any) -> list[Approval]:
        return await self._database.read(
            lambda connection: [approval_of(body) for (body,) in connection.execute(statement, values)]
        )


def _one(connection: apsw.Connection, approval_id: str) -> Approval:
    row: Any = connection.execute(ONE, (approval_id,)).fetchone()
    if row is None:
        raise ApprovalRefused("There is no such approval")
    return approval_of(row[0])
