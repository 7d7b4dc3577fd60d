"""What every store that channels remember in promises."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import VALUE_BYTES
from ai_worker.pipeline.sending import Limit, Need
from tests.channels.store import temporary_store
from tests.contract.material import Stores

DESK = "service-desk"
ROBOT = Limit("robot", 18, 61.0)
LEASE = timedelta(seconds=15)


def one_of(*limits: Limit) -> list[Need]:
    return [Need(limit) for limit in limits]


async def spend(stores: Stores, limit: Limit, *, times: int = 1, count: int = 1) -> list[float]:
    return await stores.channels.spend(DESK, [[Need(limit, count)]] * times)


def later(stores: Stores, seconds: float) -> None:
    stores.clock.advance(timedelta(seconds=seconds))


async def test_what_is_remembered_is_recalled_by_its_channel(stores: Stores) -> None:
    await stores.channels.remember(DESK, "cursor", "旧")
    await stores.channels.remember(DESK, "cursor", "新的位置")

    assert await stores.channels.recall(DESK, "cursor") == "新的位置"
    assert await stores.channels.recall("another", "cursor") is None
    await stores.channels.forget(DESK, "cursor")
    await stores.channels.forget(DESK, "cursor")
    assert await stores.channels.recall(DESK, "cursor") is None


async def test_what_is_remembered_until_a_moment_is_gone_then(stores: Stores) -> None:
    await stores.channels.remember(DESK, "token", "sealed", until=stores.clock.now() + timedelta(seconds=60))
    later(stores, 59)
    assert await stores.channels.recall(DESK, "token") == "sealed"
    later(stores, 1)
    assert await stores.channels.recall(DESK, "token") is None

    await stores.channels.remember(DESK, "token", "for ever")
    later(stores, 10_000_000)
    assert await stores.channels.recall(DESK, "token") == "for ever"


async def test_a_value_that_is_no_small_thing_is_refused(stores: Stores) -> None:
    await stores.channels.remember(DESK, "card", "字" * (VALUE_BYTES // 3))
    with pytest.raises(ValueError, match="at most"):
        await stores.channels.remember(DESK, "card", "字" * (VALUE_BYTES // 3 + 1))


async def test_a_lease_has_one_owner_until_it_runs_out(stores: Stores) -> None:
    assert await stores.channels.own("bot", owner="a", lease=LEASE)
    assert not await stores.channels.own("bot", owner="b", lease=LEASE)
    assert await stores.channels.own("another bot", owner="b", lease=LEASE)
    later(stores, 14)
    assert await stores.channels.own("bot", owner="a", lease=LEASE)
    later(stores, 14)
    assert not await stores.channels.own("bot", owner="b", lease=LEASE)
    later(stores, 1)
    assert await stores.channels.own("bot", owner="b", lease=LEASE)
    assert not await stores.channels.own("bot", owner="a", lease=LEASE)


async def test_a_lease_that_is_given_back_is_free_at_once(stores: Stores) -> None:
    await stores.channels.own("bot", owner="a", lease=LEASE)
    await stores.channels.disown("bot", owner="b")
    assert not await stores.channels.own("bot", owner="b", lease=LEASE)
    await stores.channels.disown("bot", owner="a")
    assert await stores.channels.own("bot", owner="b", lease=LEASE)


async def test_of_many_at_once_one_takes_a_lease(stores: Stores) -> None:
    owners = [f"node-{n}" for n in range(20)]
    taken = await asyncio.gather(*(stores.channels.own("bot", owner=owner, lease=LEASE) for owner in owners))
    assert sum(taken) == 1


async def test_a_clock_that_was_set_back_prolongs_a_lease_by_its_own_length_at_most(stores: Stores) -> None:
    await stores.channels.own("bot", owner="a", lease=LEASE)
    later(stores, -3_600)
    assert not await stores.channels.own("bot", owner="b", lease=LEASE)
    later(stores, 15)
    assert await stores.channels.own("bot", owner="b", lease=LEASE)


async def test_no_more_than_the_limit_goes_out_in_any_window(stores: Stores) -> None:
    assert await spend(stores, ROBOT, times=10) == [0.0] * 10
    later(stores, 30)
    assert (await spend(stores, ROBOT, times=10))[:8] == [0.0] * 8
    assert await spend(stores, ROBOT) == [31.0]
    later(stores, 31)
    assert await spend(stores, ROBOT, times=10) == [0.0] * 10
    assert await spend(stores, ROBOT) == [30.0]


async def test_those_who_wait_are_told_different_moments(stores: Stores) -> None:
    waits = await spend(stores, ROBOT, times=40)
    assert waits == [0.0] * 18 + [61.0] * 18 + [122.0] * 4
    later(stores, 61)
    assert await spend(stores, ROBOT, times=18) == [0.0] * 18, "what waited has taken nothing yet"


async def test_a_message_takes_of_all_its_limits_or_of_none(stores: Stores) -> None:
    member, total = Limit("member:王芳", 1, 60.0), Limit("total", 3, 10.0)
    assert await stores.channels.spend(DESK, [one_of(member, total), one_of(total, member)]) == [0.0, 60.0]
    assert await spend(stores, total, times=3) == [0.0, 0.0, 10.0]


async def test_one_that_waits_is_not_overtaken_by_those_behind_it(stores: Stores) -> None:
    await spend(stores, ROBOT, times=16)
    later(stores, 10)
    waits = await stores.channels.spend(DESK, [[Need(ROBOT, 4)], [Need(ROBOT)], [Need(ROBOT)]])
    assert waits == [51.0, 51.0, 51.0]


async def test_limits_are_counted_by_channel_and_key(stores: Stores) -> None:
    await spend(stores, ROBOT, times=18)
    assert await stores.channels.spend("another", [one_of(ROBOT)]) == [0.0]
    assert await spend(stores, Limit("robot:2", 18, 61.0)) == [0.0]
    assert await stores.channels.spend(DESK, [[], one_of(ROBOT), []]) == [0.0, 61.0, 0.0]
    assert await stores.channels.spend(DESK, []) == []


async def test_a_message_of_more_pieces_than_a_limit_allows_finds_it_unused(stores: Stores) -> None:
    await spend(stores, ROBOT)
    later(stores, 1)
    assert await spend(stores, ROBOT, count=20) == [60.0]
    later(stores, 60)
    assert await spend(stores, ROBOT, count=20) == [0.0]
    later(stores, 60)
    assert await spend(stores, ROBOT) == [1.0]


async def test_what_the_platform_has_blocked_waits_until_its_end(stores: Stores) -> None:
    await stores.channels.block(DESK, "robot", seconds=600)
    await stores.channels.block(DESK, "robot", seconds=5)
    assert await spend(stores, ROBOT) == [600.0]
    assert await spend(stores, Limit("robot:2", 18, 61.0)) == [0.0]
    later(stores, 599)
    assert await spend(stores, ROBOT) == [1.0]
    later(stores, 1)
    assert await spend(stores, ROBOT, times=18) == [0.0] * 18
    await stores.channels.block(DESK, "robot", seconds=5)
    assert await spend(stores, ROBOT) == [61.0]


async def test_after_the_clock_was_set_back_nobody_waits_longer_and_nothing_is_exceeded(stores: Stores) -> None:
    await spend(stores, ROBOT, times=18)
    later(stores, -3_600)
    assert await spend(stores, ROBOT) == [61.0]
    later(stores, 60)
    assert await spend(stores, ROBOT) == [1.0]
    later(stores, 1)
    assert await spend(stores, ROBOT, times=18) == [0.0] * 18

    await stores.channels.block(DESK, "robot", seconds=600)
    later(stores, -3_600)
    assert await spend(stores, ROBOT) == [600.0]
    later(stores, 600)
    assert await spend(stores, ROBOT) == [0.0]


async def test_nodes_that_spend_at_once_do_not_exceed_together(stores: Stores) -> None:
    async def until_heard() -> list[float]:
        while True:
            try:
                return await spend(stores, ROBOT, times=3)
            except Busy:  # the others hold the limit's row for too long: asked again, as the governor does
                await asyncio.sleep(0.05)

    waits = await asyncio.gather(*(until_heard() for _ in range(20)))
    assert sum(wait == 0.0 for some in waits for wait in some) == 18


async def test_a_large_limit_is_never_exceeded_and_comes_back_a_slice_late_at_most(stores: Stores) -> None:
    day = Limit("company", 1_000, 86_400.0)
    sent: list[tuple[float, int]] = []
    start = stores.clock.monotonic()
    while stores.clock.monotonic() - start < 3 * day.seconds:
        free = (await spend(stores, day, times=90)).count(0.0)
        sent.append((stores.clock.monotonic(), free))
        later(stores, 3_601)
    assert _most(sent, day.seconds) <= day.most
    assert sum(count for _, count in sent) >= 2.9 * day.most, "and what comes back is used again"


def _most(sent: Sequence[tuple[float, int]], seconds: float) -> int:
    return max(sum(count for at, count in sent if begin <= at < begin + seconds) for begin, _ in sent)


@given(
    steps=st.lists(st.tuples(st.floats(0.0, 40.0), st.integers(1, 12), st.integers(1, 4)), min_size=5, max_size=40),
    most=st.sampled_from([1, 5, 18, 100, 101, 130]),
)
@settings(max_examples=40, deadline=None)
def test_whatever_comes_no_window_is_exceeded(steps: list[tuple[float, int, int]], most: int) -> None:
    async def run() -> None:
        clock = FixedClock()
        store, limit = temporary_store(clock), Limit("robot", most, 61.0)
        sent: list[tuple[float, int]] = []
        for pause, times, count in steps:
            clock.advance(timedelta(seconds=pause))
            waits = await store.spend(DESK, [[Need(limit, min(count, most))]] * times)
            sent.append((clock.monotonic(), waits.count(0.0) * min(count, most)))
            assert all(wait >= 0 for wait in waits)
        assert _most(sent, 61.0 - 1e-6) <= most

    asyncio.run(run())


async def test_what_is_over_is_forgotten_and_what_holds_is_not(stores: Stores) -> None:
    await stores.channels.remember(DESK, "token", "sealed", until=stores.clock.now() + timedelta(seconds=60))
    await stores.channels.remember(DESK, "cursor", "位置")
    await stores.channels.block(DESK, "robot", seconds=86_400)
    await spend(stores, Limit("member:王芳", 30, 60.0))
    later(stores, 2 * 3_600)
    await stores.forget()

    assert await stores.sweep(stores.clock.now()) == 0
    assert await stores.channels.recall(DESK, "cursor") == "位置"
    assert (await spend(stores, ROBOT))[0] > 0
    later(stores, 2 * 86_400)
    assert await stores.sweep(stores.clock.now()) == 1, "the block is over"


async def test_how_much_of_a_limit_is_used_up_can_be_looked_at_without_using_it(stores: Stores) -> None:
    robot, other = Limit("robot", 18, 61.0), Limit("other", 18, 61.0)
    assert [one.used for one in await stores.channels.usage("desk", [robot, other])] == [0, 0]
    await stores.channels.spend("desk", [[Need(robot, 3)], [Need(robot)]])
    await stores.channels.block("desk", "robot", seconds=600)

    for _ in range(2):
        (used, untouched) = await stores.channels.usage("desk", [robot, other])
        assert (used.limit, used.used) == (robot, 4)
        assert 590 < used.blocked_s <= 600
        assert (untouched.used, untouched.blocked_s) == (0, 0.0)
    assert [one.used for one in await stores.channels.usage("elsewhere", [robot])] == [0]
