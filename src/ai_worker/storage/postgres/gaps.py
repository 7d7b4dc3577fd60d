"""Questions that nothing answered, or not well, counted by their wording."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.gaps import Gap, GapState
from ai_worker.storage import gap_rows, rows
from ai_worker.storage.postgres.database import PostgresDatabase

KEPT = 5_000
"""Wordings that are kept: those that were asked last."""

TRIMMED_EVERY = 256
"""New wordings between two looks at how many there are, more or less."""

COUNT = """
INSERT INTO gap (folded, question, times, first_at, last_at, turn_id, kind, said)
SELECT folded, question, times, at, at, turn_id, kind, said
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS given (folded, question, times, at, turn_id, kind, said) ORDER BY folded
ON CONFLICT (folded) DO UPDATE SET
    question = excluded.question, times = gap.times + excluded.times, last_at = excluded.last_at,
    turn_id = excluded.turn_id, kind = excluded.kind, said = excluded.said,
    state = CASE gap.state WHEN 'answered' THEN 'open' ELSE gap.state END
RETURNING n
"""

TRIM = "DELETE FROM gap WHERE n IN (SELECT n FROM gap ORDER BY last_at DESC OFFSET $1)"

OPEN = f"SELECT {', '.join(gap_rows.GAP)} FROM gap WHERE state = 'open' ORDER BY times DESC, last_at DESC LIMIT $1"

SETTLED = f"SELECT {', '.join(gap_rows.GAP)} FROM gap WHERE state <> 'open' ORDER BY settled_at DESC, n DESC LIMIT $1"

BY_NUMBER = f"""
SELECT {", ".join(gap_rows.GAP)} FROM unnest($1::bigint[]) WITH ORDINALITY AS given (n, place) JOIN gap USING (n)
ORDER BY place
"""

SETTLE = """
UPDATE gap SET state = $2, base = $3, entry_id = $4, settled_at = $5, settled_by = $6 WHERE n = ANY ($1::bigint[])
RETURNING n
"""


async def count(connection: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Count questions, and now and then forget those that nobody has asked for longest."""
    asked: dict[str, dict[str, Any]] = {}
    for row in rows:
        asked[row["folded"]] = {**row, "times": asked.get(row["folded"], {"times": 0})["times"] + 1}
    columns = ("folded", "question", "times", "at", "turn_id", "kind", "said")
    given = [[row[name] for row in asked.values()] for name in columns]
    if any(n % TRIMMED_EVERY == 0 for (n,) in await connection.fetch(COUNT, *given)):
        await connection.execute(TRIM, KEPT)


class PostgresGapStore:
    """Keeps gaps; see `GapStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def open_gaps(self, limit: int) -> list[Gap]:
        """Return open gaps, the most frequent first and of those the latest."""
        return await self._fetch(OPEN, limit)

    async def settled_gaps(self, limit: int) -> list[Gap]:
        """Return gaps that a person has answered or dismissed, the latest first."""
        return await self._fetch(SETTLED, limit)

    async def by_number(self, numbers: Sequence[int]) -> list[Gap]:
        """Return these gaps, whatever their state; those that are gone are left out."""
        return await self._fetch(BY_NUMBER, list(numbers))

    async def settle(
        self, numbers: Sequence[int], state: GapState, *, by: str, at: datetime, base: str = "", entry_id: str = ""
    ) -> int:
        """Answer, dismiss or open gaps again; return how many there were."""
        given = (list(numbers), state, rows.plain(base), rows.plain(entry_id), to_micros(at), rows.plain(by))
        return len(await self._database.fetch(SETTLE, *given))

    async def _fetch(self, statement: str, value: int | list[int]) -> list[Gap]:
        return [gap_rows.known_gap(row) for row in await self._database.fetch(statement, value)]
