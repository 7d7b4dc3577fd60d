"""What every store of the queue and the seats promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import AWAKE, Colleague, OtherConversation, SeatAsleep
from ai_worker.conversation.message import Reply
from ai_worker.conversation.outlook import Wait
from ai_worker.conversation.store import AlreadyTaken, NoSuchConversation
from ai_worker.conversation.turn import TurnResult
from ai_worker.pipeline.store import AnswererChanged
from tests.contract.material import SILENT, Stores, answered, handed_over

LI = Colleague("李娜", "service-desk", "li-na")
HAN = Colleague("韩梅梅", "service-desk", "han-mm")


async def _asked(stores: Stores, who: str, text: str = "转人工", *, first: bool = False) -> int:
    await stores.accept(text, who=who)
    claim = await stores.claim_one()
    result = TurnResult("handoff", Reply("好的。"), reason=Reason.ASKED, first_in_queue=first)
    await stores.finish(claim, result)
    stores.clock.advance(timedelta(minutes=1))
    return claim.conversation_id


async def test_the_queue_is_in_the_order_of_asking_with_those_first_who_are_to_be(stores: Stores) -> None:
    await _asked(stores, "zhao")
    await _asked(stores, "qian")
    await _asked(stores, "sun", first=True)

    listed = await stores.conversations.conversations(states=[State.WAITING])
    ahead = {
        who: await stores.handoffs.ahead("service-desk", who, first=False) for who in ("zhao", "qian", "sun", "li")
    }

    assert [(one.key, one.first_in_queue) for one in listed] == [("sun", True), ("zhao", False), ("qian", False)]
    assert ahead == {"sun": 0, "zhao": 1, "qian": 2, "li": 3}
    assert await stores.handoffs.ahead("service-desk", "li", first=True) == 1


async def test_being_first_ends_with_the_waiting(stores: Stores) -> None:
    number = await _asked(stores, "sun", first=True)
    await stores.conversations.take_over(number, "李娜", stores.clock.now())
    await stores.conversations.hand_back(number, "李娜", stores.clock.now())
    again = await _asked(stores, "sun", "还是要人工")

    assert again == number
    assert not (await stores.conversations.conversation(number)).first_in_queue


async def test_how_long_they_waited_is_kept_for_ninety_days(stores: Stores) -> None:
    began = stores.clock.now()
    first, second = await _asked(stores, "zhao"), await _asked(stores, "qian")
    asked = [one.waiting_since for one in await stores.conversations.conversations(states=[State.WAITING])]
    await stores.conversations.take_over(first, "李娜", stores.clock.now())
    taken = stores.clock.now()
    stores.clock.advance(timedelta(minutes=3))
    await stores.handoffs.take_seat(HAN, second, stores.clock.now())
    await stores.handoffs.take_seat(HAN, second, stores.clock.now())

    waits = await stores.handoffs.waits(since=began)

    assert waits == [
        Wait(asked[1] or began, taken + timedelta(minutes=3)),
        Wait(asked[0] or began, taken),
    ]
    assert await stores.handoffs.waits(since=taken + timedelta(seconds=1), limit=5) == waits[:1]
    assert await stores.handoffs.waits(since=began, limit=1) == waits[:1]
    stores.clock.advance(timedelta(days=91))
    await stores.forget()
    assert await stores.count("handoff_wait") == 0


async def test_who_sits_down_answers_and_what_they_say_goes_out_once(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    taken = await stores.handoffs.take_seat(LI, number, stores.clock.now())

    spoken = [await stores.handoffs.speak(LI, Reply("您好。"), stores.clock.now(), turn_id="t-1") for _ in range(2)]
    await stores.handoffs.speak(LI, Reply("请稍等。"), stores.clock.now(), turn_id="t-2")

    assert (taken.id, taken.state, taken.person) == (number, State.HUMAN, "李娜")
    assert await stores.handoffs.seated(number) == LI
    assert [one.id for one in spoken if one] == [number, number]
    (first,) = await stores.claim_outbound()
    assert (first.reply.text, first.kind, first.address) == ("您好。", "human", {"touser": "zhao"})
    await stores.pipeline.settle(first, "delivered", now=stores.clock.now())
    (second,) = await stores.claim_outbound()
    assert second.reply.text == "请稍等。"
    assert [item.text for item in await stores.conversations.thread(number) if item.author == "human"] == [
        "您好。", "请稍等。",
    ]  # fmt: skip


async def test_leaving_hands_back_and_may_be_asked_again(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    await stores.handoffs.take_seat(LI, number, stores.clock.now())

    left = [await stores.handoffs.leave_seat(LI, stores.clock.now(), turn_id="t-9") for _ in range(2)]

    assert [one.id for one in left if one] == [number, number]
    assert left[0] is not None
    assert left[0].state is State.WORKER
    assert await stores.handoffs.seat(LI) is None
    assert await stores.handoffs.speak(LI, Reply("喂？"), stores.clock.now(), turn_id="t-10") is None
    assert await stores.handoffs.leave_seat(LI, stores.clock.now(), turn_id="t-11") is None
    assert [item.text for item in await stores.conversations.thread(number) if item.author == "notice"] == [
        "handed_over", "taken_over", "handed_back",
    ]  # fmt: skip


async def test_a_seat_is_for_one_conversation_and_a_conversation_for_one_person(stores: Stores) -> None:
    zhao, qian = await _asked(stores, "zhao"), await _asked(stores, "qian")
    now = stores.clock.now()
    await stores.handoffs.take_seat(LI, zhao, now)

    with pytest.raises(OtherConversation):
        await stores.handoffs.take_seat(LI, qian, now)
    with pytest.raises(AlreadyTaken, match="李娜"):
        await stores.handoffs.take_seat(HAN, zhao, now)
    with pytest.raises(NoSuchConversation):
        await stores.handoffs.take_seat(HAN, 404, now)
    assert await stores.handoffs.seat(HAN) is None
    seat = await stores.handoffs.seat(LI)
    assert seat is not None
    assert seat.id == zhao


async def test_of_colleagues_who_sit_down_at_once_one_does(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    many = [Colleague(f"同事{n}", "service-desk", f"p{n}") for n in range(6)]

    outcomes = await asyncio.gather(
        *(stores.handoffs.take_seat(one, number, stores.clock.now()) for one in many), return_exceptions=True
    )

    assert sum(isinstance(one, AlreadyTaken) for one in outcomes) == 5
    seated = await stores.handoffs.seated(number)
    assert seated is not None
    assert seated.person == (await stores.conversations.conversation(number)).person
    assert len(await stores.handoffs.waits(since=stores.clock.now() - timedelta(days=1))) == 1


async def test_a_seat_ends_when_the_console_hands_back(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    await stores.handoffs.take_seat(LI, number, stores.clock.now())
    await stores.conversations.hand_back(number, "李娜", stores.clock.now())

    assert await stores.handoffs.seat(LI) is None
    assert await stores.handoffs.seated(number) is None

    await stores.conversations.take_over(number, "李娜", stores.clock.now())  # in the console: words in IM stay there
    assert await stores.handoffs.seat(LI) is None
    assert await stores.handoffs.speak(LI, Reply("喂？"), stores.clock.now(), turn_id="t-1") is None


async def test_a_turn_that_would_speak_where_a_person_does_by_now_is_not_kept(stores: Stores) -> None:
    await stores.accept("怎么退货")
    claim = await stores.claim_one()
    await stores.handoffs.take_seat(LI, claim.conversation_id, stores.clock.now())

    with pytest.raises(AnswererChanged):
        await stores.finish(claim, answered(), stores.outbound(claim, "可以退货。"))
    await stores.pipeline.retry(claim, error="", until=stores.clock.now())
    again = await stores.claim_one()
    await stores.finish(again, SILENT)

    assert again.state is State.HUMAN
    assert await stores.claim_outbound() == []


async def test_a_turn_that_is_silent_where_nobody_answers_any_more_is_not_kept(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    await stores.handoffs.take_seat(LI, number, stores.clock.now())
    await stores.accept("还有一个问题", who="zhao")
    claim = await stores.claim_one()
    await stores.handoffs.leave_seat(LI, stores.clock.now(), turn_id="t-1")

    with pytest.raises(AnswererChanged):
        await stores.finish(claim, SILENT)
    await stores.pipeline.retry(claim, error="", until=stores.clock.now())
    again = await stores.claim_one()
    await stores.finish(again, answered())

    assert (again.state, again.message.text) == (State.WORKER, "还有一个问题")


async def test_what_was_promised_is_said_though_a_person_answers_by_now(stores: Stores) -> None:
    await stores.accept("怎么退货")
    claim = await stores.claim_one()
    await stores.conversations.take_over(claim.conversation_id, "李娜", stores.clock.now())
    shown = replace(claim, held=True)

    await stores.finish(shown, handed_over(Reason.UNKNOWN), stores.outbound(claim, "已经转给同事。"))

    assert (await stores.conversations.conversation(claim.conversation_id)).state is State.HUMAN


async def test_a_seat_falls_asleep_and_is_woken_by_sitting_down_again(stores: Stores) -> None:
    number = await _asked(stores, "zhao")
    await stores.handoffs.take_seat(LI, number, stores.clock.now())
    stores.clock.advance(AWAKE + timedelta(minutes=2))

    with pytest.raises(SeatAsleep) as asleep:
        await stores.handoffs.speak(LI, Reply("喂？"), stores.clock.now(), turn_id="t-1")
    await stores.handoffs.take_seat(LI, number, stores.clock.now())

    assert asleep.value.conversation.id == number
    assert await stores.handoffs.speak(LI, Reply("在。"), stores.clock.now(), turn_id="t-2") is not None
    stores.clock.advance(AWAKE - timedelta(minutes=1))
    assert await stores.handoffs.speak(LI, Reply("在。"), stores.clock.now(), turn_id="t-3") is not None
