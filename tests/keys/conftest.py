"""A keyring over a real store, with a clock that is held still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.keys.keyring import Keyring
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.keys import SqliteKeyStore

PEPPER = bytes(range(32))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FixedClock) -> AsyncIterator[SqliteKeyStore]:
    database = SqliteDatabase.open(tmp_path / "keys.db", clock=clock)
    yield SqliteKeyStore(database, clock)
    await database.close()


@pytest.fixture
def keyring(store: SqliteKeyStore, clock: FixedClock) -> Keyring:
    return Keyring(store, pepper=PEPPER, clock=clock)
