"""Nodes that share a database come to share the pepper, which the database never has in the open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ai_worker.foundation.clock import FixedClock, SystemClock
from ai_worker.keys.joining import Introduction, PepperElsewhere, settle
from ai_worker.keys.pepper import find_pepper, keep_pepper
from ai_worker.storage.sqlite.keys import SqliteKeyStore

CLOCK = SystemClock()
AT_ONCE_S = 0.1


@asynccontextmanager
async def running(store: SqliteKeyStore, pepper: bytes) -> AsyncIterator[None]:
    """A node that answers whoever joins."""

    async def look() -> None:
        while True:
            await Introduction(store, pepper=pepper, clock=CLOCK).answer()
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


async def test_the_first_node_makes_the_pepper_and_finds_it_again(store: SqliteKeyStore, tmp_path: Path) -> None:
    first = await settle(tmp_path, store, clock=CLOCK)

    assert await settle(tmp_path, store, clock=CLOCK) == first == find_pepper(tmp_path)


async def test_a_node_that_joins_gets_it_from_one_that_runs(store: SqliteKeyStore, tmp_path: Path) -> None:
    first = await settle(tmp_path / "one", store, clock=CLOCK)

    async with running(store, first):
        joined = await settle(tmp_path / "two", store, clock=CLOCK)

    assert joined == first == find_pepper(tmp_path / "two")
    assert (tmp_path / "two" / "secrets" / "pepper").stat().st_mode & 0o777 == 0o400
    assert await settle(tmp_path / "two", store, clock=CLOCK) == first, "the next start needs nobody"


async def test_two_new_nodes_that_start_at_once_agree(store: SqliteKeyStore, tmp_path: Path) -> None:
    async def start(name: str) -> bytes:
        own = await settle(tmp_path / name, store, clock=CLOCK)
        async with running(store, own):
            await asyncio.sleep(1.0)
        return own

    one, two = await asyncio.gather(start("one"), start("two"))

    assert one == two == find_pepper(tmp_path / "one") == find_pepper(tmp_path / "two")


async def test_without_a_node_that_has_it_nothing_is_made_in_its_place(store: SqliteKeyStore, tmp_path: Path) -> None:
    await settle(tmp_path / "one", store, clock=CLOCK)

    with pytest.raises(PepperElsewhere):
        await settle(tmp_path / "two", store, clock=CLOCK, wait_s=AT_ONCE_S)

    assert find_pepper(tmp_path / "two") is None


async def test_a_pepper_that_lies_there_already_is_kept_and_the_difference_is_told(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    first = await settle(tmp_path / "one", store, clock=CLOCK)
    keep_pepper(tmp_path / "two", other := first[::-1])

    async with running(store, first):
        with capture_logs() as said:
            assert await settle(tmp_path / "two", store, clock=CLOCK) == other

    assert [line["event"] for line in said] == ["keys.pepper_differs"]
    assert find_pepper(tmp_path / "two") == other


async def test_a_node_with_another_pepper_answers_nobody_and_a_false_answer_is_not_taken(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    first = await settle(tmp_path / "one", store, clock=CLOCK)

    async with running(store, first[::-1]):
        with pytest.raises(PepperElsewhere):
            await settle(tmp_path / "two", store, clock=CLOCK, wait_s=AT_ONCE_S)

    joining = asyncio.create_task(settle(tmp_path / "two", store, clock=CLOCK))
    while len(asked := await store.asked(since=CLOCK.now() - timedelta(minutes=1))) < 2:
        await asyncio.sleep(0.02)
    await store.answer(asked[-1].id, b"\x00" * 80)
    with pytest.raises(PepperElsewhere):
        await joining
    assert find_pepper(tmp_path / "two") is None


async def test_an_old_request_is_answered_by_nobody_and_the_answer_says_nothing_by_itself(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    first = await settle(tmp_path / "one", store, clock=CLOCK)
    with pytest.raises(PepperElsewhere):
        await settle(tmp_path / "two", store, clock=CLOCK, wait_s=AT_ONCE_S)
    (request,) = await store.asked(since=CLOCK.now() - timedelta(minutes=1))

    late = FixedClock(CLOCK.now() + timedelta(minutes=2))
    await Introduction(store, pepper=first, clock=late).answer()
    assert await store.take_answer(request.id) is None

    await Introduction(store, pepper=first, clock=CLOCK).answer()
    sealed = await store.take_answer(request.id)
    assert sealed is not None
    assert first not in sealed
