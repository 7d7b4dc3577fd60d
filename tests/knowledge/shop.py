"""A library and its curator over a real database, on a clock that stands still."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.library import Library
from ai_worker.storage.opening import Stores, open_stores


@dataclass
class Shop:
    """Everything that looking after knowledge takes."""

    folder: Path
    clock: FixedClock
    stores: Stores
    library: Library
    curator: Curator

    def found(self, question: str) -> list[str]:
        """Return what somebody of no department finds with some confidence."""
        return [scored.passage.id for scored in self.library.search(question) if scored.score > 0.5]


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    """Open a shop in a folder."""
    clock = FixedClock()
    async with open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=clock) as stores:
        library = Library(stores.knowledge, clock=clock, index_folder=folder / "index")
        curator = Curator(
            stores.archive, store=stores.knowledge, library=library, clock=clock, time_zone="Asia/Shanghai"
        )
        yield Shop(folder, clock, stores, library, curator)
