"""Documents and passages on SQLite. Each changed passage has a revision of its own, so changes can be paged."""

from collections.abc import Collection, Sequence
from functools import partial

import apsw

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document
from ai_worker.storage import keepings
from ai_worker.storage.sqlite import passages as knowledge
from ai_worker.storage.sqlite import versions
from ai_worker.storage.sqlite.database import SqliteDatabase

LATEST = "SELECT latest FROM knowledge_revision"
PURGED = "SELECT purged FROM knowledge_revision"

DOCUMENTS = f"SELECT {keepings.DOCUMENT} FROM document ORDER BY base, id"  # noqa: S608

TOTALS = "SELECT count(*), coalesce(sum(passages), 0) FROM document WHERE state = 'ready'"

CHANGES = f"""
SELECT revision, removed, {keepings.PASSAGE} FROM passage WHERE revision > ? ORDER BY revision LIMIT ?
"""  # noqa: S608


class SqliteKnowledgeStore:
    """Keeps documents and passages; see `KnowledgeStore`. A passage that did not change keeps its revision."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put_document(
        self, document: Document, passages: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Replace a document and all of its passages in one transaction; return the new revision."""
        change = versions.Change("put", self._clock.now(), by)
        return await self._database.write(
            lambda connection: knowledge.put_document(connection, document, passages, change, inherit=inherit)
        )

    async def put_entries(
        self, base: str, document_id: str, entries: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Add or replace single entries of a table that exists or is made; return the new revision."""
        change = versions.Change("put", self._clock.now(), by)
        return await self._database.write(
            lambda connection: knowledge.put_entries(connection, base, document_id, entries, change, inherit=inherit)
        )

    async def remove_document(self, base: str, document_id: str, *, by: str = "") -> bool:
        """Remove a document with its passages; return whether it was there."""
        change = versions.Change("removed", self._clock.now(), by)
        return await self._database.write(
            lambda connection: knowledge.remove_document(connection, base, document_id, change)
        )

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        return await self._database.read(lambda connection: list(map(keepings.document, connection.execute(DOCUMENTS))))

    async def counts(self) -> tuple[int, int]:
        """Return how many documents are ready and how many passages they hold."""
        found: tuple[int, int] = await self._database.read(lambda connection: next(connection.execute(TOTALS)))
        return found

    async def revision(self) -> int:
        """Return the revision of the latest change; 0 when nothing was ever added."""
        return await self._database.read(partial(_number, statement=LATEST))

    async def purged(self) -> int:
        """Return the revision of the latest purge."""
        return await self._database.read(partial(_number, statement=PURGED))

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return the changes with a revision above `after`, oldest first, the latest of each passage only."""
        return await self._database.read(partial(_changes, after=after, limit=limit))


def _number(connection: apsw.Connection, statement: str) -> int:
    return int(next(connection.execute(statement))[0])


def _changes(connection: apsw.Connection, after: int, limit: int) -> list[Change]:
    changes = []
    for revision, removed, *row in connection.execute(CHANGES, (after, limit)):
        passage = keepings.passage(row)
        changes.append(Change(revision, passage.base, passage.id, None if removed else passage))
    return changes
