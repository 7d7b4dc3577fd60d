"""What every pipeline store promises about replies on their way out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.pipeline.store import Claim, FinalState
from tests.contract.material import ME, OTHER, Stores, answered

LONGER_THAN_A_SEND = timedelta(minutes=6)
FINAL: list[FinalState] = ["delivered", "sent", "unknown", "failed", "expired"]


async def test_a_finished_turns_reply_is_being_sent_already(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    await stores.answer(deliver=False)

    assert await stores.claim_outbound() == []
    assert await stores.claim_outbound(owner=OTHER) == []


async def test_a_reply_whose_sender_died_comes_back_as_unsure(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)
    stores.clock.advance(LONGER_THAN_A_SEND)

    (again,) = await stores.claim_outbound(owner=OTHER)

    assert again == replace(reply, attempt=2, unsure=True)


@pytest.mark.parametrize("state", FINAL)
async def test_a_settled_reply_stays_settled(stores: Stores, state: FinalState) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)

    await stores.pipeline.settle(reply, state, now=stores.clock.now(), error="说明", platform_id="p-1")
    await stores.pipeline.settle(reply, "failed", now=stores.clock.now(), error="太迟")
    await stores.pipeline.postpone(reply, until=stores.clock.now(), error="太迟", unsure=True)

    stores.clock.advance(LONGER_THAN_A_SEND)
    assert await stores.claim_outbound() == []
    line = (await stores.conversations.thread(claim.conversation_id))[-1]
    assert (line.delivery, line.error) == (state, "说明")


@pytest.mark.parametrize("unsure", [False, True])
async def test_a_postponed_reply_comes_back_at_its_time(stores: Stores, unsure: bool) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)
    until = stores.clock.now() + timedelta(seconds=20)

    await stores.pipeline.postpone(reply, until=until, error="太忙", unsure=unsure)

    assert await stores.claim_outbound() == []
    assert await stores.pipeline.next_due(now=stores.clock.now()) == until
    stores.clock.advance(timedelta(seconds=20))
    (again,) = await stores.claim_outbound()
    assert again == replace(reply, attempt=2, unsure=unsure)


async def _postponed(stores: Stores, text: str, *, seconds: int) -> Claim:
    await stores.accept(text)
    claim = await stores.claim_one()
    reply = stores.outbound(claim, f"答{text}")
    await stores.finish(claim, answered(), reply)
    until = stores.clock.now() + timedelta(seconds=seconds)
    await stores.pipeline.postpone(reply, until=until, error="太忙", unsure=False)
    return claim


async def test_a_reply_never_overtakes_an_earlier_one_of_its_conversation(stores: Stores) -> None:
    await _postponed(stores, "第一句", seconds=60)
    await _postponed(stores, "第二句", seconds=5)
    stores.clock.advance(timedelta(seconds=30))

    assert await stores.claim_outbound() == [], "the second is due, but behind the first"
    stores.clock.advance(timedelta(seconds=30))
    (first,) = await stores.claim_outbound()
    assert first.reply.text == "答第一句"
    assert await stores.claim_outbound() == [], "one at a time"
    await stores.pipeline.settle(first, "delivered", now=stores.clock.now())
    (second,) = await stores.claim_outbound()
    assert second.reply.text == "答第二句"


async def test_what_moves_up_keeps_its_own_time(stores: Stores) -> None:
    await _postponed(stores, "第一句", seconds=5)
    await _postponed(stores, "第二句", seconds=60)
    stores.clock.advance(timedelta(seconds=10))
    (first,) = await stores.claim_outbound()

    await stores.pipeline.settle(first, "failed", now=stores.clock.now(), error="已停用")

    assert await stores.claim_outbound() == []
    stores.clock.advance(timedelta(seconds=60))
    assert len(await stores.claim_outbound()) == 1


async def test_one_conversations_trouble_is_not_anothers(stores: Stores) -> None:
    await _postponed(stores, "第一句", seconds=3600)
    await stores.accept("你好", who="zhao")
    claim = await stores.claim_one()
    await stores.finish(claim, answered(), stores.outbound(claim, "您好"))
    stores.clock.advance(LONGER_THAN_A_SEND)

    (other,) = await stores.claim_outbound()

    assert other.reply.text == "您好"


async def test_a_persons_words_are_due_at_once_and_go_where_the_contact_last_wrote_from(stores: Stores) -> None:
    await stores.accept("我要人工", address={"touser": "old"})
    claim = await stores.answer()
    await stores.accept("快点", address={"touser": "new"})
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())

    outbound_id = await stores.conversations.say(claim.conversation_id, "李雷", Reply("我来了。"), stores.clock.now())

    (sent,) = await stores.claim_outbound(owner=ME)
    assert (sent.id, sent.kind, sent.attempt, sent.unsure) == (outbound_id, "human", 1, False)
    assert (sent.channel, sent.address, sent.reply) == ("service-desk", {"touser": "new"}, Reply("我来了。"))


async def test_a_persons_words_wait_for_the_reply_before_them(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "请稍候，正在转人工。")
    await stores.finish(claim, answered(), reply)
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())
    await stores.conversations.say(claim.conversation_id, "李雷", Reply("我来了。"), stores.clock.now())

    assert await stores.claim_outbound() == []
    await stores.pipeline.settle(reply, "delivered", now=stores.clock.now())
    (sent,) = await stores.claim_outbound()
    assert sent.kind == "human"


async def test_finish_gives_out_a_reply_only_if_nothing_is_before_it(stores: Stores) -> None:
    await _postponed(stores, "第一句", seconds=60)
    await stores.accept("第二句")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "答第二句")

    to_send = await stores.pipeline.finish(claim, answered(), [reply], now=stores.clock.now(), response_ms=1.0)

    assert to_send == []
    stores.clock.advance(timedelta(seconds=60))
    (first,) = await stores.claim_outbound()
    assert await stores.pipeline.settle(first, "delivered", now=stores.clock.now()) is True
    (second,) = await stores.claim_outbound()
    assert second == replace(reply, attempt=1)
    assert await stores.pipeline.settle(second, "delivered", now=stores.clock.now()) is False


async def test_a_reply_waits_for_the_notice_that_is_being_sent(stores: Stores) -> None:
    await stores.accept("帮我写一份总结")
    claim = await stores.claim_one()
    notice, reply = stores.outbound(claim, "正在处理。", "holding"), stores.outbound(claim, "总结如下。")

    assert await stores.pipeline.announce(claim, notice) == [notice]
    finished = await stores.pipeline.finish(claim, answered(), [reply], now=stores.clock.now(), response_ms=1.0)

    assert finished == []
    assert await stores.claim_outbound() == []
    assert await stores.pipeline.settle(notice, "delivered", now=stores.clock.now()) is True
    assert [row.reply.text for row in await stores.claim_outbound()] == ["总结如下。"]


async def test_a_repeated_finish_gives_the_same_reply_out_again(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    now = stores.clock.now()

    first = await stores.pipeline.finish(claim, answered(), [reply], now=now, response_ms=1.0)
    again = await stores.pipeline.finish(claim, answered(), [reply], now=now, response_ms=1.0)

    assert first == again == [reply], "whoever did not hear of the first must still send it; begin() drops repeats"


async def test_a_held_message_has_not_failed(stores: Stores) -> None:
    await stores.accept("帮我写一份总结")
    for _ in range(8):
        claim = await stores.claim_one()
        assert claim.attempt == 1
        await stores.pipeline.hold(claim, None, until=stores.clock.now())
