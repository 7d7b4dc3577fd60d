"""What every store of ratings promises."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.learning.feedback import Mark, Rating
from ai_worker.pipeline.store import RETENTION
from tests.contract.material import Stores


def rating(stores: Stores, turn: str, mark: Mark = "up", contact: str = "wang-fang", **words: Any) -> Rating:
    return Rating(turn, mark, stores.clock.now(), "service-desk", contact, **words)


async def test_a_rating_comes_back_as_it_was_given(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    said = rating(stores, turn, "down", reason="答非所问", correct_answer="七天内可以退货。")

    assert await stores.feedback.record(said)

    assert await stores.feedback.of_turn(turn) == [said]
    assert await stores.feedback.of_turn("t-2") == []


async def test_of_an_unknown_answer_nothing_is_kept(stores: Stores) -> None:
    assert not await stores.feedback.record(rating(stores, "t-unknown"))
    assert await stores.feedback.of_turn("t-unknown") == []


async def test_a_contact_who_says_otherwise_is_counted_once(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    first = rating(stores, turn, "up")
    await stores.feedback.record(first)
    stores.clock.advance(timedelta(seconds=5))
    second = rating(stores, turn, "down", reason="其实不对")
    other = rating(stores, turn, "up", contact="lin-xiaoyan")
    for said in (second, other, second):
        assert await stores.feedback.record(said)

    assert await stores.feedback.of_turn(turn) == [second, other]
    assert await stores.feedback.record(first), "it came late, and the turn is known"
    assert await stores.feedback.of_turn(turn) == [second, other]


async def test_what_is_taken_back_is_forgotten_and_can_be_said_anew(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    first = rating(stores, turn, "down")
    await stores.feedback.record(first)
    stores.clock.advance(timedelta(seconds=5))
    back = replace(rating(stores, turn), withdrawn=True)
    other = rating(stores, turn, contact="lin-xiaoyan")
    await stores.feedback.record(other)

    assert await stores.feedback.record(back)
    assert await stores.feedback.of_turn(turn) == [other]
    stores.clock.advance(timedelta(seconds=5))
    again = rating(stores, turn, "up")
    await stores.feedback.record(again)
    assert await stores.feedback.record(back), "it came late"
    assert await stores.feedback.of_turn(turn) == [other, again]
    assert not await stores.feedback.record(replace(back, turn_id="t-unknown"))


async def test_the_same_contact_on_two_channels_is_two(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    here, there = rating(stores, turn), replace(rating(stores, turn), channel="site")
    await stores.feedback.record(here)
    await stores.feedback.record(there)
    assert await stores.feedback.of_turn(turn) == [here, there]


async def test_ratings_are_forgotten_with_their_turn(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    await stores.answer()
    await stores.feedback.record(rating(stores, turn))
    stores.clock.advance(RETENTION - timedelta(days=1))
    await stores.forget()
    assert await stores.feedback.of_turn(turn) != []

    stores.clock.advance(timedelta(days=2))
    await stores.forget()

    assert await stores.feedback.of_turn(turn) == []
    assert not await stores.feedback.record(rating(stores, turn))


async def test_the_latest_answer_that_may_be_rated_is_found(stores: Stores) -> None:
    assert await stores.feedback.latest_answer("service-desk", "wang-fang") is None
    (turn,) = await stores.accept("怎么退货？")
    assert await stores.feedback.latest_answer("service-desk", "wang-fang") is None, "it is not answered yet"
    (claim,) = await stores.pipeline.claim(owner="run-1", limit=9, now=stores.clock.now())
    answer = TurnResult("answer", Reply("七天内可以退货。", rateable=True))
    await stores.pipeline.finish(claim, answer, [], now=stores.clock.now(), response_ms=1.0)
    await stores.accept("谢谢")
    (claim,) = await stores.pipeline.claim(owner="run-1", limit=9, now=stores.clock.now())
    thanks = TurnResult("answer", Reply("不客气。"))
    await stores.pipeline.finish(claim, thanks, [], now=stores.clock.now(), response_ms=1.0)

    assert await stores.feedback.latest_answer("service-desk", "wang-fang") == turn
    assert await stores.feedback.latest_answer("service-desk", "lin-xiaoyan") is None
    assert await stores.feedback.latest_answer("site", "wang-fang") is None
