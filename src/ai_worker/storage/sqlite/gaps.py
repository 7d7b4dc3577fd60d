"""Questions that nothing answered, or not well, counted by their wording."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.gaps import Gap, GapState
from ai_worker.storage import gap_rows
from ai_worker.storage.sqlite.database import SqliteDatabase

KEPT = 5_000
"""Wordings that are kept: those that were asked last."""

TRIMMED_EVERY = 256
"""New wordings between two looks at how many there are."""

COUNT = """
INSERT INTO gap (folded, question, times, first_at, last_at, turn_id, kind, said)
VALUES (:folded, :question, 1, :at, :at, :turn_id, :kind, :said)
ON CONFLICT (folded) DO UPDATE SET
    question = excluded.question, times = times + 1, last_at = excluded.last_at, turn_id = excluded.turn_id,
    kind = excluded.kind, said = excluded.said, state = iif(state = 'answered', 'open', state)
RETURNING n, times
"""

TRIM = "DELETE FROM gap WHERE n IN (SELECT n FROM gap ORDER BY last_at DESC LIMIT -1 OFFSET ?)"

OPEN = f"SELECT {', '.join(gap_rows.GAP)} FROM gap WHERE state = 'open' ORDER BY times DESC, last_at DESC LIMIT ?"  # noqa: S608

SETTLED = f"""
SELECT {", ".join(gap_rows.GAP)} FROM gap WHERE state <> 'open' ORDER BY settled_at DESC, n DESC LIMIT ?
"""  # noqa: S608

BY_NUMBER = f"SELECT {', '.join(gap_rows.GAP)} FROM gap WHERE n = ?"  # noqa: S608

SETTLE = "UPDATE gap SET state = ?, base = ?, entry_id = ?, settled_at = ?, settled_by = ? WHERE n = ?"


def count(connection: apsw.Connection, row: dict[str, Any]) -> None:
    """Count a question, and now and then forget those that nobody has asked for longest."""
    n, times = next(connection.execute(COUNT, row))
    if times == 1 and n % TRIMMED_EVERY == 0:
        connection.execute(TRIM, (KEPT,))


class SqliteGapStore:
    """Keeps gaps; see `GapStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def open_gaps(self, limit: int) -> list[Gap]:
        """Return open gaps, the most frequent first and of those the latest."""
        return await self._read(OPEN, limit)

    async def settled_gaps(self, limit: int) -> list[Gap]:
        """Return gaps that a person has answered or dismissed, the latest first."""
        return await self._read(SETTLED, limit)

    async def by_number(self, numbers: Sequence[int]) -> list[Gap]:
        """Return these gaps, whatever their state; those that are gone are left out."""
        return [gap for number in numbers for gap in await self._read(BY_NUMBER, number)]

    async def settle(
        self, numbers: Sequence[int], state: GapState, *, by: str, at: datetime, base: str = "", entry_id: str = ""
    ) -> int:
        """Answer, dismiss or open gaps again; return how many there were."""
        given = [(state, base, entry_id, to_micros(at), by, number) for number in numbers]

        def work(connection: apsw.Connection) -> int:
            found = 0
            for row in given:
                connection.execute(SETTLE, row)
                found += connection.changes()
            return found

        return await self._database.write(work)

    async def _read(self, statement: str, value: int) -> list[Gap]:
        return await self._database.read(
            lambda connection: [gap_rows.known_gap(row) for row in connection.execute(statement, (value,))]
        )
