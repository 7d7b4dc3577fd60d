"""Calls and checks of business systems, on PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ai_worker.foundation.clock import to_micros
from ai_worker.skills.calls import CallSums, Checked, Standing
from ai_worker.skills.tool import Called
from ai_worker.storage import calls as stored
from ai_worker.storage.postgres.database import PostgresDatabase

ADD = "INSERT INTO connector_call (connector, tool, code, ms, at, asker, turn_id) VALUES ($1, $2, $3, $4, $5, $6, $7)"
LATEST = "SELECT connector, tool, code, ms, at, asker, turn_id FROM connector_call ORDER BY n DESC LIMIT $1"
LATEST_OF = """
SELECT connector, tool, code, ms, at, asker, turn_id
FROM connector_call WHERE connector = $1 ORDER BY n DESC LIMIT $2
"""
SUMS = stored.SUMS.format(since="$1")
NOTE = """
INSERT INTO connector_check (connector, at, last, good_at, error, drift) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (connector) DO UPDATE SET at = excluded.at, last = excluded.last,
    good_at = coalesce(excluded.good_at, connector_check.good_at),
    error = coalesce(excluded.error, connector_check.error),
    drift = coalesce(excluded.drift, connector_check.drift)
"""
STANDINGS = "SELECT connector, last, good_at, error, drift FROM connector_check ORDER BY connector"


class PostgresCallStore:
    """Keeps calls and checks; see `CallStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, calls: Sequence[Called]) -> None:
        """Keep calls."""
        async with self._database.transaction() as connection:
            await connection.executemany(ADD, list(map(stored.call_row, calls)))

    async def latest(self, connector: str | None = None, *, limit: int) -> Sequence[Called]:
        """Return the latest calls, the newest first."""
        if connector is None:
            return list(map(stored.call, await self._database.fetch(LATEST, limit)))
        return list(map(stored.call, await self._database.fetch(LATEST_OF, connector, limit)))

    async def sums(self, since: datetime) -> Mapping[str, CallSums]:
        """Return what the calls since a moment come to, by connector."""
        return stored.call_sums(await self._database.fetch(SUMS, to_micros(since)))

    async def note(self, checked: Checked) -> None:
        """Keep a check."""
        await self._database.fetch(NOTE, *stored.check_row(checked))

    async def standings(self) -> Mapping[str, Standing]:
        """Return how each connector that was ever checked stands, by its id."""
        return stored.standings(await self._database.fetch(STANDINGS))
