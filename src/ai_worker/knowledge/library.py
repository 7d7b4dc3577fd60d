"""The library: takes knowledge in, and answers searches. `upkeep` keeps its index up to date."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge import search
from ai_worker.knowledge.base_name import check_base
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.entries import passages_of
from ai_worker.knowledge.fusion import NEAREST, fuse
from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.index_folder import IndexFolder
from ai_worker.knowledge.ingest.addition import Addition, AddReport, Failure
from ai_worker.knowledge.ingest.found import Found, find_documents, uploaded
from ai_worker.knowledge.ingest.parsed import Refusal
from ai_worker.knowledge.ingest.reader import DocumentReader, Limits
from ai_worker.knowledge.ingest.refusals import DocumentRefused, Empty
from ai_worker.knowledge.intents.folder import IntentFolder
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.mapped import MappedFiles
from ai_worker.knowledge.passage import ENTRIES, Passage, Scored
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.shelf import RecordShelves
from ai_worker.knowledge.retrieve import ANYBODY, Nearness, Reader
from ai_worker.knowledge.store import KnowledgeStore, Trouble
from ai_worker.knowledge.trial import Trial
from ai_worker.knowledge.upkeep import Upkeep

TROUBLES = 20
"""Rows that were left out of a document that are kept with it."""

Progress = Callable[[str], None]
"""Hears the id of each document before it is read."""


class Library:
    """The knowledge of this installation. It is a `Retriever`, a `RecordShelf` and a `KnowledgeDesk`.

    The store holds the truth; the index is a cache of it on this machine's disk. What another
    process adds to the store is found after the next `refresh`.
    """

    def __init__(
        self,
        store: KnowledgeStore,
        *,
        clock: Clock,
        index_folder: Path,
        limits: Limits | None = None,
        nearness: Nearness | None = None,
        learns: bool = False,
    ) -> None:
        """Make a library that finds nothing before its first `refresh`.

        Args:
            store: Where the passages are kept.
            clock: Says when a document was added.
            index_folder: Where the index may be; it is made if it is missing.
            limits: What reading one document may use; the defaults if `None`.
            nearness: Finds by meaning, beside words; `None` where no endpoint for embeddings is configured.
            learns: Whether models of intents are made in the background; then `close` it. Without it,
                what another process made is used.
        """
        self._store = store
        self._clock = clock
        self._root = index_folder
        self._folder = IndexFolder(index_folder)
        self._mapped = MappedFiles(index_folder)
        self._intents = IntentFolder(index_folder / "intents", learns=learns)
        self._limits = limits
        self._nearness = nearness
        self._records = RecordShelves()
        self._upkeep = Upkeep(store, self._folder, records=self._records, intents=self._intents)
        self._adding = asyncio.Lock()

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        """Return the best passages, best first; see `Retriever.search`."""
        if self._upkeep.view is None:
            return []
        moment = self._clock.now()
        view = self._upkeep.view.for_reader(reader, moment)
        found = search.find(view, question, bases=bases, limit=limit, intents=self._intents.current)
        self._mapped.searched()
        if vector is None or self._nearness is None:
            return found

        def fetch(keys: Sequence[str]) -> dict[str, Passage]:
            """Return passages near in meaning, as far as this reader finds them."""
            return {key: one for key, one in view.passages(keys).items() if reader.finds(one.keeping, moment)}

        nearest = self._nearness.nearest(vector, bases=bases, limit=NEAREST)
        return fuse(found, nearest, key_of=_key, fetch=fetch, limit=limit)

    def records(self, *, bases: Sequence[str] = ("*",), reader: Reader = ANYBODY) -> RecordBook:
        """Return the records of the tables that a reader finds; see `RecordShelf.records`."""
        return self._records.within(bases, reader=reader, moment=self._clock.now())

    async def add(
        self,
        paths: Sequence[Path],
        *,
        base: str = "default",
        progress: Progress | None = None,
        keeping: Keeping | None = None,
        by: str = "",
    ) -> AddReport:
        """Read files and folders and make them findable. What cannot be read is reported, not raised.

        A document that was added before is replaced; one that could be read then and cannot now
        keeps its old passages.

        Args:
            paths: Files and folders.
            base: The knowledge base that they go into.
            progress: Hears of each document.
            keeping: How they are kept; `None`: as before, and for everybody if they are new.
            by: Who brings them.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
        """
        check_base(base)
        found = await asyncio.to_thread(find_documents, paths)
        return await self.take(found, base=base, keeping=keeping, by=by, progress=progress)

    async def add_upload(
        self, name: str, content: bytes, *, base: str, keeping: Keeping | None = None, by: str = ""
    ) -> AddReport:
        """Read one document that was sent in and make it findable; see `KnowledgeDesk.add_upload`.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            BadDocumentName: Nothing of `name` can be an id.
        """
        check_base(base)
        return await self.take([uploaded(name, content)], base=base, keeping=keeping, by=by)

    async def put_entries(
        self, entries: Sequence[Entry | Mapping[str, object]], *, base: str, by: str = ""
    ) -> AddReport:
        """Add or replace single entries, all of them or none.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            RowRefused: An entry lacks something, or two have the same id; the words say which.
        """
        passages = passages_of(entries, base)
        if passages:
            told = {entry.id for entry in entries if isinstance(entry, Entry) and entry.keeping is not None}
            inherit = {passage.id for passage in passages} - told
            await self._store.put_entries(base, ENTRIES, passages, by=by, inherit=inherit)
            await self.refresh()
        return AddReport(1 if passages else 0, len(passages), (), tuple((base, passage.id) for passage in passages))

    async def try_entries(self, entries: Sequence[Entry | Mapping[str, object]], *, base: str) -> Trial:
        """Return the knowledge as it would be with these entries; nothing is added. Close it after use.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            RowRefused: As for `put_entries`.
            IndexBusy: Another process is changing the index.
        """
        passages = passages_of(entries, base)
        await self.refresh()
        return await asyncio.to_thread(Trial.of, self._folder, self._root, passages, self._clock)

    @property
    def revision(self) -> int:
        """The store's revision that searches see; 0 before the first `refresh`."""
        return self._upkeep.view.revision if self._upkeep.view is not None else 0

    @property
    def restricted(self) -> bool:
        """Whether there is anything that some departments may read and others not."""
        return self._upkeep.view is not None and self._upkeep.view.restricts

    async def refresh(self) -> bool:
        """Bring the index up to the store's revision; return whether there was anything to do: see `Upkeep`."""
        return await self._upkeep.refresh()

    async def settle(self) -> None:
        """Wait until what the latest `refresh` set going in the background is done."""
        await self._intents.settle()

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._intents.close()

    async def take(
        self,
        found: Sequence[Found],
        *,
        base: str,
        keeping: Keeping | None = None,
        by: str = "",
        source: str = "",
        progress: Progress | None = None,
    ) -> AddReport:
        """Read documents that were found somewhere and make them findable; see `add`. `source` is what found them."""
        async with self._adding:  # one reader at a time: each may use a gigabyte
            known = {one.id: one for one in await self._store.documents() if one.base == base}
            run = Addition(base, known, keeping, by, source)
            async with DocumentReader(self._limits) as reader:
                for document in found:
                    if progress is not None:
                        progress(document.id)
                    await self._take_one(document, reader, run)
            await self.refresh()
            return run.report()

    async def _take_one(self, found: Found, reader: DocumentReader, run: Addition) -> None:
        try:
            content = await asyncio.to_thread(found.read)
        except DocumentRefused as error:
            run.failed.append(Failure(found.id, error.code, str(error)))
            return
        parsed = await reader.read(found.id, content)
        if isinstance(parsed, Refusal):
            await self._refuse(found.id, parsed, run)
            return
        before = len(run.failed)
        run.failed += [Failure(found.id, one.code, one.reason, one.place) for one in parsed.refused_rows]
        passages = run.passages_of(found.id, parsed)
        if not passages:
            await self._refuse(found.id, Refusal(Empty.code, "No row of it could be taken"), run)
            return
        title = parsed.title or PurePosixPath(found.id).stem
        troubles = tuple(Trouble(one.place, one.code, one.reason) for one in run.failed[before:][:TROUBLES])
        document = run.document_of(found.id, title, "ready", self._clock.now())
        document = replace(document, passages=len(passages), troubles=troubles)
        rows = [row.id for row in parsed.rows] if run.keeping is None else []
        await self._store.put_document(document, passages, by=run.by, inherit=rows)
        run.documents += 1
        run.passages += len(passages)
        run.taken += [(run.base, passage.id) for passage in passages]

    async def _refuse(self, document_id: str, refusal: Refusal, run: Addition) -> None:
        run.failed.append(Failure(document_id, refusal.code, refusal.reason, refusal.place))
        if document_id in run.known and run.known[document_id].state == "ready":
            return
        document = run.document_of(document_id, PurePosixPath(document_id).stem, "failed", self._clock.now())
        failed = replace(document, reason=refusal.reason, code=refusal.code, place=refusal.place)
        await self._store.put_document(failed, [], by=run.by)


def _key(passage: Passage) -> str:
    return key_of(passage.base, passage.id)
