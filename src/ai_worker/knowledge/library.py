"""The library: takes knowledge in, keeps the index up to date, and answers searches."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge import search
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.index import View
from ai_worker.knowledge.index_folder import IndexBusy, IndexFolder
from ai_worker.knowledge.ingest.addition import Addition, AddReport, Failure
from ai_worker.knowledge.ingest.found import Found, find_documents, uploaded
from ai_worker.knowledge.ingest.parsed import Refusal
from ai_worker.knowledge.ingest.reader import DocumentReader, Limits
from ai_worker.knowledge.ingest.refusals import BadBaseName, DocumentRefused, DuplicateRow, Empty
from ai_worker.knowledge.ingest.rows import row_of
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.knowledge.store import Document, KnowledgeStore
from ai_worker.knowledge.trial import Trial

ENTRIES = "entries"
"""The table that single entries are put in. No file has this id: a file's has an ending."""

PAGE = 1_000
COMMIT_EVERY = 20_000
"""Changes between two commits of the index: each makes a file, and waits for the disk."""

BUSY_TRIES = 100
BUSY_PAUSE_S = 0.05

Progress = Callable[[str], None]
"""Hears the id of each document before it is read."""

Result = TypeVar("Result")

_BASE_NAME = re.compile(r"[\w.-]{1,64}")

log = structlog.get_logger(__name__)


class Library:
    """The knowledge of this installation. It is a `Retriever` and a `KnowledgeDesk`.

    The store holds the truth; the index is a cache of it on this machine's disk. What another
    process adds to the store is found after the next `refresh`.
    """

    def __init__(
        self, store: KnowledgeStore, *, clock: Clock, index_folder: Path, limits: Limits | None = None
    ) -> None:
        """Make a library that finds nothing before its first `refresh`.

        Args:
            store: Where the passages are kept.
            clock: Says when a document was added.
            index_folder: Where the index may be; it is made if it is missing.
            limits: What reading one document may use; the defaults if `None`.
        """
        self._store = store
        self._clock = clock
        self._root = index_folder
        self._folder = IndexFolder(index_folder)
        self._limits = limits
        self._view: View | None = None
        self._adding = asyncio.Lock()
        self._refreshing = asyncio.Lock()

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
        view = self._view
        return search.find(view, question, bases=bases, limit=limit) if view is not None else []

    async def add(self, paths: Sequence[Path], *, base: str = "default", progress: Progress | None = None) -> AddReport:
        """Read files and folders and make them findable. What cannot be read is reported, not raised.

        A document that was added before is replaced; one that could be read then and cannot now
        keeps its old passages.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
        """
        _check_base(base)
        found = await asyncio.to_thread(find_documents, paths)
        return await self._add(found, base, progress)

    async def add_upload(self, name: str, content: bytes, *, base: str) -> AddReport:
        """Read one document that was sent in and make it findable; see `KnowledgeDesk.add_upload`.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            BadDocumentName: Nothing of `name` can be an id.
        """
        _check_base(base)
        return await self._add([uploaded(name, content)], base, None)

    async def put_entries(self, entries: Sequence[Entry | Mapping[str, object]], *, base: str) -> AddReport:
        """Add or replace single entries, all of them or none.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            RowRefused: An entry lacks something, or two have the same id; the words say which.
        """
        passages = _entries(entries, base)
        if passages:
            await self._store.put_entries(base, ENTRIES, passages)
            await self.refresh()
        return AddReport(1 if passages else 0, len(passages), ())

    async def try_entries(self, entries: Sequence[Entry | Mapping[str, object]], *, base: str) -> Trial:
        """Return the knowledge as it would be with these entries; nothing is added. Close it after use.

        Raises:
            BadBaseName: `base` cannot be the name of a knowledge base.
            RowRefused: As for `put_entries`.
            IndexBusy: Another process is changing the index.
        """
        passages = _entries(entries, base)
        await self.refresh()
        return await asyncio.to_thread(Trial.of, self._folder, self._root, passages)

    @property
    def revision(self) -> int:
        """The store's revision that searches see; 0 before the first `refresh`."""
        return self._view.revision if self._view is not None else 0

    async def refresh(self) -> bool:
        """Bring the index up to the store's revision; return whether there was anything to do.

        It costs one look at the revision when there is nothing new, so it may be called every second.
        When another process is at it, this one waits and then takes over what that one made.
        """
        async with self._refreshing:
            revision = await self._store.revision()
            if self._view is not None and self._view.revision == revision:
                return False
            for _ in range(BUSY_TRIES):
                self._view = await asyncio.to_thread(self._folder.view)
                if self._view is not None and self._view.revision == revision:
                    return True
                try:
                    await self._write(revision)
                except IndexBusy:
                    await asyncio.sleep(BUSY_PAUSE_S)
            log.warning("knowledge.index_behind", wanted=revision, shown=self._view.revision if self._view else 0)
            return False

    async def _write(self, revision: int) -> None:
        writing = await _in_thread(self._folder.begin)
        try:
            if writing.revision > revision:  # a restored database, or another one
                writing.clear()
            waiting = 0
            while changes := await self._store.changes(writing.revision, PAGE):
                await _in_thread(partial(writing.apply, changes))
                waiting += len(changes)
                if waiting >= COMMIT_EVERY:
                    await _in_thread(partial(writing.commit, writing.revision))
                    waiting = 0
            await _in_thread(partial(writing.commit, max(revision, writing.revision)))
            log.info("knowledge.index_refreshed", revision=writing.revision)
        finally:
            await _in_thread(writing.end)

    async def _add(self, found: Sequence[Found], base: str, progress: Progress | None) -> AddReport:
        async with self._adding:  # one reader at a time: each may use a gigabyte
            known = [one.id for one in await self._store.documents() if one.base == base and one.state == "ready"]
            run = Addition(base, frozenset(known))
            async with DocumentReader(self._limits) as reader:
                for document in found:
                    if progress is not None:
                        progress(document.id)
                    await self._add_one(document, reader, run)
            await self.refresh()
            return run.report()

    async def _add_one(self, found: Found, reader: DocumentReader, run: Addition) -> None:
        try:
            content = await asyncio.to_thread(found.read)
        except DocumentRefused as error:
            run.failed.append(Failure(found.id, error.code, str(error)))
            return
        parsed = await reader.read(found.id, content)
        if isinstance(parsed, Refusal):
            await self._refuse(found.id, parsed, run)
            return
        run.failed += [Failure(found.id, refused.code, refused.reason) for refused in parsed.refused_rows]
        passages = run.passages_of(found.id, parsed)
        if not passages:
            await self._refuse(found.id, Refusal(Empty.code, "No row of it could be taken"), run)
            return
        title = parsed.title or PurePosixPath(found.id).stem
        document = Document(found.id, run.base, title, "ready", len(passages), self._clock.now())
        await self._store.put_document(document, passages)
        run.documents += 1
        run.passages += len(passages)

    async def _refuse(self, document_id: str, refusal: Refusal, run: Addition) -> None:
        run.failed.append(Failure(document_id, refusal.code, refusal.reason))
        if document_id in run.known:
            return
        title = PurePosixPath(document_id).stem
        failed = Document(document_id, run.base, title, "failed", 0, self._clock.now(), refusal.reason, refusal.code)
        await self._store.put_document(failed, [])


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread and wait for its end even when cancelled: two must never write at once."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _entries(entries: Sequence[Entry | Mapping[str, object]], base: str) -> list[Passage]:
    """Return entries as passages of the table that single entries are put in.

    Raises:
        BadBaseName: `base` cannot be the name of a knowledge base.
        RowRefused: An entry lacks something, or two have the same id; the words say which.
    """
    _check_base(base)
    passages: dict[str, Passage] = {}
    for number, entry in enumerate(entries, 1):
        values = asdict(entry) if isinstance(entry, Entry) else entry
        row = row_of(values, f"entry {number}", ENTRIES)
        if row.id in passages:
            raise DuplicateRow(f"entry {number}: the id {row.id!r} is that of an earlier entry, too")
        passages[row.id] = Passage(row.id, base, ENTRIES, row.kind, row.title, row.text, row.aliases)
    return list(passages.values())


def _check_base(base: str) -> None:
    if not _BASE_NAME.fullmatch(base):
        raise BadBaseName(f"{base!r} is no name for a knowledge base: letters, digits, '.', '-', '_', at most 64")
