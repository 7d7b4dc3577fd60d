"""What every conversation store promises."""

import asyncio
from datetime import timedelta

import pytest

from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Part, Reply
from ai_worker.conversation.store import AlreadyTaken, NoSuchConversation
from ai_worker.pipeline.store import AnswererChanged
from tests.contract.material import SILENT, Stores, answered, handed_over


async def _handed_over(stores: Stores, who: str, reason: Reason = Reason.UNKNOWN) -> int:
    await stores.accept("火星上有店吗？", who=who)
    claim = await stores.claim_one()
    await stores.finish(claim, handed_over(reason))
    return claim.conversation_id


async def _known(stores: Stores, who: str) -> Conversation:
    found = await stores.conversations.find("service-desk", who)
    assert found is not None
    return found


async def test_those_waiting_for_a_person_come_first_the_longest_wait_at_the_top(stores: Stores) -> None:
    for who in ("zhao", "qian"):
        await _handed_over(stores, who)
    for who in ("sun", "li"):
        await stores.accept("在吗", who=who)

    listed = await stores.conversations.conversations()
    two = await stores.conversations.conversations(limit=3)

    assert [one.key for one in listed] == ["zhao", "qian", "li", "sun"]
    assert [one.key for one in two] == ["zhao", "qian", "li"]


async def test_lists_and_counts_can_be_narrowed_and_leave_standalone_questions_out(stores: Stores) -> None:
    await _handed_over(stores, "zhao")
    taken = await _handed_over(stores, "qian")
    await stores.conversations.take_over(taken, "李雷", stores.clock.now())
    await stores.accept("在吗", who="sun")
    await stores.accept("在吗", who="ask-1", standalone=True)

    human = await stores.conversations.conversations(states=[State.HUMAN])
    others = await stores.conversations.conversations(states=[State.WAITING, State.WORKER])

    assert [one.key for one in human] == ["qian"]
    assert [one.key for one in others] == ["zhao", "sun"]
    assert len(await stores.conversations.conversations()) == 3
    assert await stores.conversations.counts() == {
        State.WAITING: 1,
        State.HUMAN: 1,
        State.WORKER: 1,
        State.CLOSED: 0,
    }


async def test_a_conversation_shows_its_latest_line_and_what_is_unread(stores: Stores) -> None:
    opened = stores.clock.now()
    await stores.accept("在吗", "怎么退货？\n急！", worker="xiaozhi")

    asked = await _known(stores, "wang-fang")
    await stores.answer("可以退货。")
    answered_once = await _known(stores, "wang-fang")

    assert (asked.last_text, asked.unread, asked.worker) == ("怎么退货？ 急！", 2, "xiaozhi")
    assert (asked.contact_id, asked.contact_name, asked.state) == ("wang-fang", "王芳", State.WORKER)
    assert (asked.opened_at, asked.last_at) == (opened, opened + timedelta(seconds=1))
    assert (answered_once.last_text, answered_once.unread) == ("可以退货。", 1)


async def test_a_contact_keeps_its_name_when_a_message_does_not_bring_one(stores: Stores) -> None:
    message = stores.message("在吗", id="m1")
    await stores.pipeline.accept(message)
    unnamed = stores.message("喂", id="m2")
    await stores.pipeline.accept(stores.message("喂", id="m2", contact=type(unnamed.contact)("wang-fang")))

    assert (await _known(stores, "wang-fang")).contact_name == "王芳"


async def test_what_is_not_there_is_said_to_be_missing(stores: Stores) -> None:
    now = stores.clock.now()

    assert await stores.conversations.find("service-desk", "nobody") is None
    assert await stores.conversations.turn("t-nothing") is None
    assert await stores.conversations.thread(404) == []
    with pytest.raises(NoSuchConversation):
        await stores.conversations.conversation(404)
    with pytest.raises(NoSuchConversation):
        await stores.conversations.take_over(404, "李雷", now)
    with pytest.raises(NoSuchConversation):
        await stores.conversations.hand_back(404, "李雷", now)
    with pytest.raises(NoSuchConversation):
        await stores.conversations.say(404, "李雷", Reply("在。"), now)


async def test_of_many_people_at_once_one_takes_over(stores: Stores) -> None:
    number = await _handed_over(stores, "zhao")
    people = [f"同事{n}" for n in range(8)]

    outcomes = await asyncio.gather(
        *(stores.conversations.take_over(number, person, stores.clock.now()) for person in people),
        return_exceptions=True,
    )

    winners = [one.person for one in outcomes if isinstance(one, Conversation)]
    assert len(winners) == 1
    assert sum(isinstance(one, AlreadyTaken) for one in outcomes) == 7
    now = await stores.conversations.conversation(number)
    assert (now.state, now.person, now.waiting_since) == (State.HUMAN, winners[0], None)
    assert await stores.conversations.take_over(number, winners[0], stores.clock.now()) == now, "again changes nothing"


async def test_a_person_who_took_over_silences_the_worker_until_handing_back(stores: Stores) -> None:
    number = await _handed_over(stores, "zhao", Reason.ASKED)
    await stores.conversations.take_over(number, "李雷", stores.clock.now())
    await stores.accept("你好", who="zhao")
    during = await stores.claim_one()
    await stores.finish(during, SILENT)

    back = await stores.conversations.hand_back(number, "李雷", stores.clock.now())
    await stores.accept("再见", who="zhao")
    after = await stores.claim_one()

    assert (during.state, during.blocked) == (State.HUMAN, False)
    assert (back.state, back.person, back.handoff_reason, back.unread) == (State.WORKER, "", "", 0)
    assert (after.state, after.blocked) == (State.WORKER, False)


async def test_a_turn_that_ends_after_a_takeover_leaves_the_person_in_charge(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.claim_one()
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())

    with pytest.raises(AnswererChanged):
        await stores.finish(claim, handed_over(Reason.ASKED), stores.outbound(claim, "好的。"))

    assert await stores.claim_outbound() == []
    now = await stores.conversations.conversation(claim.conversation_id)
    assert (now.state, now.person, now.waiting_since) == (State.HUMAN, "李雷", None)


async def test_only_the_person_in_charge_may_speak_and_hand_back(stores: Stores) -> None:
    number = await _handed_over(stores, "zhao")
    now = stores.clock.now()
    with pytest.raises(AlreadyTaken):
        await stores.conversations.say(number, "李雷", Reply("在。"), now)
    await stores.conversations.take_over(number, "李雷", now)

    with pytest.raises(AlreadyTaken):
        await stores.conversations.say(number, "韩梅梅", Reply("在。"), now)
    with pytest.raises(AlreadyTaken):
        await stores.conversations.hand_back(number, "韩梅梅", now)
    assert await stores.claim_outbound() == []


async def test_a_thread_tells_everything_in_order(stores: Stores) -> None:
    await stores.accept("看图", parts=(Part("image", "截图.png", media_id="m-1"),))
    first = await stores.claim_one()
    await stores.pipeline.announce(first, stores.outbound(first, "稍等，我查一下。", "holding"))
    stores.clock.advance(timedelta(seconds=9))
    reply = stores.outbound(first, "我请同事来回答您。")
    await stores.finish(first, handed_over(Reason.COMPLAINT), reply, ms=9000.0)
    await stores.pipeline.settle(reply, "failed", now=stores.clock.now(), error="45009 接口调用超过限制")
    stores.clock.advance(timedelta(seconds=1))
    await stores.conversations.take_over(first.conversation_id, "李雷", stores.clock.now())
    await stores.conversations.say(first.conversation_id, "李雷", Reply("我来帮您。"), stores.clock.now())
    stores.clock.advance(timedelta(seconds=1))
    await stores.conversations.hand_back(first.conversation_id, "李雷", stores.clock.now())
    await stores.accept("谢谢", "毒消息")
    await stores.finish(await stores.claim_one(), SILENT)
    await stores.pipeline.bury(await stores.claim_one(), error="坏", now=stores.clock.now())
    await stores.accept("还在吗")

    thread = await stores.conversations.thread(first.conversation_id)

    assert [(item.author, item.text, item.name) for item in thread] == [
        ("contact", "看图", "王芳"),
        ("worker", "稍等，我查一下。", ""),
        ("worker", "我请同事来回答您。", ""),
        ("notice", "handed_over", ""),
        ("notice", "taken_over", "李雷"),
        ("human", "我来帮您。", "李雷"),
        ("notice", "handed_back", "李雷"),
        ("contact", "谢谢", "王芳"),
        ("contact", "毒消息", "王芳"),
        ("contact", "还在吗", "王芳"),
    ]
    assert thread[0].parts == (Part("image", "截图.png", media_id="m-1"),)
    assert (thread[1].delivery, thread[5].delivery) == ("sending", "waiting")
    assert (thread[2].delivery, thread[2].error, thread[2].response_ms) == ("failed", "45009 接口调用超过限制", 9000.0)
    assert thread[2].result == thread[3].result == handed_over(Reason.COMPLAINT)
    assert await stores.conversations.thread(first.conversation_id, limit=3) == thread[-3:]


async def test_a_pull_channels_answer_has_no_delivery(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    await stores.finish(claim, answered("可以退货。"))

    line = (await stores.conversations.thread(claim.conversation_id))[-1]

    assert (line.author, line.text, line.delivery) == ("worker", "可以退货。", None)


async def test_a_turn_is_found_from_its_acceptance_to_its_end(stores: Stores) -> None:
    received = stores.clock.now()
    (turn,) = await stores.accept("怎么退货？")
    waiting = await stores.conversations.turn(turn)
    claim = await stores.claim_one()
    await stores.finish(claim, answered())
    done = await stores.conversations.turn(turn)

    assert waiting is not None
    assert done is not None
    assert (waiting.state, waiting.question, waiting.result) == ("waiting", "怎么退货？", None)
    assert (waiting.received_at, waiting.finished_at) == (received, None)
    assert (waiting.channel, waiting.conversation_key) == ("service-desk", "wang-fang")
    assert (done.state, done.result, done.finished_at) == ("done", answered(), stores.clock.now())
