"""One token for all who need it: callers, nodes, restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ai_worker.channels.access_token import KEY, PAUSE_S, AccessToken
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed
from tests.channels.store import temporary_store


class Platform:
    """Gives out numbered tokens."""

    def __init__(self, *, delay_s: float = 0.0) -> None:
        self.fetches = 0
        self.fails = 0
        self._delay_s = delay_s

    async def __call__(self) -> tuple[str, float]:
        self.fetches += 1
        await asyncio.sleep(self._delay_s)
        if self.fails:
            self.fails -= 1
            raise SendFailed("platform", "busy", retry_after=1.0)
        return f"token-{self.fetches}", 7_200.0


def token(
    fetch: Callable[[], Awaitable[tuple[str, float]]], store: ChannelStore, clock: Clock, *, secret: str = "s-1"
) -> AccessToken:
    return AccessToken(fetch, channel="desk", secret=Secret(secret), store=store, clock=clock)


async def test_a_hundred_callers_at_once_share_one_fetch() -> None:
    clock = FixedClock()
    platform = Platform(delay_s=0.02)
    shared = token(platform, temporary_store(clock), clock)
    assert set(await asyncio.gather(*(shared.get() for _ in range(100)))) == {"token-1"}
    assert platform.fetches == 1


async def test_ten_nodes_at_once_share_one_fetch() -> None:
    clock = SystemClock()
    platform, store = Platform(delay_s=0.3), temporary_store(clock)
    nodes = [token(platform, store, clock) for _ in range(10)]
    assert set(await asyncio.gather(*(node.get() for node in nodes))) == {"token-1"}
    assert platform.fetches == 1


async def test_a_restart_finds_the_token_again() -> None:
    clock = FixedClock()
    platform, store = Platform(), temporary_store(clock)
    await token(platform, store, clock).get()
    assert await token(platform, store, clock).get() == "token-1"
    assert platform.fetches == 1


async def test_it_is_replaced_five_minutes_early_on_every_node() -> None:
    clock = FixedClock()
    platform, store = Platform(), temporary_store(clock)
    first, second = token(platform, store, clock), token(platform, store, clock)
    assert [await first.get(), await second.get()] == ["token-1", "token-1"]
    clock.advance(timedelta(seconds=6_899))
    assert await first.get() == "token-1"
    clock.advance(timedelta(seconds=1))
    assert [await second.get(), await first.get()] == ["token-2", "token-2"]
    assert platform.fetches == 2


async def test_a_refused_token_is_replaced_once_for_all_nodes() -> None:
    clock = FixedClock()
    platform, store = Platform(), temporary_store(clock)
    first, second = token(platform, store, clock), token(platform, store, clock)
    for node in (first, second):
        await node.get()
        node.drop("token-1")
    assert [await first.get(), await second.get()] == ["token-2", "token-2"]
    assert platform.fetches == 2


async def test_a_late_complaint_about_an_old_token_keeps_the_new_one() -> None:
    clock = FixedClock()
    platform = Platform()
    shared = token(platform, temporary_store(clock), clock)
    await shared.get()
    shared.drop("token-1")
    await shared.get()
    shared.drop("token-1")
    assert await shared.get() == "token-2"


async def test_after_a_failure_nobody_asks_again_for_a_moment_and_other_nodes_need_not_wait() -> None:
    clock = FixedClock()
    platform, store = Platform(), temporary_store(clock)
    platform.fails = 1
    shared, other = token(platform, store, clock), token(platform, store, clock)
    with pytest.raises(SendFailed):
        await shared.get()
    with pytest.raises(SendFailed):
        await shared.get()
    assert platform.fetches == 1
    assert await other.get() == "token-2"  # our turn was given back with the failure
    clock.advance(timedelta(seconds=PAUSE_S))
    assert await shared.get() == "token-2"


async def test_a_caller_that_goes_away_does_not_fail_the_others() -> None:
    clock = FixedClock()
    platform = Platform(delay_s=0.05)
    shared = token(platform, temporary_store(clock), clock)
    impatient, patient = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await asyncio.sleep(0.01)
    impatient.cancel()
    assert await patient == "token-1"


async def test_what_is_kept_is_sealed_with_the_applications_own_secret() -> None:
    clock = FixedClock()
    platform, store = Platform(), temporary_store(clock)
    await token(platform, store, clock).get()
    kept = await store.recall("desk", KEY)
    assert kept is not None
    assert "token-1" not in kept
    assert await token(platform, store, clock, secret="another").get() == "token-2"


async def test_its_end_leaves_no_fetch_behind() -> None:
    clock = FixedClock()
    shared = token(Platform(delay_s=60), temporary_store(clock), clock)
    waiting = asyncio.create_task(shared.get())
    await asyncio.sleep(0.01)
    await shared.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
