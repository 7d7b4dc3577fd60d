"""Looking after single entries and documents, on SQLite."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

import apsw

from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.knowledge.archive import Due, Kept, NoSuchThing, Thing, Version
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document
from ai_worker.storage import keepings
from ai_worker.storage.sqlite import passages, versions
from ai_worker.storage.sqlite.database import SqliteDatabase

ALWAYS = 1 << 62
"""A moment after all others."""

ENTRIES = f"""
SELECT {keepings.PASSAGE} FROM passage
WHERE removed = 0 AND (kind = 'entry' OR id NOT LIKE document_id || '#%')
    AND (:base = '' OR base = :base) AND (:document = '' OR document_id = :document) AND (base, id) > (:after, :id)
    AND (:words = '' OR title LIKE :pattern ESCAPE '\\' OR aliases LIKE :pattern ESCAPE '\\'
        OR text LIKE :pattern ESCAPE '\\')
ORDER BY base, id LIMIT :limit
"""  # noqa: S608

DUE = """
SELECT base, 'document', id, title, keeping, review_by FROM document WHERE review_by <= ?1
UNION ALL
SELECT base, 'entry', id, title, keeping, review_by FROM passage
WHERE review_by IS NOT NULL AND removed = 0 AND review_by <= ?1
ORDER BY 6, 1, 3
"""


class SqliteArchive:
    """Looks after the knowledge; see `Archive`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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
        return await self._database.read(
            lambda connection: list(map(keepings.passage, connection.execute(ENTRIES, asked)))
        )

    async def entry(self, base: str, id: str) -> Passage:
        """Return one entry, or a table's row without a question."""
        found = await self._database.read(lambda connection: passages.of_ids(connection, base, [id]))
        if id not in found:
            raise NoSuchThing(f"There is no entry {id!r} in {base!r}.")
        return found[id]

    async def document(self, base: str, id: str) -> Document:
        """Return one document."""
        found = await self._database.read(lambda connection: passages.one_document(connection, base, id))
        if found is None:
            raise NoSuchThing(f"There is no document {id!r} in {base!r}.")
        return found

    async def passages(self, base: str, document_id: str, limit: int) -> list[Passage]:
        """Return a document's passages in their order."""
        found = await self._database.read(lambda connection: passages.of_document(connection, base, document_id))
        return list(found[:limit])

    async def versions(self, thing: Thing) -> list[Version]:
        """Return what became of a thing, the latest first."""
        return await self._database.read(lambda connection: versions.of_thing(connection, thing))

    async def version(self, number: int) -> tuple[Version, Kept]:
        """Return one version with what it holds."""
        return await self._database.read(lambda connection: versions.one(connection, number))

    async def removed(self, limit: int) -> list[Version]:
        """Return what was removed and can come back, the latest first."""
        return await self._database.read(partial(versions.removed, before=ALWAYS, limit=limit, newest=True))

    async def over(self, before: datetime, limit: int) -> list[Thing]:
        """Return things that were removed at a moment or before, and can still come back."""
        found = await self._database.read(
            partial(versions.removed, before=to_micros(before), limit=limit, newest=False)
        )
        return [version.thing for version in found]

    async def remove_entry(self, base: str, id: str, *, by: str) -> bool:
        """Remove one entry; return whether it was there."""
        change = versions.Change("removed", self._clock.now(), by)
        return await self._database.write(lambda connection: passages.remove_entry(connection, base, id, change))

    async def restore(self, number: int, *, at: datetime, by: str) -> Thing:
        """Make a version the current state again."""
        change = versions.Change("restored", at, by)
        return await self._database.write(lambda connection: passages.restore(connection, number, change))

    async def purge(self, things: Sequence[Thing]) -> int:
        """Delete removed things for good, with all their versions."""

        def work(connection: apsw.Connection) -> int:
            gone = sum(_purge(connection, thing) for thing in things)
            if gone:
                passages.purged(connection)
            return gone

        gone = await self._database.write(work)
        if gone:
            await self._database.tidy()
        return gone

    async def due(self, day: date) -> list[Due]:
        """Return what should have been reviewed by a day, the longest due first."""
        return await self._database.read(partial(_due, day=day))


def _purge(connection: apsw.Connection, thing: Thing) -> bool:
    """Delete what is left of a removed thing; return whether there was anything."""
    if thing.kind == "entry":
        return not passages.of_ids(connection, thing.base, [thing.id]) and versions.forget(connection, thing) > 0
    if passages.one_document(connection, thing.base, thing.id) is not None:
        return False
    found = versions.of_thing(connection, thing)
    ids = {passage.id for version in found for passage in versions.one(connection, version.number)[1].passages}
    for id in ids - passages.of_ids(connection, thing.base, sorted(ids)).keys():
        versions.forget(connection, Thing(thing.base, "entry", id))
    return versions.forget(connection, thing) > 0


def _due(connection: apsw.Connection, day: date) -> list[Due]:
    return [
        Due(Thing(base, kind, id), title, keepings.keeping(keeping).owner, date.fromisoformat(review_by))
        for base, kind, id, title, keeping, review_by in connection.execute(DUE, (day.isoformat(),))
    ]
