"""How the sources of knowledge stand, on SQLite."""

from collections.abc import Mapping
from datetime import datetime

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.sources import Seen, SourceState
from ai_worker.storage import sources
from ai_worker.storage.sqlite.database import SqliteDatabase

ALL = "SELECT name, ran_at, due_at, report FROM knowledge_source"
PUT = """
INSERT INTO knowledge_source (name, ran_at, due_at, report) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at, due_at = excluded.due_at, report = excluded.report
"""
HURRY = "UPDATE knowledge_source SET due_at = ? WHERE name = ?"
SEEN = "SELECT id, seen FROM knowledge_item WHERE source = ?"
REMEMBER = """
INSERT INTO knowledge_item (source, id, seen) VALUES (?, ?, ?)
ON CONFLICT (source, id) DO UPDATE SET seen = excluded.seen
"""
FORGET = "DELETE FROM knowledge_item WHERE source = ? AND id = ?"


class SqliteSourceStore:
    """Keeps how sources stand; see `SourceStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def sources(self) -> Mapping[str, SourceState]:
        """Return all sources that were ever looked at, by name."""
        found = await self._database.read(lambda connection: list(map(sources.state, connection.execute(ALL))))
        return {state.name: state for state in found}

    async def put(self, state: SourceState) -> None:
        """Keep how a source stands."""
        row = sources.row(state)
        await self._database.write(lambda connection: _run(connection, PUT, row))

    async def hurry(self, name: str, at: datetime) -> None:
        """Let a source be due at a moment."""
        await self._database.write(lambda connection: _run(connection, HURRY, (to_micros(at), name)))

    async def seen(self, name: str) -> Mapping[str, Seen]:
        """Return what is remembered of a source's documents, by id."""
        rows = await self._database.read(lambda connection: list(connection.execute(SEEN, (name,))))
        return {id: sources.seen(text) for id, text in rows}

    async def remember(self, name: str, seen: Mapping[str, Seen | None]) -> None:
        """Keep what is known of documents; `None` forgets one."""
        put, gone = sources.items(name, seen)

        def work(connection: apsw.Connection) -> None:
            connection.executemany(REMEMBER, put)
            connection.executemany(FORGET, gone)

        await self._database.write(work)


def _run(connection: apsw.Connection, statement: str, values: tuple[str | int, ...]) -> None:
    connection.execute(statement, values)
