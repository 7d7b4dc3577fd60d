"""What every store of first answers promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from ai_worker.pipeline.answers import KEPT, LARGEST, FirstAnswer
from tests.contract.material import Stores

PLACE, OTHER = bytes(range(32)), bytes(32)
A_MOMENT = timedelta(microseconds=1)


def _first(stores: Stores, body: bytes | None = '{"text":"可以退货。"}'.encode(), place: bytes = PLACE) -> FirstAnswer:
    return FirstAnswer(place, b"d" * 32, 202, "application/json", body, stores.clock.now())


async def _find(stores: Stores, place: bytes = PLACE) -> FirstAnswer | None:
    return await stores.answers.find(place, now=stores.clock.now())


async def test_an_answer_comes_back_as_it_was_kept(stores: Stores) -> None:
    first = _first(stores)

    assert await stores.answers.keep(first) == first

    assert await _find(stores) == first
    assert await _find(stores, OTHER) is None


async def test_bytes_of_any_kind_and_size_and_none_at_all_are_kept(stores: Stores) -> None:
    for place, body in ((b"1", b"\x00\xff"), (b"2", b""), (b"3", b"x" * LARGEST), (b"4", None)):
        await stores.answers.keep(_first(stores, body, place))

        found = await _find(stores, place)
        assert found is not None
        assert found.body == body


async def test_the_first_answer_stands_whatever_comes_later(stores: Stores) -> None:
    first = await stores.answers.keep(_first(stores))
    stores.clock.advance(KEPT - A_MOMENT)
    later = replace(_first(stores, b"another"), digest=b"e" * 32)

    assert await stores.answers.keep(later) == first
    assert await _find(stores) == first


async def test_of_many_at_once_one_stands_and_all_are_told_which(stores: Stores) -> None:
    kept = await asyncio.gather(*(stores.answers.keep(_first(stores, b"%d" % n)) for n in range(20)))

    assert {answer.body for answer in kept} == {kept[0].body}
    assert await _find(stores) == kept[0]


async def test_after_its_time_an_answer_gives_way(stores: Stores) -> None:
    await stores.answers.keep(_first(stores, b"old"))
    stores.clock.advance(KEPT)
    assert await _find(stores) is None

    fresh = _first(stores, b"new")

    assert await stores.answers.keep(fresh) == fresh
    assert await _find(stores) == fresh


async def test_what_is_past_its_time_is_swept_and_nothing_else(stores: Stores) -> None:
    old = _first(stores, b"old")
    for n in range(450):
        await stores.answers.keep(replace(old, place=b"old %d" % n))
    stores.clock.advance(KEPT)
    young = await stores.answers.keep(_first(stores, b"young"))

    await stores.forget()

    assert await stores.answers.find(b"old 1", now=old.at) is None
    assert await _find(stores) == young
