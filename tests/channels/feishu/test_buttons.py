"""Pressed buttons, over both ways in."""

from typing import Any

import msgspec
import pytest

from ai_worker.conversation.message import Choice
from ai_worker.demo.feishu import SimulatedFeishu, Way
from ai_worker.demo.feishu_state import Shown
from tests.channels.feishu.peer import GROUP, USER, Inbox, draft, event, outbound, platform, request, started
from tests.channels.memory import Memory

CHOICES = (Choice("faq-1", "退货运费"), Choice("faq-2", "退款时间"))
QUESTION = "您问的是哪一个？\n1. 退货运费\n2. 退款时间"


async def pressed(at: SimulatedFeishu, shown: Shown, label: str, **changes: Any) -> dict[str, Any]:
    said = await at.press(shown, label, **{"user": USER, **changes})
    assert said.acknowledged
    answer: dict[str, Any] = msgspec.json.decode(said.answer)
    return answer


async def test_an_opinion_is_kept_and_the_card_says_thanks_in_its_place() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await channel.deliver(outbound("三天内到账。", rateable=True))
        (shown,) = at.shown_to(USER)
        answer = await pressed(at, shown, "有帮助")
        assert answer["toast"] == {"type": "success", "content": "感谢您的反馈"}
        assert (shown.text, shown.buttons) == ("三天内到账。\n已收到：有帮助，谢谢！", {})
        (rating,) = inbox.ratings
        assert (rating.turn_id, rating.mark, rating.channel, rating.contact) == ("turn-1", "up", "service-desk", USER)
        assert (len(at.shown_to(USER)), at.counts.violations, inbox.messages) == (1, type(at.counts.violations)(), [])


async def test_a_grown_card_says_thanks_in_its_place_too() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await channel.show(draft("三天"))
        await channel.deliver(outbound("三天内到账。", rateable=True))
        (shown,) = at.shown_to(USER)
        assert "card" not in await pressed(at, shown, "没帮助")
        await inbox.until(lambda _: not shown.buttons)
        assert shown.text == "三天内到账。\n已收到：没帮助，我们会改进，谢谢！"
        assert [rating.mark for rating in inbox.ratings] == ["down"]


async def test_a_choice_is_a_message_with_its_label_and_its_id() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await channel.deliver(outbound(QUESTION, choices=CHOICES))
        (shown,) = at.shown_to(USER)
        for _ in range(3):  # people press again
            await pressed(at, Shown(**{name: getattr(shown, name) for name in shown.__slots__}), "退款时间")
        (message,) = inbox.messages
        assert (message.text, message.chosen, message.contact.id) == ("退款时间", "faq-2", USER)
        assert (message.conversation_key, message.group, message.address["user"]) == (USER, False, USER)


async def test_after_a_choice_the_card_says_which() -> None:
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound(QUESTION, choices=CHOICES, rateable=True))
        (shown,) = at.shown_to(USER)
        await pressed(at, shown, "退货运费")
        assert list(shown.buttons) == ["有帮助", "没帮助"]
        assert shown.text == f"{QUESTION}\n已选择：退货运费"
        await pressed(at, shown, "有帮助")
        assert shown.text == f"{QUESTION}\n已选择：退货运费\n已收到：有帮助，谢谢！"


async def test_in_a_group_whoever_presses_is_who_is_answered() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        at.api.heard("om_7", GROUP)
        await channel.deliver(outbound(QUESTION, choices=CHOICES, group=GROUP, message="om_7"))
        await pressed(at, at.shown_to(GROUP)[0], "退款时间", user="ou_wangfang")
        (message,) = inbox.messages
        assert (message.contact.id, message.conversation_key, message.group) == ("ou_wangfang", f"group:{GROUP}", True)
        assert (message.address["user"], message.address["chat"]) == ("ou_wangfang", GROUP)


async def test_a_press_comes_by_http_as_well() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox, mode="webhook") as channel:
        await channel.deliver(outbound(QUESTION, choices=CHOICES))
        inside = {
            "operator": {"open_id": USER},
            "action": {"value": at.shown_to(USER)[0].buttons["退款时间"], "tag": "button"},
        }
        from time import time

        answer = await channel.callback(request(event("card.action.trigger", inside), at=int(time())))
        told = msgspec.json.decode(answer.body)
        assert (answer.status, told["toast"]["type"], told["card"]["type"]) == (200, "info", "raw")
        assert [message.chosen for message in inbox.messages] == ["faq-2"]


@pytest.mark.parametrize("way", ["connection"])
async def test_what_could_not_be_kept_asks_to_press_again(way: Way) -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await channel.deliver(outbound(QUESTION, choices=CHOICES, rateable=True))
        (shown,) = at.shown_to(USER)
        inbox.busy = 2
        for label in ("退款时间", "有帮助"):
            assert (await pressed(at, shown, label, way=way))["toast"]["type"] == "warning"
        assert list(shown.buttons) == ["退货运费", "退款时间", "有帮助", "没帮助"]
        await pressed(at, shown, "有帮助", way=way)
        assert [rating.mark for rating in inbox.ratings] == ["up"]


async def test_a_slow_store_does_not_make_the_platform_wait() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await channel.deliver(outbound("三天内到账。", rateable=True))
        inbox.slow_s = 1.3
        said = await at.press(at.shown_to(USER)[0], "有帮助", user=USER)
        assert said.acknowledged
        assert at.counts.missed_deadlines == 0
        await inbox.until(lambda inbox: len(inbox.ratings) == 1)


async def test_a_card_from_before_memory_says_so() -> None:
    store = Memory()
    async with platform() as at, started(at, store=store) as channel:
        await channel.deliver(outbound(QUESTION, choices=CHOICES, rateable=True))
        (shown,) = at.shown_to(USER)
        store.values.clear()
        assert "过期" in (await pressed(at, shown, "退款时间"))["toast"]["content"]
        assert (await pressed(at, shown, "有帮助"))["toast"]["type"] == "success"


@pytest.mark.parametrize(
    "value", [None, "text", [], {}, {"turn": 5, "rate": "up"}, {"turn": "turn-1", "rate": "sideways"}, {"rate": "up"}]
)
async def test_a_button_that_is_not_ours_does_nothing(value: object) -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox):
        inside = {"operator": {"open_id": USER}, "action": {"value": value, "tag": "button"}}
        said = await at.push(at.event("card.action.trigger", inside), "x", USER)
        assert (said.acknowledged, said.answer, inbox.ratings, inbox.messages) == (True, b"{}", [], [])
