"""Messages that nobody asked for: all of them arrive, each once, and never too many at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.push import CannotPush, Pusher
from ai_worker.pipeline.sending import Deliverer, Limit, Need, Sent
from ai_worker.pipeline.store import OutboundMessage, PipelineStore
from ai_worker.storage.opening import open_stores
from tests.pipeline.waiting import at_rest
from tests.postgres import shared_server

LIMIT = Limit("robot", 18, 61.0)
"""A little below the robots' own 20 a minute."""

ALERTS = 200


class Robot(Deliverer):
    """A group robot: it notes when it was given what."""

    def __init__(self, merges: int, clock: FixedClock) -> None:
        self.merges = merges  # type: ignore[misc]  # the tests try several
        self._clock = clock
        self.sends: list[tuple[float, str]] = []

    async def deliver(self, message: OutboundMessage) -> Sent:
        assert not message.unsure
        self.sends.append((self._clock.monotonic(), message.reply.text))
        return Sent()

    def needs(self, message: OutboundMessage) -> list[Need]:
        return [Need(LIMIT)]

    @property
    def texts(self) -> list[str]:
        return [text for _, sent in self.sends for text in sent.split("\n\n")]

    def busiest(self) -> int:
        """Return the most sends in any window of the limit."""
        return max(sum(first <= at < first + LIMIT.seconds for at, _ in self.sends) for first, _ in self.sends)


class Site:
    """A robot, and deliveries that share what one store knows."""

    def __init__(
        self, pipeline: PipelineStore, channels: ChannelStore, robot: Robot, clock: FixedClock, nodes: int
    ) -> None:
        self.pipeline, self.robot, self.clock = pipeline, robot, clock
        self.pusher = Pusher(pipeline, deliverers={"alerts": robot}, clock=clock, wake=self.wake)
        self.deliveries = [
            Delivery(
                pipeline,
                deliverers={"alerts": robot},
                governor=Governor(channels),
                events=EventBus(),
                clock=clock,
                owner=f"run-{n}",
                patience_s=0.0,
            )
            for n in range(nodes)
        ]

    def wake(self) -> None:
        for delivery in self.deliveries:
            delivery.wake()

    async def later(self, seconds: float) -> None:
        """Let time go on, and wait until all that is due then is sent, or waits for a later moment.

        What is being sent ends before: between being counted and being sent no time may go by here.
        """
        await at_rest(self.pipeline, self.deliveries, self.clock)
        self.clock.advance(timedelta(seconds=seconds))
        self.wake()
        await at_rest(self.pipeline, self.deliveries, self.clock)


@asynccontextmanager
async def sqlite(folder: Path, clock: FixedClock) -> AsyncIterator[tuple[PipelineStore, ChannelStore]]:
    async with open_stores(SQLITE, data_dir=folder, clock=clock) as stores:
        yield stores.pipeline, stores.channels


@asynccontextmanager
async def postgres(_folder: Path, clock: FixedClock) -> AsyncIterator[tuple[PipelineStore, ChannelStore]]:
    from ai_worker.storage.postgres.channels import PostgresChannelStore
    from ai_worker.storage.postgres.database import PostgresDatabase
    from ai_worker.storage.postgres.pipeline import PostgresPipelineStore

    database = await PostgresDatabase.open(shared_server().url(), clock=clock, node="node-1", held=clock)
    pipeline = PostgresPipelineStore(database)
    try:
        yield pipeline, PostgresChannelStore(database)
    finally:
        await pipeline.close()
        await database.close()


@asynccontextmanager
async def site(folder: Path, *, kind: str = "sqlite", merges: int = 0, nodes: int = 1) -> AsyncIterator[Site]:
    clock = FixedClock()
    async with (sqlite if kind == "sqlite" else postgres)(folder, clock) as (pipeline, channels):
        at = Site(pipeline, channels, Robot(merges, clock), clock, nodes)
        running = [asyncio.create_task(delivery.run()) for delivery in at.deliveries]
        yield at
        for delivery in at.deliveries:
            await delivery.drain(5)
        await asyncio.gather(*running)


SQLITE = "sqlite:///store.db"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("merges", [0, 2_000])
async def test_two_hundred_alerts_in_a_minute_all_arrive_and_no_window_has_too_many(
    tmp_path: Path, kind: str, merges: int
) -> None:
    async with site(tmp_path, kind=kind, merges=merges, nodes=2) as at:
        await _storm(at)
        await _drained(at)
    _check(at.robot)
    if merges:
        assert len(at.robot.sends) < 30


async def _storm(at: Site) -> None:
    """200 alerts in a minute, every 50th of them urgent, each pushed twice: the caller was not sure."""
    for n in range(ALERTS):
        for _ in range(2):
            await at.pusher.push("alerts", "", _alert(n), urgent=n % 50 == 49, id=f"alert-{n}")
        await at.later(0.3)


def _alert(n: int) -> str:
    return f"{'【紧急】' if n % 50 == 49 else ''}第{n}号机柜温度过高"


async def _drained(at: Site) -> None:
    for _ in range(400):
        if len(at.robot.texts) >= ALERTS:
            return
        await at.later(5.0)


def _check(robot: Robot) -> None:
    assert sorted(robot.texts) == sorted(_alert(n) for n in range(ALERTS))
    assert robot.busiest() <= LIMIT.most
    order = [text for text in robot.texts if "紧急" not in text]
    assert order == [_alert(n) for n in range(ALERTS) if n % 50 != 49], "in the order in which they were said"
    last = robot.texts.index(_alert(199))
    assert last < robot.texts.index(_alert(120)), "urgent ones do not wait behind a hundred others"


async def test_another_process_may_push_beside_a_running_service(tmp_path: Path) -> None:
    async with site(tmp_path) as at:
        async with open_stores(SQLITE, data_dir=tmp_path, clock=at.clock) as beside:
            pusher = Pusher(beside.pipeline, deliverers={"alerts": at.robot}, clock=at.clock)
            first = await pusher.push("alerts", "group:运维", "磁盘快满了", id="disk-1")
            assert await pusher.push("alerts", "group:运维", "磁盘快满了", id="disk-1") == first
            assert await pusher.push("alerts", "", "磁盘快满了", id="disk-1") != first, "another target"
        async with asyncio.timeout(20):
            while len(at.robot.sends) < 2:
                await asyncio.sleep(0.01)


async def test_what_has_nowhere_to_go_or_nothing_to_say_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as at:
        for channel, text in (("gone", "磁盘快满了"), ("alerts", " \n")):
            with pytest.raises(CannotPush):
                await at.pusher.push(channel, "", text)


def test_an_address_is_a_contacts_or_a_groups() -> None:
    robot = Robot(0, FixedClock())
    assert robot.reach("wang-fang") == {"user": "wang-fang"}
    assert robot.reach("group:oc_1") == {"chat": "oc_1"}
    assert robot.reach("") == {}
