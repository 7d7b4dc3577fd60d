"""Messages out: in the right kind, to the right place, once, and what is done when they are refused."""

import asyncio
from typing import Any

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.feishu.answers import UNKNOWN, VERDICTS, Answered
from ai_worker.conversation.message import Choice
from ai_worker.demo.feishu import BOT
from ai_worker.demo.feishu_front import Fault
from tests.channels.feishu.peer import GROUP, SECRET, USER, Inbox, outbound, platform, started
from tests.channels.memory import Memory

CHOICES = (Choice("faq-1", "退货运费"), Choice("faq-2", "退款时间"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("订单已发货。", "text"),
        ("1. 打开订单\n2. 点退货", "text"),
        ("**三天内**到账", "post"),
        ("- 打开订单\n- 点退货", "post"),
        ("见[说明](https://example.cn/r)", "post"),
    ],
)
async def test_plain_words_are_a_text_and_marked_ones_a_post(text: str, kind: str) -> None:
    async with platform() as at, started(at) as channel:
        sent = await channel.deliver(outbound(text))
        (shown,) = at.shown_to(USER)
        assert (shown.kind, shown.text, shown.message_id) == (kind, text, sent.platform_id)
        assert channel.health().proofs.keys() >= {"reply", "credentials"}


async def test_choices_and_opinions_are_buttons_in_the_same_message() -> None:
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound("您问的是：\n1. 退货运费\n2. 退款时间", choices=CHOICES, rateable=True))
        (shown,) = at.shown_to(USER)
        assert shown.kind == "interactive"
        assert list(shown.buttons) == ["退货运费", "退款时间", "有帮助", "没帮助"]
        assert not shown.streaming


async def test_in_a_group_the_asker_is_answered_and_mentioned() -> None:
    async with platform() as at, started(at) as channel:
        at.api.heard("om_7", GROUP)
        for number, (text, rateable) in enumerate([("好的。", False), ("**好的**。", False), ("好的。", True)]):
            await channel.deliver(outbound(text, id=f"r-{number}", group=GROUP, message="om_7", rateable=rateable))
        plain, rich, card = at.shown_to(GROUP)
        assert [shown.answers for shown in (plain, rich, card)] == ["om_7"] * 3
        assert plain.text == f'<at user_id="{USER}"></at> 好的。'
        assert rich.text == f'<at user_id="{USER}"></at> **好的**。'
        assert card.text.startswith(f"<at id={USER}></at> 好的。")


async def test_an_answer_to_a_withdrawn_message_goes_to_the_group() -> None:
    async with platform() as at, started(at) as channel:
        at.api.withdrawn.add("om_7")
        await channel.deliver(outbound("好的。", group=GROUP, message="om_7"))
        (shown,) = at.shown_to(GROUP)
        assert shown.answers == ""


async def test_a_reply_has_no_power_to_mention_everybody() -> None:
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound('请看 <at user_id="all">所有人</at> 和 <AT id=all></AT>', group=GROUP))
        (shown,) = at.shown_to(GROUP)
        assert shown.text == f'<at user_id="{USER}"></at> 请看 ＜at user_id="all">所有人＜/at> 和 ＜AT id=all>＜/AT>'


async def test_a_second_delivery_shows_nothing_twice() -> None:
    async with platform() as at, started(at) as channel:
        for rateable in (False, True):
            message = outbound("好的。" * 5, id=f"r-{rateable}", rateable=rateable)
            for _ in range(3):
                await channel.deliver(message)
        assert (len(at.shown_to(USER)), at.counts.suppressed) == (2, 4)


async def test_an_answer_that_was_lost_on_its_way_is_not_shown_twice() -> None:
    async with platform() as at, started(at) as channel:
        at.fail_next(Fault(takes=True, closes=True, path="/messages"))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound("好的。"))
        assert failed.value.unsure
        assert failed.value.retry_after is not None
        await channel.deliver(outbound("好的。", unsure=True))
        assert len(at.shown_to(USER)) == 1


@pytest.mark.parametrize(
    ("unit", "rateable"),
    [("退货须在七天内提出。", True), ('"\\"引号"\n', True), ("**重要**。", False)],
)
async def test_a_long_reply_is_split_below_the_platforms_limits_and_buttons_come_last(
    unit: str, rateable: bool
) -> None:
    text = (unit * (80_000 // len(unit.encode()))).strip()
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound(text, rateable=rateable))
        shown = at.shown_to(USER)
        assert len(shown) > 2
        assert "".join("".join(piece.text for piece in shown).split()) == "".join(text.split())
        assert [bool(piece.buttons) for piece in shown] == [False] * (len(shown) - 1) + [rateable]
        assert not at.counts.violations


async def test_what_is_still_too_long_for_the_platform_is_cut_once_more() -> None:
    async with platform() as at, started(at) as channel:
        at.fail_next(Fault(code=230025, path="/messages"))
        await channel.deliver(outbound("退货须在七天内提出。" * 40))
        assert "".join(shown.text for shown in at.shown_to(USER)) == "退货须在七天内提出。" * 40
        assert len(at.shown_to(USER)) > 1


async def test_a_card_that_cannot_be_built_becomes_words() -> None:
    async with platform() as at, started(at) as channel:
        at.fail_next(Fault(code=230099, path="/messages"), Fault(code=230099, path="/messages"))
        await channel.deliver(outbound("**三天**内到账。", rateable=True))
        (shown,) = at.shown_to(USER)
        assert (shown.kind, shown.text) == ("text", "**三天**内到账。")


async def test_a_token_that_is_refused_is_replaced_once() -> None:
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound("一。", id="r-1"))
        at.api.invalidate_tokens()
        await channel.deliver(outbound("二。", id="r-2"))
        assert ([shown.text for shown in at.shown_to(USER)], at.counts.token_fetches) == (["一。", "二。"], 2)
        at.fail_next(Fault(code=99991663, path="/messages"), Fault(code=99991663, path="/messages"))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound("三。", id="r-3"))
        assert failed.value.retry_after is not None


@pytest.mark.parametrize(
    ("fault", "blocks", "least"),
    [
        (Fault(code=99991400, headers={"x-ogw-ratelimit-reset": "17"}), "app", 17.0),
        (Fault(code=99991400, status=429, headers={"x-ogw-ratelimit-reset": "no number"}), "app", 1.0),
        (Fault(code=230020), f"chat:{USER}", 1.0),
        (Fault(status=502), "", 1.0),
        (Fault(code=1234567), "", UNKNOWN.retry_after),
    ],
)
async def test_what_passes_by_itself_is_tried_again_when_the_platform_says(
    fault: Fault, blocks: str, least: float
) -> None:
    async with platform() as at, started(at) as channel:
        at.fail_next(Fault(**{**{name: getattr(fault, name) for name in fault.__slots__}, "path": "/messages"}))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound("好的。"))
        assert failed.value.blocks == blocks
        assert failed.value.retry_after is not None
        assert failed.value.retry_after >= least
        assert channel.health().state == "degraded"
        await channel.deliver(outbound("好的。"))
        assert channel.health().state == "ready"


@pytest.mark.parametrize("code", [230001, 9499, 230002, 230013, 99991672])
async def test_what_will_never_be_taken_is_final_and_says_why(code: int) -> None:
    async with platform() as at, started(at) as channel:
        at.fail_next(Fault(code=code, path="/messages"))
        with pytest.raises(Answered, match=str(code)) as failed:
            await channel.deliver(outbound("好的。"))
        assert (failed.value.retry_after, failed.value.answer) == (None, code)
        assert VERDICTS[code].meaning in str(failed.value)


async def test_an_unreachable_platform_is_a_matter_of_time() -> None:
    async with started(None, connects=False) as channel:
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound("好的。"))
        assert (failed.value.retry_after is not None, failed.value.unsure) == (True, False)


async def test_a_message_to_nobody_or_with_nothing_to_say_is_final() -> None:
    async with platform() as at, started(at) as channel:
        for message in (outbound("好的。", address={}), outbound("  ")):
            with pytest.raises(SendFailed) as failed:
                await channel.deliver(message)
            assert failed.value.retry_after is None


async def test_no_error_shows_the_secret_or_the_token() -> None:
    async with platform() as at:
        async with started(at) as channel:
            await channel.deliver(outbound("一。"))
            shown = [repr(vars(channel)), str(channel.health())]
            for fault in (Fault(code=10014), Fault(status=500), Fault(closes=True)):
                at.fail_next(fault)
                with pytest.raises(SendFailed) as failed:
                    await channel.deliver(outbound("二。", id="r-2"))
                shown.append(f"{failed.value!r} {failed.value}")
        assert not any(SECRET in text or "t-" in text for text in shown)


async def test_one_message_counts_to_its_chat_and_to_the_application() -> None:
    async with platform() as at, started(at) as channel:
        needs = {need.limit.key: need for need in channel.needs(outbound("好的。", group=GROUP))}
        assert needs.keys() == {f"chat:{GROUP}", "app", "app-second"}
        assert needs[f"chat:{GROUP}"].limit.most / needs[f"chat:{GROUP}"].limit.seconds < 5
        assert (needs["app"].limit.most, needs["app"].limit.seconds > 60) == (950, True)
        long = {need.limit.key: need.count for need in channel.needs(outbound("退货。" * 7_500, rateable=True))}
        assert long[f"chat:{USER}"] == long["app"] == 3


async def test_many_pieces_of_one_reply_keep_to_the_chats_limit() -> None:
    async with platform() as at, started(at) as channel:
        await channel.deliver(outbound("退货须在七天内提出。" * 5_000, rateable=True))
        assert len(at.shown_to(USER)) > 5
        assert not at.counts.violations


@pytest.mark.parametrize(
    ("credentials", "bot", "says"),
    [
        ({"app_id": "cli_wrong"}, True, "App ID 不对"),
        ({"app_secret": "wrong"}, True, "App Secret 不对"),
        ({}, False, "机器人"),
        ({"base_url": "http://127.0.0.1:9"}, True, "连不上"),
    ],
)
async def test_the_probe_says_what_is_wrong_and_what_to_do(credentials: dict[str, Any], bot: bool, says: str) -> None:
    async with platform() as at:
        at.api.has_bot = bot
        told = {"base_url": at.base_url, **credentials}
        async with started(None, connects=False, **told) as channel:
            probe = await channel.probe()
    assert (probe.ok, says in probe.fix) == (False, True)


async def test_the_probe_of_a_good_set_up_names_the_bot() -> None:
    async with platform() as at, started(at, connects=False) as channel:
        probe = await channel.probe()
        assert (probe.ok, BOT in probe.detail) == (True, True)


async def test_the_directory_tells_name_and_department_or_nothing() -> None:
    async with platform() as at, started(at) as channel:
        at.api.people[USER] = ("林晓燕", "客户服务部")
        found = await channel.look_up(USER)
        assert found is not None
        assert (found.id, found.name, found.department) == (USER, "林晓燕", "客户服务部")
        assert await channel.look_up("ou_stranger") is None
        assert await channel.look_up("../../v3/scopes?x=") is None
        at.fail_next(Fault(status=503))
        with pytest.raises(SendFailed):
            await channel.look_up(USER)


async def test_two_nodes_share_one_token() -> None:
    async with platform() as at:
        store = Memory()
        async with started(at, store=store) as one, started(at, store=store) as other:
            await asyncio.gather(
                one.deliver(outbound("一。", id="r-1")), other.deliver(outbound("二。", id="r-2", to="ou_b"))
            )
        assert at.counts.token_fetches == 1
        assert not any(SECRET in value for value, _ in store.values.values())


async def test_a_private_deployment_may_have_a_path() -> None:
    inbox = Inbox()
    async with platform(path="/feishu-proxy") as at, started(at, inbox) as channel:
        assert (await at.say(USER, "在吗")).acknowledged
        await channel.deliver(outbound("在的。"))
        assert len(inbox.messages) == len(at.shown_to(USER)) == 1
