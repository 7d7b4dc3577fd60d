"""What every store promises about messages that nobody asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.pipeline.store import OutboundMessage, ProactiveMessage
from tests.contract.material import ME, OTHER, Stores, answered

ROBOT = "alerts"


async def push(stores: Stores, *texts: str, urgent: bool = False, to: str = "group:运维") -> None:
    for text in texts:
        address = {"chat": to}
        message = ProactiveMessage(text, ROBOT, to, address, Reply(text), stores.clock.now(), urgent)
        assert await stores.pipeline.push(message)


async def sent(stores: Stores) -> list[str]:
    """Send everything that is due, one after the other, and return the words."""
    texts = []
    while rows := await stores.claim_outbound():
        for row in rows:
            texts.append(row.reply.text)
            await stores.pipeline.settle(row, "delivered", now=stores.clock.now())
    return texts


async def claimed(stores: Stores) -> OutboundMessage:
    (row,) = await stores.claim_outbound()
    return row


async def test_a_message_waits_to_be_claimed_as_it_was_said(stores: Stores) -> None:
    await push(stores, "磁盘快满了")
    row = await claimed(stores)
    assert (row.id, row.channel, row.kind, row.turn_id) == ("磁盘快满了", ROBOT, "proactive", "")
    assert (row.reply.text, row.address, row.attempt) == ("磁盘快满了", {"chat": "group:运维"}, 1)
    assert await stores.claim_outbound() == []


async def test_the_same_id_is_one_message(stores: Stores) -> None:
    message = ProactiveMessage("p-1", ROBOT, "", {}, Reply("磁盘快满了"), stores.clock.now())
    assert await stores.pipeline.push(message)
    assert not await stores.pipeline.push(replace(message, reply=Reply("别的"), urgent=True))
    assert await sent(stores) == ["磁盘快满了"]
    assert not await stores.pipeline.push(message)
    assert await sent(stores) == []


async def test_targets_do_not_wait_for_one_another_and_nobody_sees_their_conversations(stores: Stores) -> None:
    await push(stores, "一", "二")
    await push(stores, "三", to="group:销售")
    rows = await stores.claim_outbound()
    assert [row.reply.text for row in rows] == ["一", "三"]
    assert await stores.conversations.conversations() == []
    assert sum((await stores.conversations.counts()).values()) == 0


async def test_a_push_does_not_stand_before_the_answer_to_the_same_contact(stores: Stores) -> None:
    await push(stores, "通知", to="wang-fang")
    await claimed(stores)
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    begun = await stores.pipeline.finish(
        claim, answered(), [stores.outbound(claim, "可以退货。")], now=stores.clock.now(), response_ms=1.0
    )
    assert len(begun) == 1


async def test_urgent_ones_go_first_in_the_order_in_which_they_were_said(stores: Stores) -> None:
    await push(stores, "一", "二")
    await push(stores, "急一", "急二", urgent=True)
    await push(stores, "三")
    assert await sent(stores) == ["急一", "急二", "一", "二", "三"]


async def test_an_urgent_one_waits_for_what_is_being_sent_and_for_nothing_else(stores: Stores) -> None:
    await push(stores, "一", "二")
    first = await claimed(stores)
    await push(stores, "急", urgent=True)
    assert await stores.claim_outbound() == [], "one at a time"

    later = stores.clock.now() + timedelta(minutes=1)
    await stores.pipeline.postpone(first, until=later, error="", unsure=False, counts=False)
    urgent = await claimed(stores)
    assert urgent.reply.text == "急"
    await stores.pipeline.settle(urgent, "delivered", now=stores.clock.now())
    assert await stores.claim_outbound() == [], "the first has to wait still"
    stores.clock.advance(timedelta(minutes=1))
    assert await sent(stores) == ["一", "二"]


async def test_an_urgent_one_overtakes_one_that_waits_for_its_next_try(stores: Stores) -> None:
    await push(stores, "一")
    first = await claimed(stores)
    await stores.pipeline.postpone(first, until=stores.clock.now() + timedelta(hours=1), error="忙", unsure=True)
    await push(stores, "急", urgent=True)
    assert await sent(stores) == ["急"]
    stores.clock.advance(timedelta(hours=1))
    again = await claimed(stores)
    assert (again.reply.text, again.attempt, again.unsure) == ("一", 2, True)


async def test_what_was_not_sent_is_no_attempt(stores: Stores) -> None:
    await push(stores, "一")
    for _ in range(20):
        row = await claimed(stores)
        assert (row.attempt, row.unsure) == (1, False)
        until = stores.clock.now() + timedelta(seconds=30)
        await stores.pipeline.postpone(row, until=until, error="", unsure=False, counts=False)
        await stores.pipeline.postpone(row, until=until, error="", unsure=False, counts=False)
        assert await stores.claim_outbound() == []
        stores.clock.advance(timedelta(seconds=30))
    assert await sent(stores) == ["一"]


async def test_channels_that_are_connected_elsewhere_are_left_to_others(stores: Stores) -> None:
    await push(stores, "一")
    now = stores.clock.now()
    claim = stores.pipeline.claim_outbound
    assert await claim(owner=ME, limit=9, now=now, without=["site", ROBOT]) == []
    assert await claim(owner=ME, limit=9, now=now, without=["alert", "alertss"]) != []


async def test_what_waits_goes_out_as_one_in_its_order(stores: Stores) -> None:
    await push(stores, "一", "二")
    row = await claimed(stores)
    await push(stores, "三", "四")
    await push(stores, "急", urgent=True)

    merged = await stores.pipeline.merge(row, most_bytes=1_000)

    assert merged == replace(row, reply=Reply("一\n\n急\n\n二\n\n三\n\n四"))
    await stores.pipeline.settle(merged, "delivered", now=stores.clock.now())
    assert await stores.claim_outbound() == []
    await push(stores, "五")
    assert await sent(stores) == ["五"]


@pytest.mark.parametrize(("most", "words"), [(2, "一"), (8, "一\n\n二"), (12, "一\n\n二"), (13, "一\n\n二\n\n三")])
async def test_no_more_is_merged_than_fits(stores: Stores, most: int, words: str) -> None:
    await push(stores, "一", "二", "三")
    row = await stores.pipeline.merge(await claimed(stores), most_bytes=most)
    assert row.reply.text == words
    await stores.pipeline.settle(row, "sent", now=stores.clock.now())
    assert "\n\n".join([words, *await sent(stores)]) == "一\n\n二\n\n三"


async def test_a_crash_after_the_merging_repeats_the_same_words(stores: Stores) -> None:
    await push(stores, "一", "二")
    merged = await stores.pipeline.merge(await claimed(stores), most_bytes=1_000)
    await push(stores, "三")
    await stores.pipeline.recover(owner=OTHER)

    (again,) = await stores.claim_outbound(owner=OTHER)
    assert (again.id, again.reply, again.unsure) == (merged.id, merged.reply, True)
    assert await stores.pipeline.merge(merged, most_bytes=1_000) == merged, "it is not its sender's any more"
    await stores.pipeline.settle(again, "delivered", now=stores.clock.now())
    assert await sent(stores) == ["三"]


async def test_what_was_tried_alone_stays_alone(stores: Stores) -> None:
    await push(stores, "一", "二")
    tried = await claimed(stores)
    await stores.pipeline.postpone(tried, until=stores.clock.now(), error="忙", unsure=True)
    await push(stores, "急", urgent=True)
    urgent = await claimed(stores)
    assert (await stores.pipeline.merge(urgent, most_bytes=1_000)).reply.text == "急"


async def test_a_merged_message_that_fails_is_one_dead_letter_with_all_the_words(stores: Stores) -> None:
    await push(stores, "一", "二")
    merged = await stores.pipeline.merge(await claimed(stores), most_bytes=1_000)
    await stores.pipeline.settle(merged, "failed", now=stores.clock.now(), error="机器人被删除")

    (letter,) = await stores.dead_letters.dead_letters()
    assert letter.text == "一\n\n二"
    await stores.dead_letters.resubmit(merged.id, now=stores.clock.now())
    assert await sent(stores) == ["一\n\n二"]
