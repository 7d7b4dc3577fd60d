"""What tools are to do once a person has given their word, on PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.skills.approval import STAYS_OPEN, Approval, ApprovalRefused, admit
from ai_worker.storage import rows
from ai_worker.storage.approval_rows import approval_of, replaced, row_of
from ai_worker.storage.postgres.database import PostgresDatabase

FIELDS = (
    *("id", "channel", "contact_id", "conversation_key", "state", "approved_by", "asked_at", "expires_at"),
    *("used_by", "body"),
)

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
"""Held by a transaction that counts what is open in a channel: of two at once neither would see the other."""

ASK = f"""
INSERT INTO approval ({", ".join(FIELDS)}) VALUES ({", ".join(f"${n}" for n in range(1, len(FIELDS) + 1))})
ON CONFLICT (id) DO NOTHING RETURNING id
"""

OTHERS = """
SELECT body FROM approval
WHERE channel = $1 AND contact_id = $2 AND conversation_key = $3 AND state = 'waiting' AND id <> $4
FOR UPDATE
"""

ASKED = """
SELECT (SELECT count(*) FROM approval WHERE channel = $1 AND contact_id = $2
        AND expires_at > $4 AND state IN ('waiting', 'replaced')),
    (SELECT count(*) FROM approval WHERE channel = $1 AND conversation_key = $3
        AND expires_at > $4 AND state IN ('waiting', 'replaced'))
"""
"""How many nobody has answered yet, of a contact and in a conversation."""

ONE = "SELECT body FROM approval WHERE id = $1"

CHANGE = "UPDATE approval SET state = $2, expires_at = $3, used_by = $4, body = $5 WHERE id = $1"

WAITING = "SELECT body FROM approval WHERE state = 'waiting' AND expires_at > $1 ORDER BY asked_at LIMIT $2"

OPEN = """
SELECT body FROM approval
WHERE approved_by = 'colleague' AND used_by = '' AND state <> 'replaced' AND asked_at > $1
ORDER BY asked_at LIMIT $2
"""

LATEST = "SELECT body FROM approval ORDER BY asked_at DESC, n DESC LIMIT $1"


class PostgresApprovalStore:
    """Keeps approvals; see `ApprovalStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def ask(self, approval: Approval) -> Approval:
        """Keep a question, replace others that its asker left open, and return it as it is kept.

        Raises:
            TooManyAsked: Too many are open; it is not kept.
        """
        row = row_of(approval)
        whose = [rows.plain(str(row[name])) for name in ("channel", "contact_id", "conversation_key", "id")]
        async with self._database.transaction() as connection:
            await connection.execute(ONE_AT_A_TIME, f"approval:{self._database.address.schema}:{whose[0]}")
            if await connection.fetchval(ASK, *(_plain(row[name]) for name in FIELDS)) is not None:
                counted = await connection.fetchrow(ASKED, *whose[:3], row["asked_at"])
                admit(of_contact=counted[0], in_conversation=counted[1])
                for other in await connection.fetch(OTHERS, *whose):
                    await _change(connection, replaced(other[0]))
            return await _one(connection, approval.id)

    async def get(self, approval_id: str, now: datetime) -> Approval | None:
        """Return one as it stands now; `None`: there is none."""
        found = await self._read(ONE, rows.plain(approval_id))
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
        async with self._database.transaction() as connection:
            changed = change(await _one(connection, approval_id, locked=True))
            await _change(connection, changed)
            return changed

    async def _read(self, statement: str, *values: Any) -> list[Approval]:
        return [approval_of(row[0]) for row in await self._database.fetch(statement, *values)]


async def _one(connection: Any, approval_id: str, *, locked: bool = False) -> Approval:
    row = await connection.fetchrow(f"{ONE} FOR UPDATE" if locked else ONE, rows.plain(approval_id))
    if row is None:
        raise ApprovalRefused("There is no such approval")
    return approval_of(row[0])


async def _change(connection: Any, approval: Approval) -> None:
    row = row_of(approval)
    names = ("id", "state", "expires_at", "used_by", "body")
    await connection.execute(CHANGE, *(_plain(row[name]) for name in names))


def _plain(value: object) -> object:
    return rows.plain(value) if isinstance(value, str) else value
