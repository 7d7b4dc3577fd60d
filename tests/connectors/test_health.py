"""Looking from time to time whether systems are there, and keeping what became of calls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.folder import ConnectorsFolder
from ai_worker.connectors.health import Health
from ai_worker.connectors.kind import Parts
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.errors import Busy
from ai_worker.settings.references import resolver
from ai_worker.skills.call_log import CallLog
from ai_worker.skills.calls import CallStore
from ai_worker.skills.tool import Called
from ai_worker.storage.opening import Stores, open_stores
from tests.console.erp import Erp, describe, erp_running

EVERY_S = 600.0


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with erp_running() as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def stores(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stores]:
    async with open_stores("sqlite:///ai-worker.db", data_dir=tmp_path / "data", clock=clock) as made:
        yield made


@pytest.fixture
async def folder(tmp_path: Path, clock: FixedClock, erp: Erp) -> AsyncIterator[ConnectorsFolder]:
    describe(tmp_path, "erp", erp.url)
    made = ConnectorsFolder(tmp_path / "connectors", resolve=resolver(tmp_path, {}), parts=Parts(clock))
    await made.hub.start()
    yield made
    await made.hub.close()


class Talkative(Connection):
    """A system that never stops saying that it has changed."""

    id = "shop"

    def __init__(self) -> None:
        """Be there."""

    async def check(self) -> str:
        """Be well."""
        return "well"

    def announced(self) -> bool:
        """Have changed."""
        return True


def health_of(folder: ConnectorsFolder, stores: Stores, clock: FixedClock, every_s: float = EVERY_S) -> Health:
    return Health(folder.hub.connectors, stores.calls, every_s=every_s, clock=clock)


async def test_a_system_is_looked_at_when_it_is_due_and_by_one_process_alone(
    folder: ConnectorsFolder, stores: Stores, clock: FixedClock, erp: Erp
) -> None:
    one, other = health_of(folder, stores, clock), health_of(folder, stores, clock)

    await one.look()
    await other.look()
    clock.advance(timedelta(seconds=EVERY_S * 0.8))
    await one.look()
    assert erp.asked == ["GET /orders"]
    clock.advance(timedelta(seconds=EVERY_S * 0.4))
    await other.look()
    await one.look()

    assert erp.asked == ["GET /orders", "GET /orders"]
    assert one.standings["erp"].last.code == "ok"


async def test_what_fails_is_kept_with_when_it_was_last_well(
    folder: ConnectorsFolder, stores: Stores, clock: FixedClock, erp: Erp
) -> None:
    health = health_of(folder, stores, clock)
    await health.look()
    good_at = clock.now()
    erp.down = True
    clock.advance(timedelta(seconds=EVERY_S * 2))

    await health.look()

    standing = health.standings["erp"]
    assert (standing.last.code, standing.good_at) == ("tool.failed", good_at)
    assert standing.last.fix


async def test_a_contract_is_compared_once_a_day_and_at_once_when_it_was_replaced(
    folder: ConnectorsFolder, stores: Stores, clock: FixedClock, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def drifted(connector_id: str) -> bool | None:
        asked.append(connector_id)
        return len(asked) == 1

    health = Health(folder.hub.connectors, stores.calls, every_s=EVERY_S, clock=clock, drifted=drifted)
    for _ in range(2):
        await health.look()
        clock.advance(timedelta(seconds=EVERY_S * 2))
        assert health.standings["erp"].last.drift is True
    file = tmp_path / "connectors" / "erp" / "connector.toml"
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    await folder.look()

    await health.look()

    assert health.standings["erp"].last.drift is False
    assert asked == ["erp", "erp"]
    assert await folder.drifted("erp") is None


async def test_a_system_that_announces_another_contract_is_asked_for_it_soon_and_not_each_time(
    stores: Stores, clock: FixedClock
) -> None:
    asked: list[str] = []

    async def drifted(connector_id: str) -> bool | None:
        asked.append(connector_id)
        return True

    shop = Talkative()
    health = Health(lambda: [shop], stores.calls, every_s=60, clock=clock, drifted=drifted)
    for _ in range(30):  # an hour
        await health.look()
        clock.advance(timedelta(minutes=2))

    assert len(asked) == 6
    assert health.standings["shop"].last.drift is True


async def test_nobody_looks_where_no_time_is_set_or_nothing_harmless_can_be_called(
    folder: ConnectorsFolder, stores: Stores, clock: FixedClock, erp: Erp, tmp_path: Path
) -> None:
    await health_of(folder, stores, clock, every_s=0).look()
    file = describe(tmp_path, "shop", erp.url)
    file.write_text(file.read_text("utf-8").replace('"**"', '"create_refund"'), "utf-8")
    (tmp_path / "connectors" / "erp" / "connector.toml").unlink()
    await folder.look()

    await health_of(folder, stores, clock).look()

    assert erp.asked == []
    assert await stores.calls.standings() == {}


async def test_a_keeper_that_is_cancelled_loses_no_call(stores: Stores, clock: FixedClock) -> None:
    log = CallLog(stores.calls)
    log.heard(Called("erp", "erp.get_order", "ok", 1.0, clock.now()))
    keeping = asyncio.create_task(log.keep())
    await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    await log.keep()

    assert len(await stores.calls.latest(limit=9)) == 1


class Busily:
    """A store that cannot keep anything the first time it is asked."""

    def __init__(self, store: CallStore) -> None:
        self._store, self.refused = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def add(self, calls: Sequence[Called]) -> None:
        if not self.refused:
            self.refused += 1
            raise Busy("later")
        await self._store.add(calls)


async def test_what_the_store_does_not_take_waits_for_the_next_time(stores: Stores, clock: FixedClock) -> None:
    log = CallLog(Busily(stores.calls))
    log.heard(Called("erp", "erp.get_order", "ok", 1.0, clock.now()))
    with pytest.raises(Busy):
        await log.keep()

    await log.keep()

    assert len(await stores.calls.latest(limit=9)) == 1


async def test_calls_are_kept_in_order_and_the_oldest_go_first_when_too_many_wait(
    stores: Stores, clock: FixedClock
) -> None:
    log = CallLog(stores.calls, most=600)
    for n in range(601):
        log.heard(Called("erp", f"erp.t{n}", "ok", 1.0, clock.now()))
    assert log.lost == 1

    await log.keep()
    await log.keep()

    kept = await stores.calls.latest(limit=1000)
    assert [kept[0].tool, kept[-1].tool, len(kept)] == ["erp.t600", "erp.t1", 600]
