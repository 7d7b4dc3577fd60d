"""Looking after single entries and documents, on PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.archive import Due, Kept, NoSuchThing, Thing, Version
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document
from ai_worker.storage import keepings, rows
from ai_worker.storage.postgres import passages, versions
from ai_worker.storage.postgres.database import PostgresDatabase
from ai_worker.storage.postgres.knowledge import changing

ALWAYS = 1 << 62
"""A moment after all others."""

ENTRIES = f"""
SELECT {keepings.PASSAGE} FROM passage
WHERE NOT removed AND (kind = 'entry' OR NOT starts_with(id, document_id || '#'))
    AND ($1 = '' OR base = $1) AND ($2 = '' OR document_id = $2)
    AND (base COLLATE "C", id COLLATE "C") > ($5, $6)
    AND ($3 = '' OR title ILIKE $4 OR aliases ILIKE $4 OR text ILIKE $4)
ORDER BY base COLLATE "C", id COLLATE "C" LIMIT $7
"""

DUE = """
SELECT base, 'document', id, title, keeping, review_by FROM document WHERE review_by <= $1
UNION ALL
SELECT base, 'entry', id, title, keeping, review_by FROM passage
WHERE review_by IS NOT NULL AND NOT removed AND review_by <= $1
ORDER BY 6, 1, 3
"""

TABLES = ("passage", "document", "knowledge_version")


class PostgresArchive:
    """Looks after the knowledge; see `Archive`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def entries(
        self,
        *,
        base: str = "",
        words: str = "",
        document_id: str = "",
        after: tuple[str, str] | None = None,
        limit: int = 50,
    ) -> list[Passage]:
        """Return entries by base and id."""
        asked = keepings.wanted(base=base, words=words, document_id=document_id, after=after, limit=limit)
        return list(map(keepings.passage, await self._database.fetch(ENTRIES, *asked.values())))

    async def entry(self, base: str, id: str) -> Passage:
        """Return one entry, or a table's row without a question."""
        rows_ = await self._database.fetch(passages.OF_IDS, rows.plain(base), [rows.plain(id)])
        if not rows_:
            raise NoSuchThing(f"There is no entry {id!r} in {base!r}.")
        return keepings.passage(rows_[0])

    async def document(self, base: str, id: str) -> Document:
        """Return one document."""
        row = await self._database.first(passages.ONE_DOCUMENT, rows.plain(base), rows.plain(id))
        if row is None:
            raise NoSuchThing(f"There is no document {id!r} in {base!r}.")
        return keepings.document(row)

    async def passages(self, base: str, document_id: str, limit: int) -> list[Passage]:
        """Return a document's passages in their order."""
        found = await self._database.fetch(passages.OF_DOCUMENT, rows.plain(base), rows.plain(document_id))
        return list(keepings.in_order(map(keepings.passage, found))[:limit])

    async def versions(self, thing: Thing) -> list[Version]:
        """Return what became of a thing, the latest first."""
        found = await self._database.fetch(versions.OF_THING, rows.plain(thing.base), thing.kind, rows.plain(thing.id))
        return list(map(keepings.version, found))

    async def version(self, number: int) -> tuple[Version, Kept]:
        """Return one version with what it holds."""
        async with self._database.transaction() as connection:
            return await versions.one(connection, number)

    async def removed(self, limit: int) -> list[Version]:
        """Return what was removed and can come back, the latest first."""
        found = await self._database.fetch(f"{versions.REMOVED} ORDER BY n DESC LIMIT $2", ALWAYS, limit)
        return list(map(keepings.version, found))

    async def over(self, before: datetime, limit: int) -> list[Thing]:
        """Return things that were removed at a moment or before, and can still come back."""
        found = await self._database.fetch(f"{versions.REMOVED} ORDER BY n LIMIT $2", to_micros(before), limit)
        return [keepings.version(row).thing for row in found]

    async def remove_entry(self, base: str, id: str, *, by: str) -> bool:
        """Remove one entry; return whether it was there."""
        change = versions.Change("removed", self._database.clock.now(), by)
        async with changing(self._database) as connection:
            return await passages.remove_entry(connection, rows.plain(base), rows.plain(id), change)

    async def restore(self, number: int, *, at: datetime, by: str) -> Thing:
        """Make a version the current state again."""
        async with changing(self._database) as connection:
            return await passages.restore(connection, number, versions.Change("restored", at, by))

    async def purge(self, things: Sequence[Thing]) -> int:
        """Delete removed things for good, with all their versions."""
        gone = 0
        async with changing(self._database) as connection:
            for thing in things:
                gone += await _purge(connection, thing)
            if gone:
                await passages.purged(connection)
        if gone:
            await self._database.tidy(TABLES)
        return gone

    async def due(self, day: date) -> list[Due]:
        """Return what should have been reviewed by a day, the longest due first."""
        return [
            Due(Thing(base, kind, id), title, keepings.keeping(keeping).owner, date.fromisoformat(review_by))
            for base, kind, id, title, keeping, review_by in await self._database.fetch(DUE, day.isoformat())
        ]


async def _purge(connection: Any, thing: Thing) -> bool:
    """Delete what is left of a removed thing; return whether there was anything."""
    if thing.kind == "entry":
        there = await passages.of_ids(connection, thing.base, [thing.id])
        return not there and await versions.forget(connection, thing) > 0
    if await passages.one_document(connection, thing.base, thing.id) is not None:
        return False
    ids = set[str]()
    for version in await versions.of_thing(connection, thing):
        _, kept = await versions.one(connection, version.number)
        ids.update(passage.id for passage in kept.passages)
    for id in ids - (await passages.of_ids(connection, thing.base, sorted(ids))).keys():
        await versions.forget(connection, Thing(thing.base, "entry", id))
    return await versions.forget(connection, thing) > 0
