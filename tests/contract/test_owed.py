"""What every pipeline store promises about answers that are owed: newer messages do not wait for them."""

from datetime import timedelta
from typing import Any

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Contact, Reply, Utterance
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.pipeline import burst
from ai_worker.pipeline.store import Claim
from tests.contract.material import OTHER, SILENT, Stores, answered, handed_over

PAUSE = timedelta(seconds=8)
ASKED_BACK = PendingQuestion(choices=(Choice("a", "怎么退货"), Choice("b", "怎么换货")))


async def hold(stores: Stores, claim: Claim, pause: timedelta = PAUSE) -> None:
    await stores.pipeline.hold(claim, None, until=stores.clock.now() + pause)


async def texts(stores: Stores) -> list[str]:
    return [claim.message.text for claim in await stores.claim()]


async def test_what_came_behind_a_held_message_is_taken_at_once(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福", "怎么开发票")
    await hold(stores, await stores.claim_one())

    newer = await stores.claim_one()

    assert newer.message.text == "怎么开发票"
    assert [said.text for said in newer.behind] == ["帮我写一段祝福"]
    assert newer.promised


async def test_what_comes_in_while_one_is_held_is_taken_at_once_and_the_held_one_at_its_time(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福")
    await hold(stores, await stores.claim_one())
    assert await texts(stores) == []

    await stores.accept("怎么开发票")
    newer = await stores.claim_one()
    assert newer.message.text == "怎么开发票"
    assert await texts(stores) == [], "one at a time"
    await stores.finish(newer, answered("在「我的发票」里申请。"))
    assert await texts(stores) == [], "what is owed has its own time"

    stores.clock.advance(PAUSE)
    owed = await stores.claim_one()
    assert (owed.message.text, owed.held, owed.owed, owed.overtaken) == ("帮我写一段祝福", True, True, True)


async def test_what_comes_in_while_the_owed_one_is_at_work_waits_for_its_end(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福")
    await hold(stores, await stores.claim_one(), pause=timedelta(0))
    owed = await stores.claim_one()

    await stores.accept("怎么开发票")
    assert await texts(stores) == []
    await stores.finish(owed, answered("祝您新年顺遂。"))

    assert await texts(stores) == ["怎么开发票"]


async def test_an_owed_message_that_fails_is_not_hurried_by_what_comes_in(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福")
    await hold(stores, await stores.claim_one(), pause=timedelta(0))
    owed = await stores.claim_one()
    await stores.pipeline.retry(owed, error="断线", until=stores.clock.now() + timedelta(seconds=30))

    await stores.accept("怎么开发票")

    assert await texts(stores) == []
    stores.clock.advance(timedelta(seconds=30))
    assert await texts(stores) == ["怎么开发票"]


async def test_owed_answers_keep_their_order_and_a_later_one_does_not_move_the_first_ones_time(stores: Stores) -> None:
    await stores.accept("第一件", "第二件", "第三件")
    for _ in range(3):
        await hold(stores, await stores.claim_one(), pause=PAUSE)
        stores.clock.advance(timedelta(seconds=1))
    stores.clock.advance(timedelta(seconds=3))
    assert await texts(stores) == []

    stores.clock.advance(timedelta(seconds=2))  # the first one's eight seconds
    order = []
    while claims := await stores.claim():
        order.append(claims[0].message.text)
        assert not claims[0].overtaken
        await stores.finish(claims[0], answered())

    assert order == ["第一件", "第二件", "第三件"], "once one could be answered, the next is tried at once"


async def test_a_dead_runner_leaves_owed_answers_owed(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福", "怎么开发票")
    await hold(stores, await stores.claim_one())
    lost = await stores.claim_one()

    await stores.pipeline.recover(owner=OTHER)
    again = await stores.claim_one()

    assert (lost.message.text, again.message.text, again.attempt) == ("怎么开发票", "怎么开发票", 2)
    await stores.finish(again, answered())
    stores.clock.advance(PAUSE)
    assert (await stores.claim_one()).owed


async def test_an_owed_message_is_answered_in_the_light_of_what_came_before_it(stores: Stores) -> None:
    await stores.accept("怎么退货")
    await stores.answer("七天内申请。")
    await stores.accept("那运费呢", "滤芯多久换一次")
    await hold(stores, await stores.claim_one())
    newer = await stores.claim_one()
    await stores.finish(newer, answered("半年一次。"))
    stores.clock.advance(PAUSE)

    owed = await stores.claim_one()

    before = (Utterance("user", "怎么退货"), Utterance("assistant", "七天内申请。"))
    assert (owed.history, newer.history) == (before, before)


async def test_words_of_a_burst_stay_with_the_message_that_they_are_answered_with(stores: Stores) -> None:
    await stores.accept("我的净水器", "漏水了怎么办")
    first = await stores.claim_one()
    await stores.finish(first, burst.joined(first))
    await hold(stores, burst.whole(await stores.claim_one()))
    await stores.accept("怎么开发票")
    newer = burst.whole(await stores.claim_one())
    await stores.finish(newer, answered())
    stores.clock.advance(PAUSE)

    owed = burst.whole(await stores.claim_one())

    assert newer.message.text == "怎么开发票"
    assert (owed.message.text, owed.pending, owed.history) == ("我的净水器\n漏水了怎么办", None, ())


async def test_what_a_newer_message_was_asked_back_stays_open_when_the_owed_answer_comes(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福", "退换")
    await hold(stores, await stores.claim_one())
    newer = await stores.claim_one()
    await stores.finish(newer, TurnResult("clarify", Reply("退货还是换货？"), pending=ASKED_BACK))
    stores.clock.advance(PAUSE)
    for _ in range(2):  # the model is still down once
        owed = await stores.claim_one()
        assert owed.pending is None, "it is no answer to what was asked after it"
        await hold(stores, owed)
        stores.clock.advance(PAUSE)
    await stores.finish(await stores.claim_one(), answered("祝您新年顺遂。"))

    await stores.accept("2")

    assert (await stores.claim_one()).pending == ASKED_BACK


async def test_a_notice_is_promised_until_something_else_was_said(stores: Stores) -> None:
    await stores.accept("第一件")
    await hold(stores, await stores.claim_one())
    await stores.accept("第二件")
    second = await stores.claim_one()
    await hold(stores, second)
    await stores.accept("怎么开发票")
    await stores.finish(await stores.claim_one(), answered())
    await stores.accept("第三件")

    third = await stores.claim_one()

    assert second.promised
    assert not third.promised, "an answer came in between: they do not know that this one takes longer"
    assert [said.text for said in third.behind] == ["第一件", "第二件"]


async def test_in_a_group_nobody_is_promised_what_another_was(stores: Stores) -> None:
    both: dict[str, Any] = {"conversation_key": "group:1", "group": True}
    await stores.pipeline.accept(stores.message("帮我写一段祝福", id="g1", contact=Contact("wang", "王芳"), **both))
    await hold(stores, await stores.claim_one())
    await stores.pipeline.accept(stores.message("也帮我写一段", id="g2", contact=Contact("chen", "陈思远"), **both))

    claim = await stores.claim_one()

    assert not claim.promised
    assert claim.behind == (Utterance("user", "帮我写一段祝福", Contact("wang", "王芳")),)


async def test_an_owed_answer_that_a_person_gives_ends_silently_and_the_lane_is_empty(stores: Stores) -> None:
    await stores.accept("帮我写一段祝福", "转人工")
    await hold(stores, await stores.claim_one())
    await stores.finish(await stores.claim_one(), handed_over(Reason.ASKED))
    stores.clock.advance(PAUSE)

    owed = await stores.claim_one()
    assert (owed.owed, owed.blocked) == (True, True)
    await stores.finish(owed, SILENT)

    stores.clock.advance(timedelta(minutes=10))
    assert await texts(stores) == []
    await stores.accept("在吗")
    assert (await stores.claim_one()).behind == ()
