"""What every store promises about a turn's progress: the record of what it did to business systems."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.model import ChatMessage, ToolCall
from ai_worker.conversation.progress import Act, Progress, ToolUse
from ai_worker.pipeline.store import RETENTION, LeaseLost
from tests.contract.material import OTHER, Stores, answered

LONGER_THAN_A_LEASE = timedelta(seconds=16)
ACT = Act(1, "act-1", "erp.cancel_order", {"order_id": "ORD12345", "why": {"note": "不要了\0"}})
BEGUN = Progress((ChatMessage("assistant", "", (ToolCall("call-1", "erp.cancel_order", "{}"),)),), (), (ACT,))
ENDED = Progress(
    (*BEGUN.talk, ChatMessage("tool", '{"status": "已取消"}', tool_call_id="call-1")),
    (ToolUse("erp.cancel_order", ACT.arguments, True, "ERP POST /cancel", 12.5),),
    (replace(ACT, told='{"status": "已取消"}', ok=True),),
)


async def test_a_turn_that_did_nothing_has_no_progress(stores: Stores) -> None:
    await stores.accept("在吗")

    assert (await stores.claim_one()).progress is None


async def test_the_next_claim_brings_what_was_kept_last(stores: Stores) -> None:
    await stores.accept("撤单")
    claim = await stores.claim_one()
    await stores.pipeline.keep(claim, BEGUN)
    stores.clock.advance(LONGER_THAN_A_LEASE)
    second = await stores.claim_one()
    await stores.pipeline.keep(second, ENDED)
    stores.clock.advance(LONGER_THAN_A_LEASE)

    assert second.progress == BEGUN
    assert (await stores.claim_one()).progress == ENDED


async def test_what_is_kept_is_one_messages_alone(stores: Stores) -> None:
    await stores.accept("撤单", "在吗")
    await stores.accept("你好", who="zhao")
    mine, other = sorted(await stores.claim(), key=lambda claim: claim.seq)
    await stores.pipeline.keep(mine, ENDED)
    await stores.finish(mine, answered())
    await stores.finish(other, answered())

    assert (await stores.claim_one()).progress is None


async def test_it_survives_a_retry_a_hold_and_a_dead_letter(stores: Stores) -> None:
    (turn,) = await stores.accept("撤单")
    claim = await stores.claim_one()
    await stores.pipeline.keep(claim, ENDED)
    await stores.pipeline.retry(claim, error="ValueError", until=stores.clock.now())
    retried = await stores.claim_one()
    await stores.pipeline.hold(retried, None, until=stores.clock.now())
    held = await stores.claim_one()
    await stores.pipeline.bury(held, error="ValueError", now=stores.clock.now())
    await stores.dead_letters.resubmit(turn, now=stores.clock.now())
    again = await stores.claim_one()

    assert [one.progress for one in (retried, held, again)] == [ENDED] * 3


async def test_who_has_lost_the_lease_keeps_nothing(stores: Stores) -> None:
    await stores.accept("撤单")
    slept = await stores.claim_one()
    stores.clock.advance(LONGER_THAN_A_LEASE)
    (taken,) = await stores.claim(owner=OTHER)

    with pytest.raises(LeaseLost):
        await stores.pipeline.keep(slept, BEGUN)
    await stores.pipeline.keep(taken, ENDED)
    with pytest.raises(LeaseLost):
        await stores.pipeline.keep(slept, BEGUN)
    await stores.finish(taken, answered())
    with pytest.raises(LeaseLost):
        await stores.pipeline.keep(taken, BEGUN)


async def test_it_is_forgotten_with_its_turn(stores: Stores) -> None:
    await stores.accept("撤单")
    claim = await stores.claim_one()
    await stores.pipeline.keep(claim, ENDED)
    await stores.finish(claim, answered())
    (letter,) = await stores.accept("毒消息", who="zhao")
    poison = await stores.claim_one()
    await stores.pipeline.keep(poison, BEGUN)
    await stores.pipeline.bury(poison, error="ValueError", now=stores.clock.now())
    await stores.dead_letters.drop(letter)
    assert await stores.count("progress") == 2
    stores.clock.advance(RETENTION + timedelta(days=1))

    await stores.forget()

    assert await stores.count("progress") == 0
