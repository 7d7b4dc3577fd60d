"""Documents and passages on PostgreSQL. Each changed passage has a revision of its own, so changes can be paged."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document
from ai_worker.storage import keepings
from ai_worker.storage.postgres import passages as knowledge
from ai_worker.storage.postgres import versions
from ai_worker.storage.postgres.database import PostgresDatabase

LATEST = "SELECT latest FROM knowledge_revision"
PURGED = "SELECT purged FROM knowledge_revision"

DOCUMENTS = f'SELECT {keepings.DOCUMENT} FROM document ORDER BY base COLLATE "C", id COLLATE "C"'

TOTALS = "SELECT count(*), coalesce(sum(passages), 0)::bigint FROM document WHERE state = 'ready'"

CHANGES = f"SELECT revision, removed, {keepings.PASSAGE} FROM passage WHERE revision > $1 ORDER BY revision LIMIT $2"


class PostgresKnowledgeStore:
    """Keeps documents and passages; see `KnowledgeStore`. A passage that did not change keeps its revision."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def put_document(
        self, document: Document, passages: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Replace a document and all of its passages in one transaction; return the new revision."""
        change = versions.Change("put", self._database.clock.now(), by)
        async with changing(self._database) as connection:
            return await knowledge.put_document(connection, document, passages, change, inherit=inherit)

    async def put_entries(
        self, base: str, document_id: str, entries: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Add or replace single entries of a table that exists or is made; return the new revision."""
        change = versions.Change("put", self._database.clock.now(), by)
        async with changing(self._database) as connection:
            return await knowledge.put_entries(connection, base, document_id, entries, change, inherit=inherit)

    async def remove_document(self, base: str, document_id: str, *, by: str = "") -> bool:
        """Remove a document with its passages; return whether it was there."""
        change = versions.Change("removed", self._database.clock.now(), by)
        async with changing(self._database) as connection:
            return await knowledge.remove_document(connection, base, document_id, change)

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        return list(map(keepings.document, await self._database.fetch(DOCUMENTS)))

    async def counts(self) -> tuple[int, int]:
        """Return how many documents are ready and how many passages they hold."""
        documents, passages = await self._database.first(TOTALS)
        return documents, passages

    async def revision(self) -> int:
        """Return the revision of the latest change; 0 when nothing was ever added."""
        return int((await self._database.first(LATEST))[0])

    async def purged(self) -> int:
        """Return the revision of the latest purge."""
        return int((await self._database.first(PURGED))[0])

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return the changes with a revision above `after`, oldest first, the latest of each passage only."""
        return [_change(row) for row in await self._database.fetch(CHANGES, after, limit)]


@asynccontextmanager
async def changing(database: PostgresDatabase) -> AsyncIterator[Any]:
    """Yield a connection in a transaction in which nobody else changes knowledge."""
    async with database.transaction(deadline_s=knowledge.CHANGE_S) as connection:
        await knowledge.begin(connection)
        yield connection


def _change(row: Any) -> Change:
    revision, removed, *told = row
    passage = keepings.passage(told)
    return Change(revision, passage.base, passage.id, None if removed else passage)
