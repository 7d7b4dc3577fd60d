"""What every store of dead letters promises, in both directions."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import ThreadItem
from ai_worker.ops.stats import ServiceStats
from ai_worker.pipeline.deadletter import DeadLetter, LetterState, NoSuchDeadLetter
from ai_worker.pipeline.outbox import LIFETIME
from tests.contract.material import SILENT, Stores, answered

BAD_ENDS: list[LetterState] = ["failed", "unknown", "expired"]


async def _sums(stores: Stores) -> ServiceStats:
    now = stores.clock.now()
    return await stores.stats.service(since=now - timedelta(hours=2), until=now + timedelta(seconds=1))


async def _line(stores: Stores, letter: DeadLetter) -> ThreadItem:
    """Return the line of the thread that the letter is."""
    thread = await stores.conversations.thread(letter.conversation_id)
    (line,) = (item for item in thread if item.text == letter.text)
    return line


async def test_a_given_up_message_is_a_dead_letter_with_all_that_a_person_needs(stores: Stores) -> None:
    at = stores.clock.now()
    (turn,) = await stores.bury("毒消息", error="ValueError: 读不懂")

    (letter,) = await stores.dead_letters.dead_letters()

    assert letter == DeadLetter(
        turn_id=turn,
        channel="service-desk",
        conversation_id=letter.conversation_id,
        contact_id="wang-fang",
        contact_name="王芳",
        text="毒消息",
        error="ValueError: 读不懂",
        attempts=1,
        received_at=at,
    )
    assert (letter.id, letter.kind, letter.state) == (turn, "message", "dead")
    assert await stores.dead_letters.dead_letter(turn) == letter
    line = await _line(stores, letter)
    assert (line.author, line.letter, line.letter_id, line.error) == ("contact", "dead", turn, "ValueError: 读不懂")


@pytest.mark.parametrize("state", BAD_ENDS)
async def test_a_reply_that_did_not_arrive_for_certain_is_a_dead_letter(stores: Stores, state: LetterState) -> None:
    assert state != "dead"
    reply = await stores.undelivered("可以退货。", state, error="errcode 60020")

    (letter,) = await stores.dead_letters.dead_letters()

    assert (letter.id, letter.kind, letter.state) == (reply.id, "reply", state)
    assert (letter.turn_id, letter.outbound_id) == (reply.turn_id, reply.id)
    assert (letter.text, letter.error, letter.attempts) == ("可以退货。", "errcode 60020", 1)
    assert letter.received_at == reply.created_at
    assert await stores.dead_letters.dead_letter(reply.id) == letter
    line = await _line(stores, letter)
    assert (line.delivery, line.letter, line.letter_id, line.error) == (state, "dead", reply.id, "errcode 60020")


async def test_a_persons_words_that_did_not_arrive_are_a_dead_letter(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.answer()
    await stores.conversations.take_over(claim.conversation_id, "李雷", stores.clock.now())
    outbound_id = await stores.conversations.say(claim.conversation_id, "李雷", Reply("我来了。"), stores.clock.now())
    (sent,) = await stores.claim_outbound()
    await stores.pipeline.settle(sent, "failed", now=stores.clock.now(), error="60111")

    (letter,) = await stores.dead_letters.dead_letters()

    assert (letter.id, letter.turn_id, letter.text) == (outbound_id, "", "我来了。")
    assert (await _line(stores, letter)).letter_id == outbound_id


async def test_what_arrived_what_waits_and_late_notices_are_no_dead_letters(stores: Stores) -> None:
    await stores.accept("一")
    await stores.answer()
    await stores.accept("二")
    claim = await stores.claim_one()
    notice = stores.outbound(claim, "正在处理。", "holding")
    await stores.pipeline.announce(claim, notice)
    await stores.pipeline.settle(notice, "failed", now=stores.clock.now(), error="坏")

    assert await stores.dead_letters.dead_letters() == []
    assert await stores.dead_letters.count() == 0
    for line in await stores.conversations.thread(claim.conversation_id):
        assert line.letter is None


async def test_the_newest_come_first_and_all_are_counted(stores: Stores) -> None:
    first, second = await stores.bury("一", "二")
    third = (await stores.undelivered("三", who="zhao")).id
    (fourth,) = await stores.bury("四", who="qian")

    letters = await stores.dead_letters.dead_letters()
    two = await stores.dead_letters.dead_letters(limit=2)

    assert [letter.id for letter in letters] == [fourth, third, second, first]
    assert two == letters[:2]
    assert await stores.dead_letters.count() == 4


async def test_what_is_not_there_is_said_to_be_missing(stores: Stores) -> None:
    (turn,) = await stores.accept("还在等")

    for letter_id in ("t-nothing", turn, ""):
        with pytest.raises(NoSuchDeadLetter):
            await stores.dead_letters.dead_letter(letter_id)
        with pytest.raises(NoSuchDeadLetter):
            await stores.dead_letters.resubmit(letter_id, now=stores.clock.now())
        with pytest.raises(NoSuchDeadLetter):
            await stores.dead_letters.drop(letter_id)
    assert (await stores.claim_one()).turn_id == turn, "and nothing happened to what waits"


async def test_a_resubmitted_message_is_due_at_once_from_its_first_attempt(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    stores.clock.advance(timedelta(hours=3))

    await stores.dead_letters.resubmit(turn, now=stores.clock.now())

    assert await stores.dead_letters.count() == 0
    claim = await stores.claim_one()
    assert (claim.turn_id, claim.attempt, claim.message.text) == (turn, 1, "毒消息")
    await stores.finish(claim, answered("这次好了。"))
    thread = await stores.conversations.thread(claim.conversation_id)
    assert [(item.text, item.letter) for item in thread] == [("毒消息", None), ("这次好了。", None)]
    sums = await stores.stats.service(
        since=stores.clock.now() - timedelta(hours=6), until=stores.clock.now() + timedelta(seconds=1)
    )
    assert (sums.accepted, sums.answered, sums.failed, sums.waiting) == (1, 1, 0, 0)


async def test_a_resubmitted_message_comes_before_what_waits_behind_it(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    await stores.accept("后来的")
    later = await stores.claim_one()
    await stores.pipeline.retry(later, error="坏", until=stores.clock.now() + timedelta(seconds=50))

    await stores.dead_letters.resubmit(turn, now=stores.clock.now())

    claim = await stores.claim_one()
    assert claim.message.text == "毒消息", "its lane is due at once, whatever the later message waits for"
    await stores.finish(claim, answered())
    assert (await stores.claim_one()).message.text == "后来的"


async def test_a_resubmitted_message_waits_for_the_turn_in_progress(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    await stores.accept("后来的")
    working = await stores.claim_one()

    await stores.dead_letters.resubmit(turn, now=stores.clock.now())

    assert await stores.claim() == []
    await stores.finish(working, answered())
    assert (await stores.claim_one()).turn_id == turn
    assert (await _sums(stores)).waiting == 1


async def test_a_message_can_die_and_be_resubmitted_again(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    await stores.dead_letters.resubmit(turn, now=stores.clock.now())
    await stores.pipeline.bury(await stores.claim_one(), error="还是坏", now=stores.clock.now())

    (letter,) = await stores.dead_letters.dead_letters()
    await stores.dead_letters.resubmit(turn, now=stores.clock.now())

    assert letter.error == "还是坏"
    assert (await stores.claim_one()).attempt == 1


async def test_of_many_people_at_once_one_resubmits(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    now = stores.clock.now()

    outcomes = await asyncio.gather(
        *(stores.dead_letters.resubmit(turn, now=now) for _ in range(8)), return_exceptions=True
    )

    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NoSuchDeadLetter) for outcome in outcomes) == 7
    await stores.finish(await stores.claim_one(), SILENT)
    assert await stores.claim() == [], "it waited once"


@pytest.mark.parametrize("state", BAD_ENDS)
async def test_a_resubmitted_reply_goes_out_again_and_stays_unsure_if_it_was(
    stores: Stores, state: LetterState
) -> None:
    assert state != "dead"
    reply = await stores.undelivered("可以退货。", state)
    stores.clock.advance(timedelta(days=2))

    await stores.dead_letters.resubmit(reply.id, now=stores.clock.now())

    (again,) = await stores.claim_outbound()
    expected = replace(reply, expires_at=stores.clock.now() + LIFETIME, attempt=1, unsure=state == "unknown")
    assert again == expected, "it lives as long as a new one"
    assert again.asked_at == reply.asked_at
    assert await stores.dead_letters.count() == 0
    await stores.pipeline.settle(again, "delivered", now=stores.clock.now(), platform_id="p-1")
    line = (await stores.conversations.thread(reply.conversation_id))[-1]
    assert (line.delivery, line.letter) == ("delivered", None)


async def test_a_resubmitted_reply_goes_out_once_the_one_that_is_being_sent_has_settled(stores: Stores) -> None:
    old = await stores.undelivered("旧的。")
    await stores.accept("新的")
    claim = await stores.claim_one()
    new = stores.outbound(claim, "新的。")
    await stores.finish(claim, answered(), new)

    await stores.dead_letters.resubmit(old.id, now=stores.clock.now())
    beside = await stores.claim_outbound()
    more = await stores.pipeline.settle(new, "delivered", now=stores.clock.now())

    assert beside == []
    assert more
    assert [row.id for row in await stores.claim_outbound()] == [old.id]


async def test_what_a_settled_row_is_told_again_does_not_let_two_go_out_at_once(stores: Stores) -> None:
    done = await stores.undelivered("早就送到。", "delivered")
    old = await stores.undelivered("旧的。")
    await stores.accept("新的")
    claim = await stores.claim_one()
    await stores.finish(claim, answered(), stores.outbound(claim, "新的。"))
    await stores.dead_letters.resubmit(old.id, now=stores.clock.now())

    await stores.pipeline.settle(done, "delivered", now=stores.clock.now())

    assert await stores.claim_outbound() == [], "one of the conversation is being sent already"


async def test_a_dropped_message_leaves_the_list_and_stays_in_thread_and_sums(stores: Stores) -> None:
    (turn,) = await stores.bury("毒消息")
    (letter,) = await stores.dead_letters.dead_letters()

    await stores.dead_letters.drop(turn)

    assert await stores.dead_letters.count() == 0
    assert await stores.dead_letters.dead_letters() == []
    assert await stores.claim() == []
    line = await _line(stores, letter)
    assert (line.letter, line.error) == ("dropped", "ValueError: 坏消息")
    sums = await _sums(stores)
    assert (sums.accepted, sums.failed, sums.waiting) == (1, 1, 0)
    with pytest.raises(NoSuchDeadLetter):
        await stores.dead_letters.resubmit(turn, now=stores.clock.now())
    again = await stores.pipeline.accept(stores.message("毒消息", id="wang-fang/毒消息"))
    assert (again.duplicate, again.turn_id) == (True, turn)


@pytest.mark.parametrize("state", BAD_ENDS)
async def test_a_dropped_reply_is_never_sent_and_its_end_is_not_forgotten(stores: Stores, state: LetterState) -> None:
    assert state != "dead"
    reply = await stores.undelivered("可以退货。", state)
    (letter,) = await stores.dead_letters.dead_letters()

    await stores.dead_letters.drop(reply.id)

    assert await stores.dead_letters.count() == 0
    assert await stores.claim_outbound() == []
    line = await _line(stores, letter)
    assert (line.delivery, line.letter, line.error) == (state, "dropped", "errcode 60020")
    assert (await _sums(stores)).failed == (state != "unknown")
    with pytest.raises(NoSuchDeadLetter):
        await stores.dead_letters.drop(reply.id)


async def test_a_later_message_of_the_conversation_is_not_held_up(stores: Stores) -> None:
    await stores.bury("毒消息")
    await stores.accept("还有一句")

    assert (await stores.claim_one()).message.text == "还有一句"


async def test_a_reply_knows_when_its_question_came(stores: Stores) -> None:
    asked = stores.clock.now()
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    stores.clock.advance(timedelta(minutes=20))
    await stores.finish(claim, answered(), reply := stores.outbound(claim, "可以退货。"))
    await stores.pipeline.postpone(reply, until=stores.clock.now(), error="忙", unsure=False)

    (again,) = await stores.claim_outbound()

    assert again.asked_at == asked
