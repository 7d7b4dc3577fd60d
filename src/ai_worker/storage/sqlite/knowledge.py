"""Documents and passages on SQLite. Each changed passage has a revision of its own, so changes can be paged."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import apsw

from ai_worker.foundation.clock import Clock, from_micros, to_micros
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document
from ai_worker.storage import codec
from ai_worker.storage.sqlite.database import SqliteDatabase

LATEST = "SELECT latest FROM knowledge_revision"
RAISE = "UPDATE knowledge_revision SET latest = latest + ? RETURNING latest"

PUT = """
INSERT INTO passage (revision, base, id, document_id, kind, title, aliases, locator, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (base, id) DO UPDATE SET
    revision = excluded.revision, document_id = excluded.document_id, removed = 0, kind = excluded.kind,
    title = excluded.title, aliases = excluded.aliases, locator = excluded.locator, text = excluded.text
WHERE removed OR (document_id, kind, title, aliases, locator, text)
    IS NOT (excluded.document_id, excluded.kind, excluded.title, excluded.aliases, excluded.locator, excluded.text)
"""

ELSEWHERE = """
SELECT DISTINCT document_id FROM passage
WHERE base = ? AND id IN (SELECT value FROM json_each(?)) AND removed = 0 AND document_id <> ?
"""

VANISHED = """
SELECT id FROM passage
WHERE base = ? AND document_id = ? AND removed = 0 AND id NOT IN (SELECT value FROM json_each(?))
"""

REMOVE = """
UPDATE passage SET revision = ?, removed = 1, title = '', aliases = '[]', locator = '', text = ''
WHERE base = ? AND id = ?
"""

PUT_DOCUMENT = """
INSERT INTO document (base, id, title, state, passages, added_at, reason, code) VALUES (?, ?, ?, ?, 0, ?, ?, ?)
ON CONFLICT (base, id) DO UPDATE SET
    title = excluded.title, state = excluded.state, added_at = excluded.added_at, reason = excluded.reason,
    code = excluded.code
"""

RECOUNT = """
UPDATE document SET passages = (
    SELECT count(*) FROM passage WHERE passage.base = ?1 AND document_id = ?2 AND removed = 0)
WHERE base = ?1 AND id = ?2
"""

DOCUMENTS = "SELECT id, base, title, state, passages, added_at, reason, code FROM document ORDER BY base, id"

TOTALS = "SELECT count(*), coalesce(sum(passages), 0) FROM document WHERE state = 'ready'"

CHANGES = """
SELECT revision, base, id, document_id, removed, kind, title, aliases, locator, text
FROM passage WHERE revision > ? ORDER BY revision LIMIT ?
"""


class SqliteKnowledgeStore:
    """Keeps documents and passages; see `KnowledgeStore`. A passage that did not change keeps its revision."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put_document(self, document: Document, passages: Sequence[Passage]) -> int:
        """Replace a document and all of its passages in one transaction; return the new revision."""
        rows, ids = _rows(passages, document.base, document.id)

        def work(connection: apsw.Connection) -> int:
            elsewhere = _elsewhere(connection, document.base, document.id, ids)
            _put_document(connection, document)
            _put(connection, rows)
            vanished = list(connection.execute(VANISHED, (document.base, document.id, ids)))
            _remove(connection, document.base, [row[0] for row in vanished])
            _recount(connection, document.base, [document.id, *elsewhere])
            return _raise(connection, 1)

        return await self._database.write(work)

    async def put_entries(self, base: str, document_id: str, entries: Sequence[Passage]) -> int:
        """Add or replace single entries of a table that exists or is made; return the new revision."""
        rows, ids = _rows(entries, base, document_id)
        table = Document(document_id, base, document_id, "ready", 0, self._clock.now())

        def work(connection: apsw.Connection) -> int:
            elsewhere = _elsewhere(connection, base, document_id, ids)
            known = connection.execute("SELECT 1 FROM document WHERE base = ? AND id = ?", (base, document_id))
            if known.fetchone() is None:
                _put_document(connection, table)
            _put(connection, rows)
            _recount(connection, base, [document_id, *elsewhere])
            return _raise(connection, 1)

        return await self._database.write(work)

    async def remove_document(self, base: str, document_id: str) -> bool:
        """Remove a document with its passages; return whether it was there."""

        def work(connection: apsw.Connection) -> bool:
            connection.execute("DELETE FROM document WHERE base = ? AND id = ?", (base, document_id))
            if not connection.changes():
                return False
            passages = list(connection.execute(VANISHED, (base, document_id, "[]")))
            _remove(connection, base, [row[0] for row in passages])
            _raise(connection, 1)
            return True

        return await self._database.write(work)

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        return await self._database.read(_documents)

    async def counts(self) -> tuple[int, int]:
        """Return how many documents are ready and how many passages they hold."""
        found: tuple[int, int] = await self._database.read(lambda connection: next(connection.execute(TOTALS)))
        return found

    async def revision(self) -> int:
        """Return the revision of the latest change; 0 when nothing was ever added."""
        latest: int = await self._database.read(lambda connection: next(connection.execute(LATEST))[0])
        return latest

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return the changes with a revision above `after`, oldest first, the latest of each passage only."""
        return await self._database.read(partial(_changes, after=after, limit=limit))


def _rows(passages: Sequence[Passage], base: str, document_id: str) -> tuple[list[tuple[Any, ...]], str]:
    """Return what is stored of the passages, and their ids as JSON."""
    rows = [(base, p.id, document_id, p.kind, p.title, codec.encode(p.aliases), p.locator, p.text) for p in passages]
    return rows, codec.encode([passage.id for passage in passages])


def _elsewhere(connection: apsw.Connection, base: str, document_id: str, ids: str) -> list[str]:
    """Return the other documents that hold some of these passages now."""
    return [row[0] for row in connection.execute(ELSEWHERE, (base, ids, document_id))]


def _put_document(connection: apsw.Connection, document: Document) -> None:
    added_at = to_micros(document.added_at)
    connection.execute(
        PUT_DOCUMENT,
        (document.base, document.id, document.title, document.state, added_at, document.reason, document.code),
    )


def _put(connection: apsw.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    first = _raise(connection, len(rows)) - len(rows) + 1
    connection.executemany(PUT, ((first + n, *row) for n, row in enumerate(rows)))


def _remove(connection: apsw.Connection, base: str, ids: Sequence[str]) -> None:
    first = _raise(connection, len(ids)) - len(ids) + 1
    connection.executemany(REMOVE, ((first + n, base, passage_id) for n, passage_id in enumerate(ids)))


def _recount(connection: apsw.Connection, base: str, document_ids: Iterable[str]) -> None:
    connection.executemany(RECOUNT, ((base, document_id) for document_id in document_ids))


def _raise(connection: apsw.Connection, by: int) -> int:
    """Raise the revision; return the new one."""
    return int(next(connection.execute(RAISE, (by,)))[0])


def _documents(connection: apsw.Connection) -> list[Document]:
    return [
        Document(document_id, base, title, state, passages, from_micros(added_at), reason, code)
        for document_id, base, title, state, passages, added_at, reason, code in connection.execute(DOCUMENTS)
    ]


def _changes(connection: apsw.Connection, after: int, limit: int) -> list[Change]:
    changes = []
    for revision, base, passage_id, document, removed, kind, title, aliases, locator, text in connection.execute(
        CHANGES, (after, limit)
    ):
        kept = Passage(passage_id, base, document, kind, title, text, codec.strings(aliases), locator)
        changes.append(Change(revision, base, passage_id, None if removed else kept))
    return changes
