"""A group's robot: against the simulated group over sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.wecom.group import MARKDOWN_BYTES, WecomGroup
from ai_worker.channels.wecom.settings import WecomGroupSettings
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.demo.wecom_group import SimulatedGroup
from ai_worker.foundation.clock import FixedClock, SystemClock
from tests.channels.wecom.bots import Desk, answer_to

KEY = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
NOBODY = InboundMessage("group", "m0", "group", Contact("group"), "", SystemClock().now())


@asynccontextmanager
async def robot_in(group: SimulatedGroup) -> AsyncIterator[WecomGroup]:
    settings = WecomGroupSettings.model_validate({"kind": "wecom-group", "webhook_url": group.webhook_url})
    channel, desk = WecomGroup("alarms", settings, clock=FixedClock()), Desk()
    await channel.start(desk.receive, desk.rate, connects=False)
    try:
        yield channel
    finally:
        await channel.stop()


async def test_a_message_goes_into_the_group() -> None:
    async with SimulatedGroup(key=KEY) as group, robot_in(group) as channel:
        await channel.deliver(answer_to(NOBODY, "**服务器恢复正常**"))
        assert group.shown == ["**服务器恢复正常**"]
        assert channel.health().state == "ready"
        assert 0 < channel.merges <= MARKDOWN_BYTES


async def test_a_long_message_is_counted_and_sent_in_pieces_that_fit() -> None:
    text = "".join(f"第{n}台服务器恢复正常。" for n in range(1, 500))
    async with SimulatedGroup(key=KEY) as group, robot_in(group) as channel:
        (need,) = channel.needs(answer_to(NOBODY, text))
        await channel.deliver(answer_to(NOBODY, text))
        assert "".join(group.shown) == text
        assert need.count == len(group.shown) > 1
        assert (need.limit.most, need.limit.seconds) == (18, 61.0)
        assert list(group.counts.violations) == []


async def test_after_a_failure_only_what_was_not_sent_is_sent() -> None:
    text = "".join(f"第{n}台服务器恢复正常。" for n in range(1, 300))
    async with SimulatedGroup(key=KEY) as group, robot_in(group) as channel:
        group.fail_next(0, 45009)
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(answer_to(NOBODY, text))
        assert (failed.value.blocks, failed.value.retry_after) == ("robot", 60.0)
        await channel.deliver(answer_to(NOBODY, text, attempt=2))
        assert "".join(group.shown) == text


async def test_a_removed_robot_is_a_final_failure_and_a_probe_says_so() -> None:
    async with SimulatedGroup(key=KEY) as group, robot_in(group) as channel:
        assert (await channel.probe()).ok
        group.removed = True
        probe = await channel.probe()
        assert (probe.ok, "93000" in probe.detail, "Webhook" in probe.fix) == (False, True, True)
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(answer_to(NOBODY))
        assert failed.value.retry_after is None
        assert group.shown == []


async def test_the_key_shows_nowhere() -> None:
    group = SimulatedGroup(key=KEY)
    async with group:
        pass  # nobody listens there any more
    async with robot_in(group) as channel:
        with capture_logs() as logs, pytest.raises(SendFailed) as failed:
            await channel.deliver(answer_to(NOBODY))
        told = (
            f"{failed.value} {failed.value!r} {channel.health()} {logs} {channel._settings!r} {await channel.probe()}"
        )
        assert KEY not in told


@pytest.mark.parametrize(
    "url", ["", "qyapi.weixin.qq.com", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send", "ftp://x/?key=1"]
)
def test_an_address_without_a_key_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WecomGroupSettings.model_validate({"kind": "wecom-group", "webhook_url": url})
    assert "key=" in str(refused.value)
