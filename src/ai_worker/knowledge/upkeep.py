"""Upkeep: the index is brought up to what the store holds, and what searches see of it is taken over."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from ai_worker.knowledge.index_folder import IndexBusy, IndexFolder
from ai_worker.knowledge.intents.folder import IntentFolder
from ai_worker.knowledge.intents.lessons import lessons_in
from ai_worker.knowledge.records.shelf import RecordShelves
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.knowledge.view import View

PAGE = 1_000
COMMIT_EVERY = 20_000
"""Changes between two commits of the index: each makes a file, and waits for the disk."""

BUSY_TRIES = 100
BUSY_PAUSE_S = 0.05

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Upkeep:
    """Keeps what searches see at what the store holds: the index, the records and the models of intents.

    The index lies on this machine's disk, where its processes share it: one writes, the others take over.
    """

    def __init__(
        self, store: KnowledgeStore, folder: IndexFolder, *, records: RecordShelves, intents: IntentFolder
    ) -> None:
        self._store, self._folder = store, folder
        self._records, self._intents = records, intents
        self._refreshing = asyncio.Lock()
        self.view: View | None = None
        """What searches see; `None` before the first `refresh`."""

    async def refresh(self) -> bool:
        """Bring the index up to the store's revision; return whether there was anything to do.

        It costs one look at the revision when there is nothing new, so it may be called every second.
        When another process is at it, this one waits and then takes over what that one made.
        """
        async with self._refreshing:
            revision = await self._store.revision()
            if self.view is not None and self.view.revision == revision:
                return False
            for _ in range(BUSY_TRIES):
                self.view = await asyncio.to_thread(self._look)
                if self.view is not None and self.view.revision == revision:
                    await self._intents.tend(await asyncio.to_thread(lessons_in, self.view))
                    return True
                try:
                    await self._write(revision)
                except IndexBusy:
                    await asyncio.sleep(BUSY_PAUSE_S)
            log.warning("knowledge.index_behind", wanted=revision, shown=self.view.revision if self.view else 0)
            return False

    def _look(self) -> View | None:
        view = self._folder.view()
        if view is not None:
            self._records.take(view)
        return view

    async def _write(self, revision: int) -> None:
        writing = await _in_thread(self._folder.begin)
        try:
            # A restored database or another one, a new index, or one whose files hold what must be gone.
            if writing.revision > revision or not writing.revision or writing.built < await self._store.purged():
                writing.clear(revision)
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


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread and wait for its end even when cancelled: two must never write at once."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
