"""The stores whose contracts are tried; every kind must keep the same promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.storage.sqlite.conversation import SqliteConversationStore
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.deadletters import SqliteDeadLetterStore
from ai_worker.storage.sqlite.keys import SqliteKeyStore
from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore
from ai_worker.storage.sqlite.ops import SqliteStatsStore
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
from tests.contract.material import Stores


@asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    clock = FixedClock()
    database = SqliteDatabase.open(folder / "store.db", clock=clock)
    pipeline = SqlitePipelineStore(database, clock)
    try:
        yield Stores(
            clock=clock,
            pipeline=pipeline,
            conversations=SqliteConversationStore(database, clock),
            knowledge=SqliteKnowledgeStore(database, clock),
            keys=SqliteKeyStore(database, clock),
            stats=SqliteStatsStore(database, clock),
            dead_letters=SqliteDeadLetterStore(database, clock),
            sweep=pipeline.sweep,
        )
        dangling = await database.read(lambda connection: list(connection.execute("PRAGMA foreign_key_check")))
        assert dangling == []
    finally:
        await database.close()


KINDS = {"sqlite": sqlite_stores}


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Every store over one new database."""
    async with KINDS[request.param](tmp_path) as opened:
        yield opened
