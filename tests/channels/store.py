"""What channels under test remember in: the real store, in a folder that is gone after the test."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from ai_worker.foundation.clock import Clock, FixedClock
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.storage.sqlite.channels import SqliteChannelStore
from ai_worker.storage.sqlite.database import SqliteDatabase

_opened: list[tuple[TemporaryDirectory[str], SqliteDatabase]] = []


def temporary_store(clock: Clock | None = None) -> ChannelStore:
    """Return an empty store; `tests/conftest.py` closes it at the end of the test.

    Several channels, or several nodes' instances of one, may share it.
    """
    clock = clock or FixedClock()
    folder = TemporaryDirectory(prefix="aiw-channels-")
    database = SqliteDatabase.open(Path(folder.name) / "store.db", clock=clock)
    _opened.append((folder, database))
    return SqliteChannelStore(database, clock)


def close_temporary_stores() -> None:
    """Close and delete what `temporary_store` has opened."""
    while _opened:
        folder, database = _opened.pop()
        asyncio.run(database.close())
        folder.cleanup()
