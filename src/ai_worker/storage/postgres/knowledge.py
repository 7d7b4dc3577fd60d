"""Documents and passages on PostgreSQL. Each changed passage has a revision of its own, so changes can be paged.

Who changes knowledge holds the row of the latest revision until its transaction ends, so revisions
become visible in their order and a reader never misses one.
"""

from collections.abc import Sequence
from typing import Any

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document
from ai_worker.storage import codec, rows
from ai_worker.storage.postgres.database import PostgresDatabase

CHANGE_S = 60.0
"""How long a change may take as a whole: a document can have ten thousand passages."""

LATEST = "SELECT latest FROM knowledge_revision"
ALONE = f"{LATEST} FOR UPDATE"
RAISE = "UPDATE knowledge_revision SET latest = latest + $1 RETURNING latest"

PUT = """
INSERT INTO passage (revision, base, id, document_id, kind, title, aliases, locator, text)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (base, id) DO UPDATE SET
    revision = excluded.revision, document_id = excluded.document_id, removed = false, kind = excluded.kind,
    title = excluded.title, aliases = excluded.aliases, locator = excluded.locator, text = excluded.text
WHERE passage.removed OR (passage.document_id, passage.kind, passage.title, passage.aliases, passage.locator,
    passage.text) IS DISTINCT FROM (excluded.document_id, excluded.kind, excluded.title, excluded.aliases,
    excluded.locator, excluded.text)
"""

ELSEWHERE = """
SELECT DISTINCT document_id FROM passage
WHERE base = $1 AND id = ANY ($2::text[]) AND NOT removed AND document_id <> $3
"""

VANISHED = """
SELECT id FROM passage WHERE base = $1 AND document_id = $2 AND NOT removed AND id <> ALL ($3::text[])
"""

REMOVE = """
UPDATE passage SET revision = given.revision, removed = true, title = '', aliases = '[]', locator = '', text = ''
FROM unnest($2::text[], $3::bigint[]) AS given (id, revision) WHERE base = $1 AND passage.id = given.id
"""

PUT_DOCUMENT = """
INSERT INTO document (base, id, title, state, passages, added_at, reason, code)
VALUES ($1, $2, $3, $4, 0, $5, $6, $7)
ON CONFLICT (base, id) DO UPDATE SET
    title = excluded.title, state = excluded.state, added_at = excluded.added_at, reason = excluded.reason,
    code = excluded.code
"""

KNOWN = "SELECT count(*) FROM document WHERE base = $1 AND id = $2"
FORGET = "DELETE FROM document WHERE base = $1 AND id = $2 RETURNING id"

RECOUNT = """
UPDATE document SET passages = (
    SELECT count(*) FROM passage
    WHERE passage.base = document.base AND passage.document_id = document.id AND NOT removed)
WHERE base = $1 AND id = ANY ($2::text[])
"""

DOCUMENTS = """
SELECT id, base, title, state, passages, added_at, reason, code FROM document
ORDER BY base COLLATE "C", id COLLATE "C"
"""

TOTALS = "SELECT count(*), coalesce(sum(passages), 0)::bigint FROM document WHERE state = 'ready'"

CHANGES = """
SELECT revision, base, id, document_id, removed, kind, title, aliases, locator, text
FROM passage WHERE revision > $1 ORDER BY revision LIMIT $2
"""


class PostgresKnowledgeStore:
    """Keeps documents and passages; see `KnowledgeStore`. A passage that did not change keeps its revision."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def put_document(self, document: Document, passages: Sequence[Passage]) -> int:
        """Replace a document and all of its passages in one transaction; return the new revision."""
        ids = [rows.plain(passage.id) for passage in passages]
        async with self._database.transaction(deadline_s=CHANGE_S) as connection:
            elsewhere = await _begin(connection, document.base, document.id, ids)
            await _put_document(connection, document)
            await _put(connection, document.base, document.id, passages)
            vanished = await connection.fetch(VANISHED, document.base, document.id, ids)
            await _remove(connection, document.base, [row[0] for row in vanished])
            await connection.execute(RECOUNT, document.base, [document.id, *elsewhere])
            return await _raise(connection, 1)

    async def put_entries(self, base: str, document_id: str, entries: Sequence[Passage]) -> int:
        """Add or replace single entries of a table that exists or is made; return the new revision."""
        ids = [rows.plain(entry.id) for entry in entries]
        table = Document(document_id, base, document_id, "ready", 0, self._database.clock.now())
        async with self._database.transaction(deadline_s=CHANGE_S) as connection:
            elsewhere = await _begin(connection, base, document_id, ids)
            if not await connection.fetchval(KNOWN, base, document_id):
                await _put_document(connection, table)
            await _put(connection, base, document_id, entries)
            await connection.execute(RECOUNT, base, [document_id, *elsewhere])
            return await _raise(connection, 1)

    async def remove_document(self, base: str, document_id: str) -> bool:
        """Remove a document with its passages; return whether it was there."""
        async with self._database.transaction(deadline_s=CHANGE_S) as connection:
            await connection.execute(ALONE)
            if not await connection.fetchval(FORGET, base, document_id):
                return False
            passages = await connection.fetch(VANISHED, base, document_id, [])
            await _remove(connection, base, [row[0] for row in passages])
            await _raise(connection, 1)
            return True

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        return [
            Document(document_id, base, title, state, passages, from_micros(added_at), reason, code)
            for document_id, base, title, state, passages, added_at, reason, code in await self._database.fetch(
                DOCUMENTS
            )
        ]

    async def counts(self) -> tuple[int, int]:
        """Return how many documents are ready and how many passages they hold."""
        documents, passages = await self._database.first(TOTALS)
        return documents, passages

    async def revision(self) -> int:
        """Return the revision of the latest change; 0 when nothing was ever added."""
        return int((await self._database.first(LATEST))[0])

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return the changes with a revision above `after`, oldest first, the latest of each passage only."""
        return [_change(row) for row in await self._database.fetch(CHANGES, after, limit)]


async def _begin(connection: Any, base: str, document_id: str, ids: Sequence[str]) -> list[str]:
    """Wait for other changes to end; return the other documents that hold some of these passages now."""
    await connection.execute(f"SET LOCAL lock_timeout = {int(CHANGE_S * 1000)}")
    await connection.execute(f"SET LOCAL statement_timeout = {int(CHANGE_S * 1000)}")
    await connection.execute(ALONE, timeout=CHANGE_S)
    return [row[0] for row in await connection.fetch(ELSEWHERE, base, ids, document_id)]


async def _put_document(connection: Any, document: Document) -> None:
    added_at, reason = to_micros(document.added_at), rows.plain(document.reason)
    title = rows.plain(document.title)
    given = (document.base, document.id, title, document.state, added_at, reason, document.code)
    await connection.execute(PUT_DOCUMENT, *given)


async def _put(connection: Any, base: str, document_id: str, passages: Sequence[Passage]) -> None:
    first = await _raise(connection, len(passages)) - len(passages) + 1
    made = []
    for n, p in enumerate(passages):
        texts = (base, p.id, document_id, p.kind, p.title, codec.encode(p.aliases), p.locator, p.text)
        made.append((first + n, *(rows.plain(text) for text in texts)))
    await connection.executemany(PUT, made, timeout=CHANGE_S)


async def _remove(connection: Any, base: str, ids: Sequence[str]) -> None:
    first = await _raise(connection, len(ids)) - len(ids) + 1
    await connection.execute(REMOVE, base, ids, list(range(first, first + len(ids))))


async def _raise(connection: Any, by: int) -> int:
    """Raise the revision; return the new one."""
    return int(await connection.fetchval(RAISE, by))


def _change(row: Any) -> Change:
    revision, base, passage_id, document, removed, kind, title, aliases, locator, text = row
    kept = Passage(passage_id, base, document, kind, title, text, codec.strings(aliases), locator)
    return Change(revision, base, passage_id, None if removed else kept)
