"""A group's custom robot: signed, within its limits, and clear about what is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.feishu.group import FeishuGroup
from ai_worker.channels.feishu.settings import FeishuGroupSettings
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.feishu_front import Fault
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from tests.channels.feishu.peer import Inbox, outbound, platform

SECRET = "4XZYgudu0qAFrTBQ6Uzya1"


@asynccontextmanager
async def robot(at: SimulatedFeishu, *, clock: Clock | None = None, **changes: Any) -> AsyncIterator[FeishuGroup]:
    told = {"kind": "feishu-group", "webhook_url": at.webhook_url, **changes}
    channel = FeishuGroup("alerts", FeishuGroupSettings.model_validate(told), clock=clock or SystemClock())
    inbox = Inbox()
    await channel.start(inbox.receive, inbox.rate, connects=True)
    try:
        yield channel
    finally:
        await channel.stop()


@pytest.mark.parametrize(("text", "kind"), [("服务恢复", "text"), ("**服务恢复**\n- 订单库", "interactive")])
async def test_words_are_posted_in_the_kind_that_they_need(text: str, kind: str) -> None:
    async with platform() as at, robot(at) as channel:
        await channel.deliver(outbound(text, address={}))
        assert [(shown.kind, shown.text) for shown in at.shown_by_robot()] == [(kind, text)]
        assert "reply" in channel.health().proofs


async def test_a_robot_that_asks_for_signatures_gets_them() -> None:
    async with platform() as at:
        at.api.robot_secret = SECRET
        async with robot(at, secret=SECRET) as channel:
            await channel.deliver(outbound("服务恢复"))
        for secret in ("", "another"):
            async with robot(at, secret=secret) as channel:
                with pytest.raises(SendFailed, match="签名校验") as failed:
                    await channel.deliver(outbound("服务恢复"))
                assert failed.value.retry_after is not None
        clock = FixedClock()
        clock.advance(timedelta(days=-1))
        async with robot(at, clock=clock, secret=SECRET) as channel:
            with pytest.raises(SendFailed, match="clock"):
                await channel.deliver(outbound("服务恢复"))
        assert len(at.shown_by_robot()) == 1


async def test_a_keyword_is_put_where_it_is_missing() -> None:
    async with platform() as at:
        at.api.robot_keywords = ("告警",)
        async with robot(at) as channel:
            with pytest.raises(SendFailed, match="keyword"):
                await channel.deliver(outbound("服务恢复"))
        async with robot(at, keyword="告警") as channel:
            await channel.deliver(outbound("服务恢复"))
            await channel.deliver(outbound("告警解除"))
        assert [shown.text for shown in at.shown_by_robot()] == ["告警\n服务恢复", "告警解除"]


@pytest.mark.parametrize("unit", ["订单库在 14:05 恢复。", '"\\"\n', "**重要** 恢复。"])
async def test_long_words_are_split_below_the_robots_limit(unit: str) -> None:
    text = (unit * (50_000 // len(unit.encode()))).strip()
    async with platform() as at, robot(at) as channel:
        await channel.deliver(outbound(text))
        shown = "".join(shown.text for shown in at.shown_by_robot())
        assert "".join(shown.split()) == "".join(text.split())
        assert not at.counts.violations


async def test_after_a_part_went_out_only_the_rest_is_posted_again() -> None:
    text = "订单库在 14:05 恢复。" * 1_500
    async with platform() as at, robot(at) as channel:
        message = outbound(text)
        at.fail_next(Fault(takes=True, path="hook"), Fault(code=11232, path="hook"))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(message)
        assert (failed.value.blocks, failed.value.unsure) == ("robot", True)
        await channel.deliver(message)
        assert "".join(shown.text for shown in at.shown_by_robot()) == text


@pytest.mark.parametrize(
    ("fault", "blocks", "final"),
    [
        (Fault(code=11232), "robot", False),
        (Fault(code=9499), "", True),
        (Fault(code=19022), "", False),
        (Fault(code=424242), "", False),
        (Fault(status=502), "", False),
        (Fault(closes=True), "", False),
    ],
)
async def test_what_passes_is_told_from_what_does_not(fault: Fault, blocks: str, final: bool) -> None:
    async with platform() as at, robot(at) as channel:
        at.fail_next(fault)
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(outbound("服务恢复"))
        assert (failed.value.blocks, failed.value.retry_after is None) == (blocks, final)
        assert channel.health().state == "degraded"


async def test_a_wrong_address_is_said_without_being_shown() -> None:
    async with platform() as at, robot(at, webhook_url=f"{at.webhook_url}-wrong") as channel:
        with pytest.raises(SendFailed, match="webhook address is wrong") as failed:
            await channel.deliver(outbound("服务恢复"))
        shown = f"{failed.value!r} {failed.value} {channel.health()} {vars(channel)}"
        assert "2b4c9a71" not in shown


async def test_the_robots_two_limits_are_stated_and_messages_may_be_merged() -> None:
    async with platform() as at, robot(at) as channel:
        limits = {need.limit.key: need.limit for need in channel.needs(outbound("服务恢复"))}
        assert (limits["robot"].most, limits["robot"].seconds) == (95, 61.0)
        assert limits["robot-second"].most < 5
        assert 0 < FeishuGroup.merges < 20_000
