"""The knowledge, and what is done for it beside the messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ai_worker.app.chores import (
    REFRESH_S,
    REVIEWS_S,
    SWEEP_S,
    SYNC_S,
    Chore,
    every,
    watching,
)
from ai_worker.app.line import Line
from ai_worker.app.parts import Meanings, Role
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.library import Library
from ai_worker.ops.metrics import Metrics
from ai_worker.settings import Settings
from ai_worker.sources.opening import open_sync
from ai_worker.storage.opening import Stores


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The knowledge as this process has it."""

    library: Library
    curator: Curator

    def chores(
        self, settings: Settings, stores: Stores, metrics: Metrics, line: Line | None, clock: Clock
    ) -> list[Chore]:
        """Return what keeps it up to date; only where messages are answered are sources asked and removals ended."""
        chores: list[Chore] = [
            partial(every, REFRESH_S, self.library.refresh, "knowledge.refresh"),
            partial(every, REVIEWS_S, watching(metrics, self.curator, stores), "knowledge.reviews"),
        ]
        if line is None:
            return chores
        sync = open_sync(
            settings.knowledge.sources,
            store=stores.sources,
            library=self.library,
            curator=self.curator,
            leases=stores.channels,
            owner=line.owner,
            clock=clock,
        )
        kept = timedelta(days=settings.knowledge.removed_days)
        return [
            *chores,
            partial(every, SYNC_S, sync.look, "knowledge.sync"),
            partial(every, SWEEP_S, partial(self.curator.purge_over, kept), "knowledge.purge"),
        ]


@asynccontextmanager
async def open_knowledge(
    settings: Settings, stores: Stores, meanings: Meanings, clock: Clock, role: Role | None
) -> AsyncIterator[Knowledge]:
    """Open the library, with its index as up to date as the store; models of intents are made by runners alone."""
    library = Library(
        stores.knowledge,
        clock=clock,
        index_folder=settings.data_dir / "index",
        nearness=meanings.keeper,
        learns=role in (None, "runner"),
    )
    try:
        await library.refresh()
        yield Knowledge(
            library,
            Curator(stores.archive, store=stores.knowledge, library=library, clock=clock, time_zone=settings.time_zone),
        )
    finally:
        await library.close()
