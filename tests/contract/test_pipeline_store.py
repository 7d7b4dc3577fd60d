"""What every pipeline store promises about accepting, lanes and leases."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Contact, Part, Reply, Utterance
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, Claim, IdReused, LeaseLost
from tests.contract.material import ME, OTHER, SILENT, Stores, answered, handed_over

LONGER_THAN_A_LEASE = timedelta(seconds=16)


async def test_a_message_that_brings_its_turn_id_keeps_it(stores: Stores) -> None:
    brought = await stores.pipeline.accept(stores.message("在吗", id="m1", turn_id="t-brought"))
    again = await stores.pipeline.accept(stores.message("在吗", id="m1", turn_id="t-brought"))
    first = await stores.pipeline.accept(stores.message("好的", id="m2"))
    late = await stores.pipeline.accept(stores.message("好的", id="m2", turn_id="t-late"))

    assert (brought.turn_id, brought.duplicate) == ("t-brought", False)
    assert (again.turn_id, again.duplicate) == ("t-brought", True)
    assert (late.turn_id, late.duplicate) == (first.turn_id, True)


async def test_a_duplicate_is_recognised_as_the_same_turn(stores: Stores) -> None:
    first = await stores.pipeline.accept(stores.message("怎么退货？", id="m1"))
    again = await stores.pipeline.accept(stores.message("怎么退货？", id="m1"))

    assert (first.duplicate, again.duplicate) == (False, True)
    assert (again.turn_id, again.conversation_id) == (first.turn_id, first.conversation_id)
    assert len(await stores.claim()) == 1


async def test_a_message_sent_fifty_times_at_once_is_one_message(stores: Stores) -> None:
    message = stores.message("怎么退货？", id="m1")

    accepted = await asyncio.gather(*(stores.pipeline.accept(message) for _ in range(50)))

    assert sum(not one.duplicate for one in accepted) == 1
    assert len({one.turn_id for one in accepted}) == 1
    assert len(await stores.claim()) == 1


async def test_a_duplicate_is_still_one_after_its_turn_is_done(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    await stores.answer()

    again = await stores.pipeline.accept(stores.message("怎么退货？", id="wang-fang/怎么退货？"))

    assert again.duplicate
    assert again.turn_id == turn
    assert await stores.claim() == []


async def test_another_channel_may_use_the_same_message_id(stores: Stores) -> None:
    await stores.pipeline.accept(stores.message("你好", id="m1"))

    other = await stores.pipeline.accept(stores.message("你好", id="m1", channel="web"))

    assert not other.duplicate
    assert len(await stores.claim()) == 2


async def test_an_id_with_another_digest_is_refused(stores: Stores) -> None:
    await stores.pipeline.accept(stores.message("怎么退货？", id="m1", digest="aa"))

    with pytest.raises(IdReused):
        await stores.pipeline.accept(stores.message("怎么换货？", id="m1", digest="bb"))
    assert (await stores.pipeline.accept(stores.message("怎么退货？", id="m1", digest="aa"))).duplicate
    assert (await stores.pipeline.accept(stores.message("怎么退货？", id="m1"))).duplicate


async def test_a_claim_carries_the_message_as_it_was_accepted(stores: Stores) -> None:
    message = stores.message(
        "看看这张图 😀",
        id="m1",
        contact=Contact("wm-001", None),
        parts=(Part("image", "截图.png", media_id="media-7"),),
        sent_at=stores.clock.now() - timedelta(seconds=3),
        address={"touser": "wm-001", "agentid": "1000002"},
        worker="xiaozhi",
        digest="cc",
    )
    accepted = await stores.pipeline.accept(message)

    claim = await stores.claim_one()

    assert claim.message == message
    assert (claim.turn_id, claim.conversation_id) == (accepted.turn_id, accepted.conversation_id)
    assert (claim.attempt, claim.held, claim.state, claim.blocked) == (1, False, State.WORKER, False)


async def test_a_conversation_is_answered_one_message_at_a_time_in_order(stores: Stores) -> None:
    await stores.accept("第一句", "第二句", "第三句")

    seen = []
    while claims := await stores.claim():
        assert await stores.claim(owner=OTHER) == []
        (claim,) = claims
        seen.append(claim.message.text)
        await stores.finish(claim, answered())

    assert seen == ["第一句", "第二句", "第三句"]


async def test_who_has_waited_longest_comes_first(stores: Stores) -> None:
    for who in ("zhao", "qian", "sun", "li"):
        await stores.accept("在吗", who=who)

    first, second = await stores.claim(limit=2), await stores.claim(limit=9)

    assert [claim.message.contact.id for claim in first] == ["zhao", "qian"]
    assert [claim.message.contact.id for claim in second] == ["sun", "li"]


async def test_parallel_claims_never_hand_out_a_conversation_twice(stores: Stores) -> None:
    for who in range(40):
        await stores.accept("在吗", who=f"contact-{who}")

    batches = await asyncio.gather(*(stores.claim(owner=f"runner-{n}", limit=7) for n in range(10)))

    claimed = [claim.conversation_id for batch in batches for claim in batch]
    assert len(claimed) == len(set(claimed)) == 40


async def test_a_dead_owners_conversation_comes_back_with_a_higher_epoch(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    lost = await stores.claim_one()
    stores.clock.advance(LONGER_THAN_A_LEASE)

    (claim,) = await stores.claim(owner=OTHER)

    assert claim.turn_id == lost.turn_id
    assert claim.epoch > lost.epoch
    assert claim.attempt == 2


async def test_a_renewed_lease_lasts(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    for _ in range(4):
        stores.clock.advance(timedelta(seconds=10))
        await stores.pipeline.renew([claim], now=stores.clock.now())

    assert await stores.claim(owner=OTHER) == []
    await stores.finish(claim, answered())


async def _finish(stores: Stores, claim: Claim) -> None:
    await stores.finish(claim, answered(), stores.outbound(claim, "可以退货。"))


async def _hold(stores: Stores, claim: Claim) -> None:
    await stores.pipeline.hold(claim, stores.outbound(claim, "稍等", "holding"), until=stores.clock.now())


async def _announce(stores: Stores, claim: Claim) -> None:
    await stores.pipeline.announce(claim, stores.outbound(claim, "稍等", "holding"))


@pytest.mark.parametrize("late", [_finish, _hold, _announce])
async def test_a_lost_lease_keeps_nothing(stores: Stores, late: Callable[..., object]) -> None:
    (turn,) = await stores.accept("怎么退货？")
    lost = await stores.claim_one()
    stores.clock.advance(LONGER_THAN_A_LEASE)
    (claim,) = await stores.claim(owner=OTHER)

    with pytest.raises(LeaseLost):
        await late(stores, lost)  # type: ignore[misc]

    record = await stores.conversations.turn(turn)
    assert record is not None
    assert record.state == "waiting"
    stores.clock.advance(timedelta(minutes=10))
    assert await stores.claim_outbound() == []
    await stores.finish(claim, answered())


async def test_a_lost_lease_neither_retries_nor_buries(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    lost = await stores.claim_one()
    stores.clock.advance(LONGER_THAN_A_LEASE)
    (claim,) = await stores.claim(owner=OTHER)

    await stores.pipeline.retry(lost, error="断线", until=stores.clock.now())
    await stores.pipeline.bury(lost, error="断线", now=stores.clock.now())

    record = await stores.conversations.turn(turn)
    assert record is not None
    assert record.state == "waiting"
    assert await stores.claim() == []
    await stores.finish(claim, answered())


async def test_a_finish_repeated_because_its_answer_was_lost_changes_nothing(stores: Stores) -> None:
    (turn, _) = await stores.accept("怎么退货？", "那运费呢？")
    claim = await stores.claim_one()
    await stores.finish(claim, answered("可以退货。"))

    await stores.finish(claim, answered("不可以。"))

    record = await stores.conversations.turn(turn)
    assert record is not None
    assert record.result == answered("可以退货。")
    assert (await stores.claim_one()).message.text == "那运费呢？"


async def test_a_retried_message_stays_first_and_is_counted(stores: Stores) -> None:
    await stores.accept("第一句", "第二句")
    claim = await stores.claim_one()

    await stores.pipeline.retry(claim, error="模型超时", until=stores.clock.now() + timedelta(seconds=30))

    assert await stores.claim() == []
    stores.clock.advance(timedelta(seconds=30))
    again = await stores.claim_one()
    assert (again.message.text, again.attempt) == ("第一句", 2)


async def test_a_message_that_arrives_does_not_hurry_one_that_has_to_wait(stores: Stores) -> None:
    await stores.accept("第一句")
    await stores.pipeline.retry(
        await stores.claim_one(), error="模型超时", until=stores.clock.now() + timedelta(seconds=30)
    )

    await stores.accept("第二句")

    assert await stores.claim() == []


async def test_a_buried_message_is_visible_and_the_lane_goes_on(stores: Stores) -> None:
    (turn, _) = await stores.accept("毒消息", "第二句")

    await stores.pipeline.bury(await stores.claim_one(), error="每次都失败", now=stores.clock.now())

    record = await stores.conversations.turn(turn)
    assert record is not None
    assert (record.state, record.result) == ("dead", None)
    assert (await stores.claim_one()).message.text == "第二句"


async def test_a_held_message_comes_back_marked(stores: Stores) -> None:
    (turn,) = await stores.accept("第一句")
    claim = await stores.claim_one()
    until = stores.clock.now() + timedelta(seconds=5)

    await stores.pipeline.hold(claim, stores.outbound(claim, "稍等", "holding"), until=until)

    record = await stores.conversations.turn(turn)
    assert record is not None
    assert record.state == "held"
    assert await stores.claim() == []
    assert await stores.claim_outbound() == [], "the notice is being sent by its owner already"
    stores.clock.advance(timedelta(seconds=5))
    again = await stores.claim_one()
    assert (again.message.text, again.held, again.owed, again.overtaken) == ("第一句", True, True, False)


async def test_an_announced_message_stays_with_its_owner(stores: Stores) -> None:
    await stores.accept("第一句")
    claim = await stores.claim_one()
    notice = stores.outbound(claim, "稍等", "holding")

    await stores.pipeline.announce(claim, notice)
    await stores.pipeline.announce(claim, notice)

    assert await stores.claim() == []
    assert await stores.claim_outbound() == []
    await stores.finish(claim, answered())


async def test_a_handoff_waits_for_a_person_and_only_some_reasons_silence_the_worker(stores: Stores) -> None:
    await stores.accept("火星上有店吗？", "算了，我要人工", "喂？")
    await stores.finish(await stores.claim_one(), handed_over(Reason.UNKNOWN))
    second = await stores.claim_one()
    await stores.finish(second, handed_over(Reason.ASKED))

    third = await stores.claim_one()

    assert (second.state, second.blocked) == (State.WAITING, False)
    assert (third.state, third.blocked) == (State.WAITING, True)


async def test_a_handoff_that_silences_is_not_weakened_by_another(stores: Stores) -> None:
    await stores.accept("我要人工", "火星上有店吗？")
    first = await stores.claim_one()
    since = stores.clock.now()
    await stores.finish(first, handed_over(Reason.ASKED))
    stores.clock.advance(timedelta(minutes=1))
    await stores.finish(await stores.claim_one(), handed_over(Reason.UNKNOWN))

    conversation = await stores.conversations.conversation(first.conversation_id)

    assert (conversation.handoff_reason, conversation.waiting_since) == ("asked", since)


async def test_a_pending_question_reaches_the_next_turn_alone(stores: Stores) -> None:
    pending = PendingQuestion(choices=(Choice("faq-1", "退货"), Choice("faq-2", "换货")), times=1)
    await stores.accept("怎么办", "1", "谢谢")
    await stores.finish(await stores.claim_one(), TurnResult("clarify", Reply("退货还是换货？"), pending=pending))

    second = await stores.claim_one()
    await stores.finish(second, answered())

    assert second.pending == pending
    assert (await stores.claim_one()).pending is None


async def test_history_is_what_both_sides_said_latest_twelve_oldest_first(stores: Stores) -> None:
    for n in range(8):
        await stores.accept(f"问题{n}")
        await stores.answer(f"回答{n}")
    await stores.accept("最后一问")

    history = (await stores.claim_one()).history

    pairs = [(Utterance("user", f"问题{n}"), Utterance("assistant", f"回答{n}")) for n in range(2, 8)]
    assert history == tuple(utterance for pair in pairs for utterance in pair)


async def test_history_says_which_replies_may_repeat_what_gives_nobody_orders(stores: Stores) -> None:
    for text, tainted in (("已审的答案", False), ("文件里的话", True)):
        await stores.accept(f"问{text}")
        await stores.finish(await stores.claim_one(), TurnResult("answer", Reply(text), tainted=tainted))
    await stores.accept("最后一问")

    history = (await stores.claim_one()).history

    assert [(said.text, said.tainted) for said in history if said.role == "assistant"] == [
        ("已审的答案", False),
        ("文件里的话", True),
    ]


async def test_a_question_stands_before_its_answer_even_if_others_came_in_between(stores: Stores) -> None:
    await stores.accept("问题一", "问题二", "问题三")
    await stores.answer("回答一")
    await stores.answer("回答二")

    history = (await stores.claim_one()).history

    assert [utterance.text for utterance in history] == ["问题一", "回答一", "问题二", "回答二"]


async def test_history_holds_what_a_person_said_and_no_answer_for_a_silent_turn(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.claim_one()
    await stores.finish(claim, SILENT)
    stores.clock.advance(timedelta(seconds=1))
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())
    await stores.conversations.say(claim.conversation_id, "李雷", Reply("我来帮您。"), stores.clock.now())
    await stores.accept("谢谢")

    history = (await stores.claim_one()).history

    assert history == (Utterance("user", "我要人工"), Utterance("assistant", "我来帮您。"))


async def test_what_is_said_beside_a_person_goes_out_and_leaves_the_conversation_unread(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.claim_one()
    await stores.finish(claim, SILENT)
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())
    await stores.accept("在吗")
    await stores.finish(await stores.claim_one(), SILENT)
    await stores.accept("（批准了）")
    await stores.answer("已办好：修改收货地址。")

    spoken = await stores.conversations.conversation(claim.conversation_id)
    assert (spoken.state, spoken.unread > 0) == (State.HUMAN, True)
    thread = await stores.conversations.thread(claim.conversation_id)
    assert [(line.author, line.delivery) for line in thread if line.author == "worker"] == [("worker", "delivered")]


async def test_a_standalone_question_and_one_with_its_own_history_read_nothing(stores: Stores) -> None:
    await stores.accept("问题一")
    await stores.answer()
    brought = (Utterance("user", "之前说的"), Utterance("assistant", "之前答的"))

    await stores.accept("问题二", history=brought)
    claim = await stores.claim_one()
    await stores.finish(claim, answered())
    await stores.accept("问题三", standalone=True, who="ask-1")

    assert claim.history == brought
    assert (await stores.claim_one()).history == ()


async def test_the_next_due_moment_is_known(stores: Stores) -> None:
    assert await stores.pipeline.next_due(now=stores.clock.now()) is None
    await stores.accept("第一句")
    assert await stores.pipeline.next_due(now=stores.clock.now()) == stores.clock.now()
    until = stores.clock.now() + timedelta(seconds=42)

    await stores.pipeline.retry(await stores.claim_one(), error="模型超时", until=until)

    assert await stores.pipeline.next_due(now=stores.clock.now()) == until


async def test_a_restarted_process_gets_back_what_the_last_one_had(stores: Stores) -> None:
    await stores.accept("在途", who="zhao")
    await stores.accept("已答", who="qian")
    await stores.accept("未动", who="sun")
    on_the_way, done = await stores.claim(limit=2)
    reply = stores.outbound(done, "可以退货。")
    await stores.finish(done, answered(), reply)

    waiting = await stores.pipeline.recover(owner=OTHER)

    assert waiting == 2
    claims = await stores.claim(owner=OTHER)
    assert {claim.message.text for claim in claims} == {"在途", "未动"}
    (again,) = await stores.claim_outbound(owner=OTHER)
    assert again == replace(reply, attempt=2, unsure=True)
    with pytest.raises(LeaseLost):
        await stores.finish(on_the_way, answered())


async def test_what_this_process_owns_survives_its_own_recovery(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()

    await stores.pipeline.recover(owner=ME)

    assert await stores.claim() == []
    await stores.finish(claim, answered())


async def test_a_claim_says_when_the_same_contact_went_on(stores: Stores) -> None:
    group: dict[str, Any] = {"conversation_key": "group:oc1", "group": True}
    await stores.pipeline.accept(stores.message("在吗", id="m1", **group))
    stores.clock.advance(timedelta(seconds=1))
    went_on = stores.clock.now()
    await stores.pipeline.accept(stores.message("能退货吗", id="m2", **group))
    await stores.pipeline.accept(stores.message("我也想问", id="m3", **group, contact=Contact("li-lei", "李雷")))

    following = []
    for _ in range(3):
        claim = await stores.claim_one()
        following.append(claim.next_at)
        await stores.finish(claim, SILENT)

    assert following == [went_on, None, None]  # behind the second somebody else speaks, behind the third nobody


async def test_a_pressed_button_is_nothing_that_a_message_could_be_answered_with(stores: Stores) -> None:
    await stores.pipeline.accept(stores.message("我还想换个地址", id="m1"))
    await stores.pipeline.accept(stores.message("怎么退货", id="m2", chosen="return-howto"))

    assert (await stores.claim_one()).next_at is None


async def test_a_deferred_message_stays_first_and_has_not_been_tried(stores: Stores) -> None:
    await stores.accept("在吗", "能退货吗")
    claim = await stores.claim_one()
    await stores.pipeline.defer(claim, until=stores.clock.now() + timedelta(seconds=5))

    assert await stores.claim() == []
    stores.clock.advance(timedelta(seconds=5))
    again = await stores.claim_one()
    assert (again.turn_id, again.attempt, again.held) == (claim.turn_id, 1, False)
    with pytest.raises(LeaseLost):
        await stores.pipeline.defer(claim, until=stores.clock.now())


async def test_an_attempt_that_may_be_the_last_counts_as_it_begins_and_not_as_it_is_claimed(stores: Stores) -> None:
    """A process that claims much and dies before it tries any of it must not make dead letters."""
    await stores.accept("在吗")
    seen = []
    for _ in range(COUNTED_BY_CLAIM + 2):
        seen.append((await stores.claim_one()).attempt)
        await stores.pipeline.recover(owner=OTHER)
    assert seen == [1, 2, 3, 4, 4]

    begun = await stores.claim_one()
    await stores.pipeline.count_attempt(begun)
    await stores.pipeline.count_attempt(begun)
    await stores.pipeline.recover(owner=OTHER)
    assert (await stores.claim_one()).attempt == 5
    with pytest.raises(LeaseLost):
        await stores.pipeline.count_attempt(begun)
