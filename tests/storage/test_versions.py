"""A database that a newer version has written: one may go back, unless the newer version says otherwise."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw
import asyncpg
import pytest

from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.migrate import move
from ai_worker.storage.opening import Stores, open_stores
from ai_worker.storage.schema import SchemaTooNew, migrations
from tests.postgres import shared_server
from tests.storage.postgres.scene import ANSWER, message, reply

CLOCK = SystemClock()
ADDED = """
CREATE TABLE mood (conversation_id bigint REFERENCES conversation (id) ON DELETE CASCADE, mood text);
ALTER TABLE inbound ADD COLUMN priority integer NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN mood text;
"""
"""What a later version might add, in SQL that both kinds understand."""


class Place:
    """Where one database is, and a way to it past our own code."""

    def __init__(self, url: str, package: str, execute: Callable[[str], Awaitable[object]]) -> None:
        self.url, self.execute = url, execute
        self.latest = migrations(package)[-1].number
        """The latest schema that this version knows."""


def _sqlite(folder: Path) -> Place:
    async def execute(script: str) -> object:
        with closing(apsw.Connection(str(folder / "store.db"))) as connection:
            return connection.execute(script).get

    return Place("sqlite:///store.db", "ai_worker.storage.sqlite", execute)


def _postgres(_folder: Path) -> Place:
    url = shared_server().url()
    path = f"SET search_path = {url.partition('schema=')[2]};"

    async def execute(script: str) -> object:
        connection = await asyncpg.connect(url.partition("?")[0])
        try:
            await connection.execute(path)
            return await (connection.fetchval if script.startswith("SELECT") else connection.execute)(script)
        finally:
            await connection.close()

    return Place(url, "ai_worker.storage.postgres", execute)


SAYS = {
    "sqlite": "DELETE FROM schema_oldest; INSERT INTO schema_oldest VALUES ({oldest}); PRAGMA user_version = {version}",
    "postgres": "UPDATE schema_version SET version = {version}, oldest = {oldest}",
}
SILENT = {
    "sqlite": "DROP TABLE schema_oldest; PRAGMA user_version = {version}",
    "postgres": "UPDATE schema_version SET version = {version}; ALTER TABLE schema_version DROP COLUMN oldest",
}
SCHEMA = {"sqlite": "PRAGMA user_version", "postgres": "SELECT version FROM schema_version"}


@pytest.fixture(params=SAYS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str, tmp_path: Path) -> Place:
    return {"sqlite": _sqlite, "postgres": _postgres}[kind](tmp_path)


async def _work(stores: Stores, first: int) -> None:
    """Do to the database whatever is done to it, deleting included."""
    accepted = [await stores.pipeline.accept(message(first + n)) for n in range(3)]
    now = datetime.now(UTC)
    claims = await stores.pipeline.claim(owner="run", limit=9, now=now)
    assert {claim.turn_id for claim in claims} == {each.turn_id for each in accepted}
    for claim in claims:
        await stores.pipeline.finish(claim, ANSWER, [reply(claim)], now=now, response_ms=1.0)
        await stores.pipeline.settle(reply(claim), "delivered", now=now)
        assert await stores.conversations.thread(claim.conversation_id)
    assert await stores.dead_letters.count() == 0


async def test_what_only_adds_may_be_worked_on_by_the_version_before(place: Place, kind: str, tmp_path: Path) -> None:
    async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK) as stores:
        await _work(stores, 0)
    await place.execute(ADDED + SAYS[kind].format(version=place.latest + 1, oldest=place.latest))

    async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK) as stores:
        await _work(stores, 10)
        assert (await stores.pipeline.accept(message(0))).duplicate
        gone = await stores.sweep(datetime(2100, 1, 1, tzinfo=UTC))

    assert gone > 0
    assert await place.execute(SCHEMA[kind]) == place.latest + 1


@pytest.mark.parametrize("says", [SAYS, SILENT], ids=["it says so", "it says nothing"])
async def test_what_changes_more_is_refused_and_left_alone(
    place: Place, kind: str, says: dict[str, str], tmp_path: Path
) -> None:
    async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK) as stores:
        await stores.pipeline.accept(message(0))
    version = place.latest + 2
    await place.execute(says[kind].format(version=version, oldest=place.latest + 1))

    with pytest.raises(SchemaTooNew, match=f"schema {version}.* up to {place.latest}") as refused:
        async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK):
            pass

    assert refused.value.code == "storage.schema_too_new"
    assert "backup" in refused.value.hint
    assert await place.execute(SCHEMA[kind]) == version
    assert await place.execute("SELECT count(*) FROM inbound") == 1


async def test_a_node_that_runs_goes_on_after_a_newer_one_has_added_to_the_schema(
    place: Place, kind: str, tmp_path: Path
) -> None:
    async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK) as stores:
        await _work(stores, 0)
        await place.execute(ADDED + SAYS[kind].format(version=place.latest + 1, oldest=place.latest))

        await _work(stores, 10)


async def test_a_move_takes_nothing_from_a_file_that_it_does_not_know_all_of(tmp_path: Path) -> None:
    place = _sqlite(tmp_path)
    async with open_stores(place.url, data_dir=tmp_path, clock=CLOCK) as stores:
        await stores.pipeline.accept(message(0))
    await place.execute(ADDED + SAYS["sqlite"].format(version=place.latest + 1, oldest=place.latest))
    target = _postgres(tmp_path)

    with pytest.raises(SchemaTooNew, match="leave behind"):
        await move(tmp_path / "store.db", target.url, data_dir=tmp_path, clock=CLOCK)

    assert await target.execute("SELECT count(*) FROM inbound") == 0


@pytest.mark.parametrize("package", ["ai_worker.storage.sqlite", "ai_worker.storage.postgres"])
def test_every_migration_says_whom_it_still_serves(package: str) -> None:
    steps = migrations(package)

    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all("\n-- oldest: " in step.script for step in steps)
    assert all(step.oldest <= step.number for step in steps)
