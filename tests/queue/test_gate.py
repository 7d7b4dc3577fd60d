"""The gate keeps everybody's place."""

import asyncio
import random

from ai_worker.queue.gate import Gate


async def test_who_comes_as_it_opens_does_not_overtake_who_waits() -> None:
    gate, through = Gate(), list[int]()

    async def pass_by(number: int) -> None:
        await gate.through()
        through.append(number)

    gate.shut()
    waiting = [asyncio.create_task(pass_by(number)) for number in range(3)]
    await asyncio.sleep(0)
    late = asyncio.create_task(pass_by(3))
    gate.unlock()
    await asyncio.gather(*waiting, late)

    assert through == [0, 1, 2, 3]


async def test_places_are_kept_however_often_it_is_shut_and_whoever_gives_up() -> None:
    chance = random.Random(20261122)
    gate, through = Gate(), list[int]()

    async def pass_by(number: int) -> None:
        await gate.through()
        through.append(number)

    coming: list[asyncio.Task[None]] = []
    for number in range(2_000):
        coming.append(asyncio.create_task(pass_by(number)))
        match chance.randrange(6):
            case 0:
                gate.shut()
            case 1:
                gate.unlock()
            case 2:
                chance.choice(coming).cancel()
            case 3:
                await asyncio.sleep(0)
    gate.unlock()
    await asyncio.gather(*coming, return_exceptions=True)

    assert through == [number for number, one in enumerate(coming) if not one.cancelled()]


async def test_who_has_to_come_back_is_first_again() -> None:
    gate, through = Gate(), list[str]()

    async def pass_by(name: str, *, again: bool = False) -> None:
        await gate.through(again=again)
        through.append(name)

    gate.shut()
    others = [asyncio.create_task(pass_by("other")) for _ in range(2)]
    await asyncio.sleep(0)
    back = asyncio.create_task(pass_by("back", again=True))
    await asyncio.sleep(0)
    gate.unlock()
    await asyncio.gather(back, *others)

    assert through == ["back", "other", "other"]
