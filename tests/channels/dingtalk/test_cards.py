"""AI cards: answers that grow, end complete, carry buttons, and survive the death of their process."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ai_worker.channels.contract import Draft, SendFailed
from ai_worker.channels.dingtalk.cards import CardPace
from ai_worker.conversation.message import Choice
from ai_worker.demo.dingtalk import Fault, SimulatedDingtalk
from ai_worker.foundation.clock import SystemClock
from tests.channels.dingtalk.peer import GROUP, STAFF, TEMPLATE, Inbox, outbound, platform, started
from tests.channels.memory import Memory

TEXT = "退款一般三个工作日内到账。超过五个工作日没有到账，请把订单号发给我。"
QUICK = CardPace(update_s=0.05)
CHOICES = (Choice("faq-1", "退款进度"), Choice("faq-2", "退货地址"))


def simulated(**changes: Any) -> SimulatedDingtalk:
    return platform(card_template=TEMPLATE, **changes)


def draft(address: dict[str, str], text: str, *, holding: bool = False) -> Draft:
    return Draft("r-1", "turn-1", 1, "front-desk", address, text, holding)


async def address(dingtalk: SimulatedDingtalk, inbox: Inbox, *, group: str = "", **changes: Any) -> dict[str, str]:
    await dingtalk.say(STAFF, "退款", group=group, **changes)
    return dict(inbox.messages[-1].address)


@pytest.mark.parametrize("group", ["", GROUP])
async def test_an_answer_grows_on_one_card_and_ends_complete(group: str) -> None:
    inbox = Inbox()
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK) as channel,
    ):
        to = await address(dingtalk, inbox, group=group)
        assert channel.grows
        for end in range(4, len(TEXT), 8):
            await channel.show(draft(to, TEXT[:end]))
        assert not dingtalk.card("r-1").finished
        await channel.deliver(outbound(to, TEXT, rateable=True))
        (shown,) = await dingtalk.replies_to(group or STAFF, 1)
        card = dingtalk.card("r-1")
        assert (shown.text, card.finished, card.finalized) == (TEXT, True, True)
        assert card.params["rateable"] == "true"
        times = [at for at, _ in card.updates]
        assert len(times) > 2
        assert all(later - earlier > 0.045 for earlier, later in pairwise(times[:-1]))
        assert list(dingtalk.counts.violations) == []


async def test_an_answer_that_never_grew_is_a_card_as_well_and_done_again_changes_nothing() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        for attempt in (1, 2, 3):
            await channel.deliver(outbound(to, TEXT, attempt=attempt, unsure=attempt > 1))
        (shown,) = dingtalk.shown_in(STAFF)
        assert (shown.text, dingtalk.card("r-1").finished) == (TEXT, True)
        assert list(dingtalk.counts.violations) == []


@pytest.mark.parametrize("lost", ["createAndDeliver", "card/streaming", "card/instances"])
async def test_a_lost_answer_of_the_card_ends_in_one_card(lost: str) -> None:
    inbox = Inbox()
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK) as channel,
    ):
        to = await address(dingtalk, inbox)
        if lost != "createAndDeliver":
            await channel.show(draft(to, TEXT[:9]))
        dingtalk.fail_next(Fault.lost_answer(lost))
        if lost == "createAndDeliver":  # a PUT is made once more by the HTTP client itself
            with pytest.raises(SendFailed) as failed:
                await channel.deliver(outbound(to, TEXT))
            assert failed.value.unsure
        await channel.deliver(outbound(to, TEXT, attempt=2, unsure=True))
        (shown,) = dingtalk.shown_in(STAFF)
        assert (shown.text, dingtalk.card("r-1").finished) == (TEXT, True)


async def test_a_card_is_ended_by_another_process_than_the_one_that_made_it() -> None:
    inbox, store = Inbox(), Memory()
    async with simulated() as dingtalk:
        async with started(dingtalk, inbox, card_template_id=TEMPLATE, store=store) as channel:
            to = await address(dingtalk, inbox)
            await channel.show(draft(to, TEXT[:9]))
        async with started(dingtalk, inbox, card_template_id=TEMPLATE, store=store) as channel:
            await channel.show(draft(to, TEXT[:12]))
            await channel.deliver(outbound(to, TEXT))
        (shown,) = dingtalk.shown_in(STAFF)
        assert (shown.text, dingtalk.card("r-1").finished) == (TEXT, True)
        assert list(dingtalk.counts.violations) == []


async def test_words_that_ask_for_patience_give_way_to_the_answer() -> None:
    inbox = Inbox()
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK) as channel,
    ):
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, "请稍等，正在查。", holding=True))
        assert dingtalk.card("r-1").params["flowStatus"] == "1"
        await channel.show(draft(to, TEXT[:9]))
        await channel.deliver(outbound(to, TEXT))
        assert [shown.text for shown in dingtalk.shown_in(STAFF)] == [TEXT]


async def test_without_a_card_the_answer_is_markdown() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox, card_template_id="unknown.schema") as channel:
        to = await address(dingtalk, inbox)
        with pytest.raises(SendFailed):
            await channel.show(draft(to, TEXT[:9]))
        await channel.deliver(outbound(to, TEXT))
        (shown,) = dingtalk.shown_in(STAFF)
        assert (shown.text, shown.msgtype) == (TEXT, "markdown")


async def test_a_place_that_takes_no_card_gets_markdown() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        dingtalk.fail_next(
            Fault("createAndDeliver", answer='{"success":true,"result":{"deliverResults":[{"success":false}]}}')
        )
        await channel.deliver(outbound(to, TEXT))
        assert [shown.msgtype for shown in dingtalk.shown_in(STAFF)] == ["markdown"]


async def test_somebody_from_outside_gets_markdown_and_the_words_that_ask_for_patience() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox, senderStaffId=None)
        with pytest.raises(SendFailed):
            await channel.show(draft(to, TEXT[:9]))
        await channel.show(draft(to, "请稍等。", holding=True))
        await channel.deliver(outbound(to, TEXT))
        assert [shown.text for shown in dingtalk.shown_in(STAFF)] == ["请稍等。", TEXT]


async def test_what_a_person_wrote_is_no_card() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        await channel.deliver(outbound(to, TEXT, kind="human"))
        assert [shown.msgtype for shown in dingtalk.shown_in(STAFF)] == ["markdown"]


async def test_too_many_calls_hold_cards_back_for_a_while() -> None:
    inbox, store = Inbox(), Memory()
    limit = Fault("card/streaming", 403, '{"code":"Forbidden.AccessDenied.QpsLimitForApi"}')
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK, store=store) as channel,
    ):
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, TEXT[:4]))
        dingtalk.fail_next(limit)
        await channel.show(draft(to, TEXT[:9]))
        assert store.blocked == [("front-desk", "cards", 2.0)]
        dingtalk.fail_next(limit)
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound(to, TEXT))
        assert (failed.value.retry_after, failed.value.blocks) == (2.0, "cards")
        await channel.deliver(outbound(to, TEXT, attempt=2))
        assert dingtalk.shown_in(STAFF)[0].text == TEXT


async def test_a_streaming_interface_that_stays_broken_does_not_keep_the_answer_back() -> None:
    inbox = Inbox()
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK) as channel,
    ):
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, TEXT[:4]))
        dingtalk.fail_next(*[Fault("card/streaming", 500, '{"code":"unknownError"}')] * 4)
        for attempt in (1, 2, 3):
            with pytest.raises(SendFailed):
                await channel.deliver(outbound(to, TEXT, attempt=attempt))
        await channel.deliver(outbound(to, TEXT, attempt=4))
        assert (dingtalk.shown_in(STAFF)[0].text, dingtalk.card("r-1").finished) == (TEXT, True)


async def test_a_permission_that_is_taken_away_meanwhile_does_not_keep_the_answer_back() -> None:
    inbox = Inbox()
    denied = '{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied"}'
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=QUICK) as channel,
    ):
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, TEXT[:4]))
        dingtalk.fail_next(*[Fault("/v1.0/card/", 403, denied)] * 9)
        for attempt in (1, 2, 3):
            with pytest.raises(SendFailed) as failed:
                await channel.deliver(outbound(to, TEXT, attempt=attempt))
            assert "权限" in str(failed.value)
        await channel.deliver(outbound(to, TEXT, attempt=4))
        assert [shown.text for shown in dingtalk.shown_in(STAFF)][-1] == TEXT


async def test_a_card_that_nobody_goes_on_with_is_ended() -> None:
    inbox, pace = Inbox(), CardPace(abandoned_s=0.2, look_s=0.05)
    async with (
        simulated() as dingtalk,
        started(dingtalk, inbox, card_template_id=TEMPLATE, card_pace=pace) as channel,
    ):
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, TEXT[:9]))
        async with asyncio.timeout(5):
            while not dingtalk.card("r-1").finished:
                await asyncio.sleep(0.02)
        await channel.deliver(outbound(to, TEXT))  # the answer comes after all, and still takes its place
        assert [shown.text for shown in dingtalk.shown_in(STAFF)] == [TEXT]


async def test_a_card_whose_process_died_and_whose_turn_was_given_up_is_ended() -> None:
    inbox, store, pace = Inbox(), Memory(SystemClock()), CardPace(orphaned_s=0.3, look_s=0.05)
    async with simulated() as dingtalk:
        async with started(dingtalk, inbox, card_template_id=TEMPLATE, store=store) as channel:
            await channel.show(draft(await address(dingtalk, inbox), TEXT[:9]))
        assert not dingtalk.card("r-1").finished
        async with started(dingtalk, inbox, card_template_id=TEMPLATE, store=store, card_pace=pace):
            async with asyncio.timeout(5):
                while not dingtalk.card("r-1").finished or store.values["front-desk", "open-cards"][0] != "{}":
                    await asyncio.sleep(0.02)
        assert [shown.text for shown in dingtalk.shown_in(STAFF)] == [TEXT[:9]]


async def test_an_ended_card_is_on_no_list_of_open_ones() -> None:
    inbox, store = Inbox(), Memory(SystemClock())
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE, store=store) as channel:
        to = await address(dingtalk, inbox)
        await channel.show(draft(to, TEXT[:9]))
        assert "r-1" in store.values["front-desk", "open-cards"][0]
        await channel.deliver(outbound(to, TEXT))
        assert store.values["front-desk", "open-cards"][0] == "{}"


async def test_a_pressed_choice_is_a_message_with_the_choice() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        await channel.deliver(outbound(to, "您想问哪一个？\n1. 退款进度\n2. 退货地址", choices=CHOICES))
        assert dingtalk.card("r-1").params["choice_2"] == "退货地址"
        for _ in range(2):
            assert await dingtalk.press("r-1", "choice_2", staff=STAFF)
        chosen = inbox.messages[-1]
        assert (chosen.text, chosen.chosen, chosen.conversation_key) == ("退货地址", "faq-2", STAFF)
        assert len(inbox.messages) == 2
        assert dingtalk.card("r-1").params["choice_1"] == ""
        await channel.deliver(outbound(chosen.address, "地址在说明书最后一页。", id="r-2"))
        assert dingtalk.shown_in(STAFF)[-1].text == "地址在说明书最后一页。"


async def test_in_a_group_whoever_presses_is_who_is_answered() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox, group=GROUP)
        await channel.deliver(outbound(to, "哪一个？", choices=CHOICES, rateable=True))
        assert await dingtalk.press("r-1", "choice_1", staff="zhoumin")
        chosen = inbox.messages[-1]
        assert (chosen.contact.id, chosen.conversation_key, chosen.group) == ("zhoumin", f"group:{GROUP}", True)
        assert await dingtalk.press("r-1", "up", staff="zhoumin")
        assert dingtalk.card("r-1").params["rateable"] == "true"
        assert dingtalk.card("r-1").private["zhoumin"]["rateable"] == "false"


async def test_a_pressed_opinion_is_durable_before_the_card_says_thanks() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        await channel.deliver(outbound(to, TEXT, rateable=True))
        inbox.busy = 1
        assert not await dingtalk.press("r-1", "down", staff=STAFF)
        assert dingtalk.card("r-1").params["rateable"] == "true"
        assert await dingtalk.press("r-1", "down", staff=STAFF)
        (rating,) = inbox.ratings
        assert (rating.turn_id, rating.mark, rating.contact) == ("turn-1", "down", STAFF)
        card = dingtalk.card("r-1")
        assert (card.params["rateable"], "感谢" in card.params["thanks"]) == ("false", True)
        assert len(dingtalk.shown_in(STAFF)) == 1
        assert dingtalk.counts.missed_deadlines == 0


@pytest.mark.parametrize("action", ["", "choice_0", "choice_5", "choice_9", "choice_x", "up ", "delete", "choice_１"])
async def test_a_button_that_is_none_of_ours_does_nothing(action: str) -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE) as channel:
        to = await address(dingtalk, inbox)
        await channel.deliver(outbound(to, "哪一个？", choices=CHOICES, rateable=True))
        assert await dingtalk.press("r-1", action, staff=STAFF)
        assert (len(inbox.messages), inbox.ratings) == (1, [])


async def test_over_http_there_are_no_buttons_because_nobody_would_hear_them() -> None:
    inbox = Inbox()
    async with simulated() as dingtalk, started(dingtalk, inbox, card_template_id=TEMPLATE, mode="http") as channel:
        to = {"contact": STAFF, "staff": STAFF, "conversation": "cid-1"}
        await channel.deliver(outbound(to, "哪一个？\n1. 退款进度", choices=CHOICES, rateable=True))
        params = dingtalk.card("r-1").params
        assert (params["choice_1"], params["rateable"]) == ("", "false")
