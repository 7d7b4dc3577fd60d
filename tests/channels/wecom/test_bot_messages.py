"""What an AI bot hears over its long connection, and how it answers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.conversation.message import Choice
from ai_worker.demo.wecom_bot import SimulatedBotGateway
from ai_worker.foundation.clock import FixedClock
from tests.channels.wecom.bots import Desk, answer_to, bot_at, draft_of, eventually, gateway, turn_of

USER = "linxiaoyan"


async def test_an_answer_ends_complete_where_it_grew() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        said = await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        for text in ("年假", "年假按入职", "年假按入职年限"):
            await bot.show(draft_of(message, text))
        assert [(shown.text, shown.finished) for shown in platform.shown_to(USER)] == [("年假按入职年限", False)]

        await bot.deliver(answer_to(message))
        (shown,) = platform.shown_to(USER, after=said)
        assert (shown.text, shown.finished, shown.updates) == ("年假按入职年限计算。", True, 3)
        assert shown.feedback_id == turn_of(message)
        assert list(platform.counts.violations) == []
        health = bot.health()
        assert health.state == "ready"
        assert set(health.proofs) == {"credentials", "connection", "message", "reply"}


async def test_an_answer_longer_than_a_stream_takes_goes_on_in_further_messages() -> None:
    text = "".join(f"第{n}条：员工入职满一年后享受年假，天数按工龄计算。" for n in range(1, 1_001))
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        await bot.show(draft_of(message, text))
        needs = bot.needs(answer_to(message, text))
        await bot.deliver(answer_to(message, text))

        shown = platform.shown_to(USER)
        assert "".join(bubble.text for bubble in shown) == text
        assert {need.count for need in needs} == {len(shown)} == {4}
        assert list(platform.counts.violations) == []


async def test_the_same_answer_again_is_shown_once() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        platform.answer_next(None)  # taken, and the answer lost
        with pytest.raises(SendFailed) as failed:
            await bot.deliver(answer_to(message))
        assert failed.value.unsure
        assert failed.value.retry_after is not None

        await bot.deliver(answer_to(message, unsure=True, attempt=2))
        (shown,) = platform.shown_to(USER)
        assert (shown.text, shown.finished) == ("年假按入职年限计算。", True)


async def test_after_a_reconnect_the_answer_comes_as_a_message_of_its_own() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        await bot.show(draft_of(message, "年假"))
        await platform.cut()
        await eventually(lambda: not bot.sends_here())
        await platform.connected()
        await eventually(bot.sends_here)

        with pytest.raises(SendFailed):
            await bot.show(draft_of(message, "年假按"))
        await bot.deliver(answer_to(message))
        half, whole = platform.shown_to(USER)
        assert (half.text, half.finished) == ("年假", False)
        assert (whole.text, whole.pushed, whole.feedback_id) == ("年假按入职年限计算。", True, turn_of(message))
        assert list(platform.counts.violations) == []


async def test_a_req_id_that_the_platform_has_forgotten_leads_to_a_message_of_its_own() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        platform.answer_next(846605)
        await bot.deliver(answer_to(message))
        (shown,) = platform.shown_to(USER)
        assert (shown.text, shown.pushed) == ("年假按入职年限计算。", True)


async def test_a_day_later_the_answer_is_a_message_of_its_own() -> None:
    clock = FixedClock()
    async with gateway(clock=clock) as platform, bot_at(platform, clock=clock) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        clock.advance(timedelta(hours=23))
        await bot.deliver(answer_to(message, id="r-1", clock=clock))
        clock.advance(timedelta(hours=2))
        await bot.deliver(answer_to(message, id="r-2", clock=clock))
        assert [shown.pushed for shown in platform.shown_to(USER)] == [False, True]


async def test_a_stream_is_ended_before_its_six_minutes_are_over() -> None:
    async with gateway(stream_s=0.8) as platform, bot_at(platform, stream_s=0.3) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        await bot.show(draft_of(message, "年假"))
        await eventually(lambda: platform.shown_to(USER)[0].finished)
        (half,) = platform.shown_to(USER)
        assert half.text.startswith("年假\n\n（还在处理")

        with pytest.raises(SendFailed):
            await bot.show(draft_of(message, "年假按"))
        await bot.deliver(answer_to(message))
        _, whole = platform.shown_to(USER)
        assert (whole.text, whole.finished, whole.pushed) == ("年假按入职年限计算。", True, True)
        assert list(platform.counts.violations) == []


async def test_no_more_than_three_answers_grow_for_one_person() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        for n in range(4):
            await platform.say(USER, f"问题{n}", msg_id=f"m{n}")
        messages = await desk.until(4)
        for message in messages[:3]:
            await bot.show(draft_of(message, "正在查"))
        with pytest.raises(SendFailed):
            await bot.show(draft_of(messages[3], "正在查"))
        await bot.deliver(answer_to(messages[0]))
        await bot.show(draft_of(messages[3], "正在查"))
        for message in messages[1:]:
            await bot.deliver(answer_to(message))
        assert {shown.finished for shown in platform.shown_to(USER)} == {True}
        assert list(platform.counts.violations) == []


async def test_frames_for_one_message_go_out_one_after_the_other() -> None:
    async with gateway() as platform, bot_at(platform, answer_s=5.0) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        platform.answer_after_s = 0.05
        await asyncio.gather(*(bot.show(draft_of(message, "年" * n)) for n in range(1, 6)), return_exceptions=True)
        await bot.deliver(answer_to(message))
        assert list(platform.counts.violations) == []


async def test_too_many_messages_block_the_conversation() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        platform.answer_next(45009)
        with pytest.raises(SendFailed) as failed:
            await bot.deliver(answer_to(message))
        assert failed.value.blocks == bot.needs(answer_to(message))[0].limit.key == f"chat:{USER}"
        assert failed.value.retry_after == 60.0
        assert bot.health().state == "degraded"


async def test_an_unsubscribed_connection_is_left_for_a_new_one() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        platform.answer_next(846609)
        with pytest.raises(SendFailed) as failed:
            await bot.deliver(answer_to(message))
        assert failed.value.retry_after is not None
        await eventually(lambda: platform.counts.subscribes == 2)
        await eventually(bot.sends_here)
        await bot.deliver(answer_to(message))
        assert [shown.text for shown in platform.shown_to(USER)] == ["年假按入职年限计算。"]


async def test_choices_are_buttons_and_a_press_is_a_message() -> None:
    choices = (Choice("faq-1", "怎么申请年假"), Choice("faq-2", "年假有几天"))
    question = "您想问的是哪一个？回复序号就可以。\n1. 怎么申请年假\n2. 年假有几天\n都不是的话，请换个说法再问一次。"
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假")
        (message,) = await desk.until(1)
        await bot.deliver(answer_to(message, question, choices=choices, rateable=False))
        (card,) = platform.shown_to(USER)
        assert [button["text"] for button in card.card["button_list"]] == ["怎么申请年假", "年假有几天"]
        assert card.text == question

        for _ in range(2):
            await platform.press(USER, card, "faq-2")
        _, pressed = await desk.until(2)
        assert (pressed.text, pressed.chosen, pressed.contact.id) == ("年假有几天", "faq-2", USER)
        await eventually(lambda: platform.shown_to(USER)[0].updates > 0)
        assert platform.shown_to(USER)[0].text == "已选择：年假有几天"
        assert len(desk.messages) == 2

        await bot.deliver(answer_to(pressed, "工龄满一年有五天。"))
        assert platform.shown_to(USER)[-1].text == "工龄满一年有五天。"
        assert (list(platform.counts.violations), platform.counts.missed_deadlines) == ([], 0)


async def test_a_press_on_a_card_that_is_not_ours_only_updates_it() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假")
        (message,) = await desk.until(1)
        choices = (Choice("faq-1", "怎么申请年假"),)
        await bot.deliver(answer_to(message, "是这个吗？\n1. 怎么申请年假", choices=choices))
        (card,) = platform.shown_to(USER)
        await platform.press(USER, card, "drop-table")
        await eventually(lambda: platform.shown_to(USER)[0].updates > 0)
        assert "过期" in platform.shown_to(USER)[0].text
        assert len(desk.messages) == 1


async def test_where_an_answer_grows_already_choices_are_numbers() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.say(USER, "年假")
        (message,) = await desk.until(1)
        await bot.show(draft_of(message, "正在查询…", holding=True))
        await bot.deliver(answer_to(message, "是这个吗？\n1. 怎么申请年假", choices=(Choice("faq-1", "怎么申请年假"),)))
        (shown,) = platform.shown_to(USER)
        assert (shown.msgtype, shown.text, shown.finished) == ("stream", "是这个吗？\n1. 怎么申请年假", True)


async def test_whoever_opens_the_chat_is_welcomed() -> None:
    async with gateway() as platform, bot_at(platform, welcome="您好，我是小智。") as (_, desk):
        await platform.enter(USER)
        (shown,) = await platform.bubbles(USER, 1)
        assert shown.text == "您好，我是小智。"
        assert desk.messages == []


async def test_a_thumb_is_a_rating_of_the_answers_turn() -> None:
    async with gateway() as platform, bot_at(platform, desk=Desk(busy=0)) as (bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = await desk.until(1)
        await bot.deliver(answer_to(message))
        (shown,) = platform.shown_to(USER)
        desk.busy = 1  # it is tried again
        await platform.rate(USER, shown, 2, content="没说到点上", reasons=[2, 99])
        await platform.rate(USER, shown, 3)
        await platform.rate(USER, shown, 1)
        await eventually(lambda: len(desk.ratings) == 3)

        assert [rating.turn_id for rating in desk.ratings if rating.withdrawn] == [turn_of(message)]
        by_mark = {rating.mark: rating for rating in desk.ratings if not rating.withdrawn}
        assert by_mark["down"].turn_id == by_mark["up"].turn_id == turn_of(message)
        assert (by_mark["down"].reason, by_mark["down"].contact) == ("内容不完整；没说到点上", USER)
        assert len(platform.shown_to(USER)) == 1  # never a second message


async def test_in_a_group_the_asker_is_mentioned_and_the_bot_is_not() -> None:
    rules: dict[str, Any] = {"bot_name": "小智", "groups": {"wr-quiet": {"answer": "never"}}}
    async with gateway() as platform, bot_at(platform, **rules) as (bot, desk):
        await platform.say(USER, "@小智 年假怎么休？", chat="wr-quiet", msg_id="m0")
        await platform.say(USER, "@小智 年假怎么休？", chat="wr-1", msg_id="m1")
        await platform.say(USER, "在吗", msg_id="m2")
        messages = {message.message_id: message for message in await desk.until(2)}

        assert set(messages) == {"m1", "m2"}
        asked = messages["m1"]
        assert (asked.text, asked.group, asked.conversation_key) == ("年假怎么休？", True, "group:wr-1")
        assert messages["m2"].conversation_key == USER
        await bot.show(draft_of(asked, "年假"))
        await bot.deliver(answer_to(asked))
        (shown,) = platform.shown_to("wr-1")
        assert shown.text == f"<@{USER}> 年假按入职年限计算。"


async def test_what_cannot_be_kept_is_asked_for_again() -> None:
    clock = FixedClock()
    desk = Desk(busy=10_000)
    async with gateway() as platform, bot_at(platform, desk=desk, clock=clock) as (_, desk):
        await platform.say(USER, "年假怎么休？")
        await eventually(lambda: desk.busy < 10_000)
        clock.advance(timedelta(seconds=61))
        (shown,) = await platform.bubbles(USER, 1)
        assert "请稍后再发一次" in shown.text
        assert desk.messages == []


async def test_a_flood_beyond_what_can_wait_is_asked_for_again_and_nothing_is_lost_in_silence(
    platform: SimulatedBotGateway,
) -> None:
    desk = Desk(busy=10**9)
    async with bot_at(platform, desk=desk) as (_, desk):
        for n in range(100):
            await platform.say(USER, f"问题{n}", msg_id=f"m{n}")
        await eventually(lambda: len(platform.shown_to(USER)) >= 25)
        desk.busy = 0
        await eventually(lambda: len(desk.messages) + len(platform.shown_to(USER)) >= 94)
        assert [message.message_id for message in desk.messages] == [f"m{n}" for n in range(len(desk.messages))]


@pytest.fixture
async def platform() -> AsyncIterator[SimulatedBotGateway]:
    async with gateway() as opened:
        yield opened
