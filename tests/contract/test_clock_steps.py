"""The clock that decides what is due is set back two hours, or forward, while work waits or is being done."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ai_worker.pipeline.store import Claim, OutboundMessage
from tests.contract.material import ME, OTHER, Stores, answered

BACK, FORWARD = timedelta(hours=-2), timedelta(days=95)
LONGER_THAN_ANY_LEASE = timedelta(seconds=61)
LONGEST_DELAY = timedelta(minutes=15)
"""A postponed reply may be as late as this after the clock was set back."""

LOOKS = 3
"""A runner looks for work twice a second; what it sets right with one look, it finds with the next."""

STEPS = pytest.mark.parametrize(
    "steps", [(BACK,), (FORWARD,), (FORWARD, BACK), (BACK, BACK, FORWARD)], ids=["back", "forward", "to and fro", "all"]
)


def _step(stores: Stores, steps: tuple[timedelta, ...]) -> None:
    for step in steps:
        stores.clock.advance(step)


async def _look(claim: Callable[[], Awaitable[list[Claim]]]) -> list[Claim]:
    return [found for _ in range(LOOKS) for found in await claim()]


async def _look_out(claim: Callable[[], Awaitable[list[OutboundMessage]]]) -> list[OutboundMessage]:
    return [found for _ in range(LOOKS) for found in await claim()]


@STEPS
async def test_what_waits_is_answered_at_once_and_once(stores: Stores, steps: tuple[timedelta, ...]) -> None:
    (first,) = await stores.accept("第一句", who="li-lei")
    (second,) = await stores.accept("第二句", who="han-mei")

    _step(stores, steps)

    claims = await _look(stores.claim)
    assert sorted(claim.turn_id for claim in claims) == sorted([first, second])
    for claim in claims:
        await stores.finish(claim, answered())
    assert await _look(stores.claim) == []


@STEPS
async def test_a_turn_in_work_ends_and_the_next_begins(stores: Stores, steps: tuple[timedelta, ...]) -> None:
    first, second = await stores.accept("第一句", "第二句")
    claim = await stores.claim_one()
    assert claim.turn_id == first

    _step(stores, steps)
    await stores.finish(claim, answered())

    (following,) = await _look(stores.claim)
    assert following.turn_id == second


@STEPS
async def test_a_dead_owners_turn_comes_back_within_a_lease(stores: Stores, steps: tuple[timedelta, ...]) -> None:
    (turn,) = await stores.accept("在吗")
    await stores.claim(owner=OTHER)

    _step(stores, steps)
    claims = await _look(stores.claim)
    stores.clock.advance(LONGER_THAN_ANY_LEASE)

    assert [claim.turn_id for claim in claims or await _look(stores.claim)] == [turn]


async def test_a_turn_that_was_put_off_is_tried_again(stores: Stores) -> None:
    (turn,) = await stores.accept("在吗")
    claim = await stores.claim_one()
    await stores.pipeline.retry(claim, error="模型超时", until=stores.clock.now() + timedelta(seconds=60))

    stores.clock.advance(BACK)

    (again,) = await _look(stores.claim)
    assert (again.turn_id, again.attempt) == (turn, 2)


@STEPS
async def test_a_reply_whose_sender_died_comes_back_as_unsure(stores: Stores, steps: tuple[timedelta, ...]) -> None:
    await stores.accept("怎么退货")
    claim = await stores.claim_one()
    await stores.finish(claim, answered(), stores.outbound(claim, "可以退货。"))

    _step(stores, steps)
    found = await _look_out(lambda: stores.claim_outbound(owner=OTHER))
    stores.clock.advance(LONGER_THAN_ANY_LEASE)
    found = found or await _look_out(lambda: stores.claim_outbound(owner=OTHER))

    assert [(message.id, message.unsure) for message in found] == [(stores.outbound(claim, "可以退货。").id, True)]


async def test_a_persons_words_that_wait_go_out(stores: Stores) -> None:
    await stores.accept("转人工")
    claim = await stores.answer()
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())
    await stores.conversations.say(claim.conversation_id, "李雷", answered("我来帮您。").reply, stores.clock.now())  # type: ignore[arg-type]

    stores.clock.advance(BACK)

    (found,) = await _look_out(lambda: stores.claim_outbound(owner=ME))
    assert found.reply.text == "我来帮您。"


async def test_a_reply_that_was_put_off_goes_out_after_a_while(stores: Stores) -> None:
    await stores.accept("怎么退货")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)
    until = stores.clock.now() + timedelta(seconds=60)
    await stores.pipeline.postpone(reply, until=until, error="太忙", unsure=False)

    stores.clock.advance(BACK)
    found = await _look_out(lambda: stores.claim_outbound(owner=ME))
    stores.clock.advance(LONGEST_DELAY)

    assert [one.id for one in found or await _look_out(lambda: stores.claim_outbound(owner=ME))] == [reply.id]


async def test_a_reply_that_the_platform_wants_later_is_not_hurried(stores: Stores) -> None:
    await stores.accept("怎么退货")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)
    until = stores.clock.now() + timedelta(minutes=10)
    await stores.pipeline.postpone(reply, until=until, error="太忙", unsure=False)

    stores.clock.advance(timedelta(minutes=9))

    assert await _look_out(lambda: stores.claim_outbound(owner=ME)) == []
