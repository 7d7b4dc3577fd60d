"""How the sources of knowledge stand, on PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.sources import Seen, SourceState
from ai_worker.storage import sources
from ai_worker.storage.postgres.database import PostgresDatabase

ALL = "SELECT name, ran_at, due_at, report FROM knowledge_source"
PUT = """
INSERT INTO knowledge_source (name, ran_at, due_at, report) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at, due_at = excluded.due_at, report = excluded.report
"""
HURRY = "UPDATE knowledge_source SET due_at = $1 WHERE name = $2"
SEEN = "SELECT id, seen FROM knowledge_item WHERE source = $1"
REMEMBER = """
INSERT INTO knowledge_item (source, id, seen) VALUES ($1, $2, $3)
ON CONFLICT (source, id) DO UPDATE SET seen = excluded.seen
"""
FORGET = "DELETE FROM knowledge_item WHERE source = $1 AND id = $2"


class PostgresSourceStore:
    """Keeps how sources stand; see `SourceStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def sources(self) -> Mapping[str, SourceState]:
        """Return all sources that were ever looked at, by name."""
        found = map(sources.state, await self._database.fetch(ALL))
        return {state.name: state for state in found}

    async def put(self, state: SourceState) -> None:
        """Keep how a source stands."""
        await self._database.fetch(PUT, *sources.row(state))

    async def hurry(self, name: str, at: datetime) -> None:
        """Let a source be due at a moment."""
        await self._database.fetch(HURRY, to_micros(at), name)

    async def seen(self, name: str) -> Mapping[str, Seen]:
        """Return what is remembered of a source's documents, by id."""
        return {id: sources.seen(text) for id, text in await self._database.fetch(SEEN, name)}

    async def remember(self, name: str, seen: Mapping[str, Seen | None]) -> None:
        """Keep what is known of documents; `None` forgets one."""
        put, gone = sources.items(name, seen)
        async with self._database.transaction() as connection:
            await connection.executemany(REMEMBER, put)
            await connection.executemany(FORGET, gone)
