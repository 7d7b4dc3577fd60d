"""Custom robots: signed, within limits, and every refusal in words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest, SendFailed
from ai_worker.channels.dingtalk.group import DingtalkGroup
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from ai_worker.demo.dingtalk import Fault
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from tests.channels.dingtalk.peer import Inbox, later, outbound, platform
from tests.channels.store import temporary_store

SECRET = "SEC818724cca6275f95c93c7206602c21e4d66365beeee8ca4476a6328e669520be"


@asynccontextmanager
async def robot(webhook: str, *, clock: Clock | None = None, **changes: Any) -> AsyncIterator[DingtalkGroup]:
    told = {"kind": "dingtalk-group", "webhook_url": webhook, **changes}
    settings = DingtalkGroupSettings.model_validate(told)
    channel = DingtalkGroup("alerts", settings, clock=clock or SystemClock(), store=temporary_store())
    inbox = Inbox()
    await channel.start(inbox, inbox.rate, connects=True)
    try:
        yield channel
    finally:
        await channel.stop()


def chat(webhook: str) -> str:
    return webhook.partition("access_token=")[2]


async def refused(channel: DingtalkGroup, text: str = "磁盘剩余 8%") -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.deliver(outbound({}, text, kind="proactive"))
    return failed.value


async def test_a_signed_message_is_taken() -> None:
    async with platform() as dingtalk:
        webhook = dingtalk.add_robot(secret=SECRET)
        async with robot(webhook, secret=SECRET) as channel:
            for number in range(9):  # some of the signatures have characters that must be encoded
                await channel.deliver(outbound({}, f"磁盘剩余 {number}%", id=f"r-{number}", kind="proactive"))
            shown = dingtalk.shown_in(chat(webhook))
            assert [one.text for one in shown] == [f"磁盘剩余 {number}%" for number in range(9)]
            assert "reply" in channel.health().proofs


async def test_every_signature_passes_whatever_is_in_it() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as dingtalk:
        webhook = dingtalk.add_robot(secret=SECRET)
        for second in range(15):
            async with robot(webhook, clock=later(second), secret=SECRET) as channel:
                await channel.deliver(outbound({}, "好", id=f"r-{second}", clock=clock))
        assert len(dingtalk.shown_in(chat(webhook))) == 15


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, "timestamp"), ({"secret": "SECwrong"}, "加签"), ({"secret": SECRET, "clock": later(4_000)}, "clock")],
)
async def test_a_security_check_that_fails_is_told_in_words(changes: dict[str, Any], words: str) -> None:
    async with platform(clock=FixedClock()) as dingtalk:
        webhook = dingtalk.add_robot(secret=SECRET)
        async with robot(webhook, **{"clock": FixedClock(), **changes}) as channel:
            failed = await refused(channel)
            assert words in str(failed)
            assert failed.retry_after is not None  # an administrator can mend it
            assert chat(webhook) not in str(failed) + repr(channel.health())


async def test_a_keyword_is_added_where_it_is_missing() -> None:
    async with platform() as dingtalk:
        webhook = dingtalk.add_robot(keywords=("告警",))
        async with robot(webhook) as channel:
            assert "关键词" in str(await refused(channel))
        async with robot(webhook, keyword="告警") as channel:
            await channel.deliver(outbound({}, "磁盘剩余 8%", kind="proactive"))
            await channel.deliver(outbound({}, "告警：磁盘剩余 7%", kind="proactive", id="r-2"))
        assert [shown.text for shown in dingtalk.shown_in(chat(webhook))] == [
            "磁盘剩余 8%\n\n告警",
            "告警：磁盘剩余 7%",
        ]


async def test_over_the_limit_the_robot_rests_for_ten_minutes() -> None:
    async with platform() as dingtalk:
        webhook = dingtalk.add_robot()
        async with robot(webhook) as channel:
            for number in range(20):
                await channel.deliver(outbound({}, "好", id=f"r-{number}"))
            failed = await refused(channel)
            assert (failed.retry_after, failed.blocks) == (600.0, "robot")
            (need,) = channel.needs(outbound({}))
            assert (need.limit.key, need.limit.most, need.limit.seconds, need.count) == ("robot", 18, 61.0, 1)


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        ('{"errcode":-1,"errmsg":"busy"}', False),
        ('{"errcode":300001,"errmsg":"token is not exist"}', False),
        ('{"errcode":400102,"errmsg":"disabled"}', True),
        ('{"errcode":430103,"errmsg":"picture"}', True),
        ('{"errcode":460101,"errmsg":"too long"}', True),
        ('{"errcode":88,"sub_code":"90018","sub_msg":"qps"}', False),
        ('{"errcode":88,"sub_code":"1"}', False),
        ('{"errcode":"x"}', False),
        ('{"errcode":123456}', False),
        ("{}", False),
    ],
)
async def test_a_refusal_is_final_only_where_it_must_be(answer: str, final: bool) -> None:
    async with platform() as dingtalk:
        webhook = dingtalk.add_robot()
        async with robot(webhook) as channel:
            dingtalk.fail_next(Fault("/robot/send", answer=answer))
            assert ((await refused(channel)).retry_after is None) == final


async def test_long_words_are_counted_as_the_messages_that_they_take() -> None:
    text = "".join(f"第{n}条告警：磁盘剩余不足。" for n in range(900))
    async with platform() as dingtalk:
        webhook = dingtalk.add_robot()
        async with robot(webhook) as channel:
            await channel.deliver(outbound({}, text))
            shown = dingtalk.shown_in(chat(webhook))
            assert "".join(one.text for one in shown) == text
            assert channel.needs(outbound({}, text))[0].count == len(shown)
            assert not dingtalk.counts.violations


async def test_nobody_calls_a_custom_robot() -> None:
    async with robot("https://oapi.dingtalk.com/robot/send?access_token=x") as channel:
        assert await channel.callback(CallbackRequest("POST", {}, {}, b"{}")) == REFUSED
        assert channel.kind == "dingtalk-group"
