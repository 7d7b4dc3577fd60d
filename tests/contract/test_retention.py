"""What every store forgets in time, and what it never does."""

from datetime import timedelta

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import NoSuchConversation
from ai_worker.pipeline.store import RETENTION
from tests.contract.material import Stores, answered, handed_over

A_DAY = timedelta(days=1)


async def _texts(stores: Stores, conversation_id: int) -> list[str]:
    return [item.text for item in await stores.conversations.thread(conversation_id)]


async def _forgotten(stores: Stores, conversation_id: int) -> bool:
    try:
        await stores.conversations.conversation(conversation_id)
    except NoSuchConversation:
        return True
    return False


async def test_a_conversation_that_nobody_went_on_with_is_forgotten_as_a_whole(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    claim = await stores.answer()
    stores.clock.advance(RETENTION - A_DAY)
    await stores.forget()
    assert await _texts(stores, claim.conversation_id) == ["怎么退货？", "可以退货。"]

    stores.clock.advance(A_DAY * 2)
    await stores.forget()

    assert await _forgotten(stores, claim.conversation_id)
    assert await stores.conversations.find("service-desk", "wang-fang") is None
    assert await stores.conversations.turn(turn) is None
    assert await _texts(stores, claim.conversation_id) == []
    assert sum((await stores.conversations.counts()).values()) == 0


async def test_of_a_conversation_that_goes_on_only_what_is_old_is_forgotten(stores: Stores) -> None:
    await stores.accept("旧问题")
    claim = await stores.answer("旧回答")
    stores.clock.advance(RETENTION - A_DAY)
    await stores.accept("新问题")
    await stores.answer("新回答")
    stores.clock.advance(A_DAY * 2)

    await stores.forget()

    assert await _texts(stores, claim.conversation_id) == ["新问题", "新回答"]
    await stores.accept("再来")
    history = (await stores.claim_one()).history
    assert [utterance.text for utterance in history] == ["新问题", "新回答"]


async def test_a_message_is_recognised_as_long_as_platforms_may_send_it_again(stores: Stores) -> None:
    await stores.accept("怎么退货？")
    await stores.answer()
    for _ in range(4):
        stores.clock.advance(timedelta(days=20))
        await stores.forget()
        assert (await stores.pipeline.accept(stores.message("怎么退货？", id="wang-fang/怎么退货？"))).duplicate


async def test_what_waits_is_never_forgotten(stores: Stores) -> None:
    (turn,) = await stores.accept("还在等")
    stores.clock.advance(RETENTION * 4)

    await stores.forget()

    assert (await stores.claim_one()).turn_id == turn


async def test_a_reply_that_is_still_to_be_sent_keeps_its_turn(stores: Stores) -> None:
    (turn,) = await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    await stores.finish(claim, answered(), reply := stores.outbound(claim, "可以退货。"))
    await stores.pipeline.postpone(reply, until=stores.clock.now() + RETENTION * 2, error="忙", unsure=False)
    stores.clock.advance(RETENTION + A_DAY)

    await stores.forget()

    assert await stores.conversations.turn(turn) is not None


async def test_dead_letters_stay_until_somebody_decides(stores: Stores) -> None:
    await stores.bury("毒消息")
    reply = await stores.undelivered("可以退货。", who="zhao")
    stores.clock.advance(RETENTION + A_DAY)
    await stores.forget()
    letters = await stores.dead_letters.dead_letters()
    assert len(letters) == await stores.dead_letters.count() == 2
    assert await stores.conversations.turn(reply.turn_id) is not None

    for letter in letters:
        await stores.dead_letters.drop(letter.id)
    await stores.forget()

    assert [await _forgotten(stores, letter.conversation_id) for letter in letters] == [True, True]


async def test_a_conversation_that_waits_for_a_person_stays_whole(stores: Stores) -> None:
    await stores.accept("我要投诉")
    claim = await stores.claim_one()
    await stores.finish(claim, handed_over(Reason.COMPLAINT))
    stores.clock.advance(RETENTION + A_DAY)

    await stores.forget()

    assert "我要投诉" in await _texts(stores, claim.conversation_id)
    assert (await stores.conversations.counts())[State.WAITING] == 1


async def test_a_persons_words_and_notices_go_with_their_conversation(stores: Stores) -> None:
    await stores.accept("我要人工")
    claim = await stores.answer()
    number, now = claim.conversation_id, stores.clock.now()
    await stores.conversations.take_over(number, "李雷", now)
    await stores.conversations.say(number, "李雷", Reply("我来了。"), now)
    (sent,) = await stores.claim_outbound()
    await stores.pipeline.settle(sent, "delivered", now=now)
    stores.clock.advance(RETENTION + A_DAY)
    await stores.forget()
    assert "我来了。" in await _texts(stores, number), "the person has not handed it back"

    await stores.conversations.hand_back(number, "李雷", stores.clock.now())
    await stores.forget()
    assert await _texts(stores, number) == ["handed_back"]
    stores.clock.advance(RETENTION + A_DAY)
    await stores.forget()

    assert await _forgotten(stores, number)


async def test_questions_on_their_own_are_forgotten_too_whatever_became_of_them(stores: Stores) -> None:
    numbers = []
    for who, result in (("ask-1", answered()), ("ask-2", handed_over(Reason.UNKNOWN))):
        await stores.accept("火星上有店吗？", who=who, standalone=True)
        claim = await stores.claim_one()
        await stores.finish(claim, result)
        numbers.append(claim.conversation_id)
    stores.clock.advance(RETENTION + A_DAY)

    await stores.forget()

    assert [await _forgotten(stores, number) for number in numbers] == [True, True]


async def test_gaps_outlive_the_turns_that_showed_them(stores: Stores) -> None:
    await stores.accept("火星上有店吗？")
    await stores.finish(await stores.claim_one(), handed_over(Reason.UNKNOWN))
    (claim,) = await stores.conversations.conversations()
    await stores.conversations.take_over(claim.id, "李雷", stores.clock.now())
    await stores.conversations.hand_back(claim.id, "李雷", stores.clock.now())
    stores.clock.advance(RETENTION + A_DAY)

    await stores.forget()

    assert await _forgotten(stores, claim.id)
    (gap,) = await stores.gaps.open_gaps(9)
    assert (gap.question, gap.times) == ("火星上有店吗？", 1)


async def test_forgetting_is_done_in_small_pieces_and_ends(stores: Stores) -> None:
    for number in range(450):
        await stores.accept("在吗", who=f"contact-{number}")
    for claim in await stores.claim(limit=450):
        await stores.finish(claim, answered())
    stores.clock.advance(RETENTION + A_DAY)

    pieces = 0
    while await stores.sweep(stores.clock.now()):
        pieces += 1

    assert pieces > 1
    assert await stores.conversations.conversations() == []


async def test_what_is_kept_of_a_daily_contact_is_bounded(stores: Stores) -> None:
    for day in range(365):
        await stores.accept(f"第 {day} 天", worker="xiaozhi")
        claim = await stores.answer()
        stores.clock.advance(A_DAY)
        if day % 10 == 0:
            await stores.forget()
    await stores.forget()

    kept = [text for text in await _texts(stores, claim.conversation_id) if text.startswith("第")]

    assert RETENTION.days - 1 <= len(kept) <= RETENTION.days
