"""The curator: what people do with single entries and documents, the same from console, API and commands."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.archive import Archive, Due, NoSuchThing, Thing, Version
from ai_worker.knowledge.base_name import check_base
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.ingest.rows import row_of
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import ENTRIES, Passage
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.knowledge.twins import Twins, find_twins
from ai_worker.knowledge.upkeep import PAGE

COMPARED = 20_000
"""Entries and passages that are compared with one another when somebody looks for twins."""

PURGED_AT_ONCE = 200

log = structlog.get_logger(__name__)


class Curator:
    """Looks after the knowledge on people's behalf."""

    def __init__(
        self, archive: Archive, *, store: KnowledgeStore, library: Library, clock: Clock, time_zone: str
    ) -> None:
        """Prepare.

        Args:
            archive: Where single things are.
            store: Where everything is, for comparing.
            library: Told of changes, so that they are found at once in this process.
            clock: Tells the time.
            time_zone: In which a day of review begins.
        """
        self.archive = archive
        self._store = store
        self._library = library
        self._clock = clock
        self._zone = ZoneInfo(time_zone)

    async def put(self, entry: Entry, *, base: str, table: str = ENTRIES, by: str) -> Passage:
        """Add or replace one entry in its table.

        Raises:
            RowRefused: It lacks something, or something is too long.
            BadBaseName: `base` cannot be the name of a knowledge base.
        """
        check_base(base)
        told = {"id": entry.id, "question": entry.question, "aliases": list(entry.aliases), "answer": entry.answer}
        row = row_of(told, "the entry", table)
        keeping = entry.keeping or OPEN
        made = Passage(row.id, base, table, row.kind, row.title, row.text, row.aliases, "", keeping)
        inherit = [] if entry.keeping is not None else [row.id]
        await self._store.put_entries(base, table, [made], by=by, inherit=inherit)
        await self._library.refresh()
        log.info("knowledge.entry_put", base=base, entry=row.id, by=by)
        return made

    async def keep(self, base: str, document_id: str, keeping: Keeping, *, by: str) -> None:
        """Keep a document under other conditions; entries in it that have their own keep those.

        Raises:
            NoSuchThing: There is no such document.
        """
        document = await self.archive.document(base, document_id)
        passages = [
            replace(passage, keeping=keeping) if passage.keeping == document.keeping else passage
            for passage in await self.archive.passages(base, document_id, document.passages)
        ]
        await self._store.put_document(replace(document, keeping=keeping), passages, by=by)
        await self._library.refresh()
        log.info("knowledge.document_kept", base=base, document=document_id, by=by)

    async def remove(self, thing: Thing, *, by: str) -> int | None:
        """Remove an entry or a document; return the version that brings it back, `None` if nothing can.

        Raises:
            NoSuchThing: There is no such thing.
        """
        if thing.kind == "entry":
            there = await self.archive.remove_entry(thing.base, thing.id, by=by)
        else:
            there = await self._store.remove_document(thing.base, thing.id, by=by)
        if not there:
            raise NoSuchThing(f"There is no {thing.kind} {thing.id!r} in {thing.base!r}.")
        await self._library.refresh()
        log.info("knowledge.removed", base=thing.base, kind=thing.kind, id=thing.id, by=by)
        latest = (await self.archive.versions(thing))[:1]
        return latest[0].number if latest and latest[0].act == "removed" else None

    async def remove_base(self, base: str, *, by: str) -> list[Thing]:
        """Remove everything in a knowledge base; return what there was."""
        things = [Thing(base, "document", one.id) for one in await self._store.documents() if one.base == base]
        for thing in things:
            await self._store.remove_document(base, thing.id, by=by)
        await self._library.refresh()
        log.info("knowledge.base_removed", base=base, documents=len(things), by=by)
        return things

    async def restore(self, number: int, *, by: str) -> Thing:
        """Make a version the current state again.

        Raises:
            NoSuchThing: There is no such version (any more).
        """
        thing = await self.archive.restore(number, at=self._clock.now(), by=by)
        await self._library.refresh()
        log.info("knowledge.restored", base=thing.base, kind=thing.kind, id=thing.id, version=number, by=by)
        return thing

    async def purge(self, things: Sequence[Thing], *, by: str) -> int:
        """Delete removed things for good, from the database and from this machine's index; return how many."""
        gone = await self.archive.purge(things)
        await self._library.refresh()
        log.info("knowledge.purged", things=gone, by=by)
        return gone

    async def purge_over(self, kept: timedelta) -> int:
        """Delete for good what was removed longer ago than `kept`; return how many things."""
        gone = 0
        while things := await self.archive.over(self._clock.now() - kept, PURGED_AT_ONCE):
            gone += await self.purge(things, by="")
            if len(things) < PURGED_AT_ONCE:
                break
        return gone

    async def removed(self, limit: int) -> list[Version]:
        """Return what can come back, the latest first."""
        return await self.archive.removed(limit)

    async def due(self) -> list[Due]:
        """Return what should have been looked at by today, the longest due first."""
        return await self.archive.due(self._clock.now().astimezone(self._zone).date())

    async def twins(self, among: Sequence[tuple[str, str]] | None = None) -> list[Twins]:
        """Return duplicates and contradictions, the worst first; with `among`, those of some things alone.

        Where there is more than can be compared, it is the latest, to which `among` mostly belongs.
        """
        passages = await self._latest()
        return await asyncio.to_thread(find_twins, passages, among=among)

    async def _latest(self) -> list[Passage]:
        found: deque[Passage] = deque(maxlen=COMPARED)
        after = 0
        while changes := await self._store.changes(after, PAGE):
            found += [change.passage for change in changes if change.passage is not None]
            after = changes[-1].revision
        return list(found)
