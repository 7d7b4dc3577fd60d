"""The rules of every long connection, tried with a platform of a few lines over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ai_worker.channels.connection import ConnectFailed, Ending, Link, LongConnection, Pace
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from tests.channels.store import temporary_store

CLOCK = SystemClock()
QUICK = Pace(
    dial_s=0.5,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    refused_pause_s=0.6,
    stood_s=0.2,
    fell_cap_s=0.05,
    lease_s=1.0,
    renew_s=0.1,
    look_s=0.01,
    rotated_s=0.5,
    close_s=0.3,
)


class Station:
    """Takes connections and sends words down them: `rotate`, `displaced`, `crash`, or anything."""

    def __init__(self) -> None:
        self.open: list[asyncio.StreamWriter] = []
        self.taken = 0
        self.port = 0

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for writer in list(self.open):
            writer.transport.abort()

    def say(self, word: str, *, to: int = -1) -> None:
        self.open[to].write(f"{word}\n".encode())

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        self.open.append(writer)
        with suppress(ConnectionError):
            await reader.read()
        self.open.remove(writer)
        writer.close()


class Wire:
    """A link over one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[str]) -> None:
        self.rotating = asyncio.Event()
        self.heard_at = CLOCK.monotonic()
        self._reader, self._writer, self._heard = reader, writer, heard

    async def serve(self) -> Ending:
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                self.heard_at = CLOCK.monotonic()
                word = line.decode().strip()
                self._heard.append(word)
                if word == "rotate":
                    self.rotating.set()
                if word == "displaced":
                    return "displaced"
                if word == "crash":
                    raise ValueError("a defect in a platform's folder")
        return "lost"

    async def close(self) -> None:
        self._writer.close()


class Phone:
    """Dials the station; `failures` come first."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.heard: list[str] = []
        self.failures: list[Exception] = []
        self.dialled = 0
        self.hangs = False

    async def __call__(self) -> Link:
        self.dialled += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.hangs:
            await asyncio.sleep(60)
        try:
            return Wire(*await asyncio.open_connection("127.0.0.1", self.station.port), self.heard)
        except OSError:
            raise ConnectFailed("platform", "nobody is there") from None


class Slow:
    """A store of which some calls are refused, as one that cannot write now."""

    def __init__(self, store: ChannelStore) -> None:
        self._store = store
        self.busy = False

    def __getattr__(self, name: str) -> object:
        if self.busy:
            raise Busy("the store is slow")
        return getattr(self._store, name)


@asynccontextmanager
async def station() -> AsyncIterator[Station]:
    made = Station()
    await made.up()
    try:
        yield made
    finally:
        await made.down()


@asynccontextmanager
async def connecting(
    phone: Phone, *, store: ChannelStore | None = None, silent_s: float = 5.0, single: bool = True, pace: Pace = QUICK
) -> AsyncIterator[LongConnection]:
    connection = LongConnection(
        "desk",
        phone,
        silent_s=silent_s,
        single=single,
        clock=CLOCK,
        store=store or temporary_store(CLOCK),
        pace=pace,
    )
    running = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        assert not running.done(), running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


async def test_it_connects_and_says_since_when() -> None:
    async with station() as platform, connecting(Phone(platform)) as connection:
        await until(lambda: connection.link is not None)
        assert isinstance(connection.health().connected_at, datetime)
        assert connection.health().state == "ready"


async def test_what_breaks_is_connected_again_for_ever() -> None:
    async with station() as platform, connecting(Phone(platform)) as connection:
        for n in range(1, 15):
            await until(lambda n=n: platform.taken == n and bool(platform.open))  # type: ignore[misc]
            platform.cut()
        await until(lambda: connection.link is not None and bool(platform.open))


async def test_silence_is_death_however_open_the_socket_is() -> None:
    async with station() as platform, connecting(Phone(platform), silent_s=0.2) as connection:
        await until(lambda: platform.taken == 1)
        for _ in range(10):  # whoever is heard lives
            platform.say("alive")
            await asyncio.sleep(0.05)
        assert platform.taken == 1
        await until(lambda: platform.taken == 2)
        assert connection.last_error in ("", "nothing was heard for 0 s")


async def test_after_a_refusal_five_times_over_it_is_tried_only_now_and_then() -> None:
    async with station() as platform:
        phone = Phone(platform)
        phone.failures = [ConnectFailed("platform", "wrong secret", refused=True) for _ in range(20)]
        async with connecting(phone) as connection:
            await until(lambda: phone.dialled == 5)
            await asyncio.sleep(0.4)
            assert phone.dialled == 5
            assert connection.health().state == "degraded"
            phone.failures.clear()
            await until(lambda: connection.link is not None)


async def test_a_pause_that_the_platform_asks_for_is_kept() -> None:
    async with station() as platform:
        phone = Phone(platform)
        phone.failures = [ConnectFailed("platform", "too often", pause_s=0.5)]
        async with connecting(phone):
            await asyncio.sleep(0.3)
            assert phone.dialled == 1
            await until(lambda: platform.taken == 1)


async def test_a_dial_that_hangs_is_given_up() -> None:
    async with station() as platform:
        phone = Phone(platform)
        phone.hangs = True
        async with connecting(phone, pace=replace(QUICK, dial_s=0.05)) as connection:
            await until(lambda: phone.dialled >= 2)
            assert "no connection within" in connection.last_error


async def test_a_defect_in_a_dial_or_a_link_ends_nothing_but_itself() -> None:
    async with station() as platform:
        phone = Phone(platform)
        phone.failures = [KeyError("a defect")]
        async with connecting(phone) as connection:
            await until(lambda: platform.taken == 1 and bool(platform.open))
            platform.say("crash")
            await until(lambda: platform.taken == 2)
            assert connection.health().state == "ready"


async def test_a_rotation_opens_the_new_connection_before_the_old_one_closes() -> None:
    async with station() as platform:
        phone = Phone(platform)
        async with connecting(phone):
            await until(lambda: len(platform.open) == 1)
            platform.say("rotate")
            await until(lambda: len(platform.open) == 2)
            platform.say("the last word", to=0)
            await until(lambda: "the last word" in phone.heard)
            await until(lambda: len(platform.open) == 1)  # read for a while, then closed
            platform.say("on the new one")
            await until(lambda: "on the new one" in phone.heard)


async def test_a_takeover_is_left_alone_until_the_operators_word() -> None:
    store = temporary_store(CLOCK)
    async with station() as platform:
        async with connecting(Phone(platform), store=store) as connection:
            await until(lambda: bool(platform.open))
            platform.say("displaced")
            await until(lambda: connection.health().displaced)
            await asyncio.sleep(0.3)
            assert platform.taken == 1
        async with connecting(Phone(platform), store=store) as restarted:  # a restart is no word of the operator
            await until(lambda: restarted.health().displaced)
            assert platform.taken == 1
            await restarted.resume()
            await until(lambda: platform.taken == 2)
            await until(lambda: not restarted.health().displaced)


async def test_a_takeover_is_left_alone_although_the_store_could_not_be_told() -> None:
    store = Slow(temporary_store(CLOCK))
    async with station() as platform, connecting(Phone(platform), store=store) as connection:  # type: ignore[arg-type]
        await until(lambda: bool(platform.open))
        store.busy = True
        platform.say("displaced")
        await until(lambda: connection.displaced)
        await asyncio.sleep(0.3)
        store.busy = False
        await asyncio.sleep(0.3)
        assert (platform.taken, connection.displaced) == (1, True)
        await connection.resume()
        await until(lambda: platform.taken == 2)


async def test_one_node_holds_the_one_connection_and_another_takes_over_when_it_ends() -> None:
    store = temporary_store(CLOCK)
    async with station() as platform, connecting(Phone(platform), store=store) as second_to_none:
        await until(lambda: second_to_none.link is not None)
        other = LongConnection("desk", Phone(platform), silent_s=5.0, single=True, clock=CLOCK, store=store, pace=QUICK)
        running = asyncio.create_task(other.run())
        await until(lambda: other.elsewhere)
        assert (other.health().state, other.health().detail) == ("ready", "connected from another node")
        assert platform.taken == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_lost_lease_ends_the_connection_and_is_no_takeover_by_a_stranger() -> None:
    store = temporary_store(CLOCK)
    async with station() as platform, connecting(Phone(platform), store=store) as connection:
        await until(lambda: connection.link is not None)
        await store.disown("connection:desk", owner=connection._owner)
        assert await store.own("connection:desk", owner="another node", lease=timedelta(seconds=0.5))
        platform.say("displaced")
        await until(lambda: connection.link is None)
        assert not connection.displaced
        await until(lambda: connection.link is not None)  # the other's lease has run out


async def test_a_store_that_is_slow_for_a_moment_costs_no_connection() -> None:
    store = Slow(temporary_store(CLOCK))
    async with station() as platform, connecting(Phone(platform), store=store) as connection:  # type: ignore[arg-type]
        await until(lambda: connection.link is not None)
        store.busy = True
        await asyncio.sleep(0.4)
        store.busy = False
        await asyncio.sleep(0.2)
        assert platform.taken == 1


@pytest.mark.parametrize("single", [True, False])
async def test_its_end_leaves_no_socket_and_no_lease(single: bool) -> None:
    store = temporary_store(CLOCK)
    async with station() as platform:
        async with connecting(Phone(platform), store=store, single=single) as connection:
            await until(lambda: connection.link is not None and bool(platform.open))
            platform.say("rotate")
            await until(lambda: len(platform.open) == 2)
        await until(lambda: platform.open == [])
        assert await store.own("connection:desk", owner="another node", lease=timedelta(seconds=1))
