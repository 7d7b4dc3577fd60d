"""Calls and checks of business systems, on SQLite."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.skills.calls import CallSums, Checked, Standing
from ai_worker.skills.tool import Called
from ai_worker.storage import calls as stored
from ai_worker.storage.sqlite.database import SqliteDatabase

ADD = "INSERT INTO connector_call (connector, tool, code, ms, at, asker, turn_id) VALUES (?, ?, ?, ?, ?, ?, ?)"
LATEST = "SELECT connector, tool, code, ms, at, asker, turn_id FROM connector_call ORDER BY n DESC LIMIT ?"
LATEST_OF = """
SELECT connector, tool, code, ms, at, asker, turn_id
FROM connector_call WHERE connector = ? ORDER BY n DESC LIMIT ?
"""
SUMS = stored.SUMS.format(since="?")
NOTE = """
INSERT INTO connector_check (connector, at, last, good_at, error, drift) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (connector) DO UPDATE SET at = excluded.at, last = excluded.last,
    good_at = coalesce(excluded.good_at, good_at), error = coalesce(excluded.error, error),
    drift = coalesce(excluded.drift, drift)
"""
STANDINGS = "SELECT connector, last, good_at, error, drift FROM connector_check ORDER BY connector"


class SqliteCallStore:
    """Keeps calls and checks; see `CallStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def add(self, calls: Sequence[Called]) -> None:
        """Keep calls."""
        added = list(map(stored.call_row, calls))

        def work(connection: apsw.Connection) -> None:
            connection.executemany(ADD, added)

        await self._database.write(work)

    async def latest(self, connector: str | None = None, *, limit: int) -> Sequence[Called]:
        """Return the latest calls, the newest first."""
        statement, values = (LATEST, (limit,)) if connector is None else (LATEST_OF, (connector, limit))
        return await self._database.read(
            lambda connection: list(map(stored.call, connection.execute(statement, values)))
        )

    async def sums(self, since: datetime) -> Mapping[str, CallSums]:
        """Return what the calls since a moment come to, by connector."""
        return await self._database.read(
            lambda connection: stored.call_sums(connection.execute(SUMS, (to_micros(since),)))
        )

    async def note(self, checked: Checked) -> None:
        """Keep a check."""
        row = stored.check_row(checked)

        def work(connection: apsw.Connection) -> None:
            connection.execute(NOTE, row)

        await self._database.write(work)

    async def standings(self) -> Mapping[str, Standing]:
        """Return how each connector that was ever checked stands, by its id."""
        return await self._database.read(lambda connection: stored.standings(connection.execute(STANDINGS).fetchall()))
