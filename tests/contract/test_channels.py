"""What every kind of channel promises. A new kind is picked up from the registry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest, Channel
from ai_worker.channels.registry import build, kinds
from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.foundation.clock import FixedClock
from ai_worker.pipeline.store import Accepted, OutboundMessage, StoreBusy
from tests.contract.platforms import PLATFORMS, Platform

WITH_PLATFORM = sorted(PLATFORMS)


class Inbox:
    """Keeps what it is given; refuses while `busy`."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.busy = False

    async def __call__(self, message: InboundMessage) -> Accepted:
        if self.busy:
            raise StoreBusy("the disk is slow")
        self.messages.append(message)
        return Accepted("turn-1", 1, duplicate=False)


@asynccontextmanager
async def started(kind: str, clock: FixedClock | None = None) -> AsyncIterator[tuple[Channel, Platform, Inbox]]:
    inbox = Inbox()
    async with PLATFORMS[kind]() as platform:
        channel = build("front-desk", platform.settings(), clock or FixedClock())
        await channel.start(inbox)
        try:
            yield channel, platform, inbox
        finally:
            await channel.stop()


def test_every_kind_that_sends_has_a_platform_to_be_tested_against() -> None:
    offered = {name for name, kind in kinds().items() if not _pulls(name)}
    assert offered == set(PLATFORMS), "add a stand-in to tests/contract/platforms.py"


def _pulls(kind: str) -> bool:
    if kind in PLATFORMS:
        return False
    settings = kinds()[kind].settings.model_validate({"kind": kind})
    return build("front-desk", settings, FixedClock()).pull


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_it_knows_its_name_and_kind_and_is_not_ready_before_the_start(kind: str) -> None:
    async with PLATFORMS[kind]() as platform:
        channel = build("front-desk", platform.settings(), FixedClock())
        assert (channel.name, channel.kind, channel.pull) == ("front-desk", kind, False)
        assert channel.health().state != "ready"
        await channel.stop()  # stopping what was never started is harmless


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_a_signed_message_is_received_and_acknowledged(kind: str) -> None:
    async with started(kind) as (channel, platform, inbox):
        answer = await channel.callback(platform.said("退款什么时候到账？", message_id="1001"))

        assert answer.status == 200
        (message,) = inbox.messages
        assert (message.channel, message.message_id, message.text) == ("front-desk", "1001", "退款什么时候到账？")
        assert message.address == platform.address
        assert channel.health().last_inbound_at is not None


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_a_message_that_comes_again_keeps_its_id_and_conversation(kind: str) -> None:
    async with started(kind) as (channel, platform, inbox):
        for _ in range(3):
            assert (await channel.callback(platform.said("在吗", message_id="1001"))).status == 200
        assert len({(message.message_id, message.conversation_key) for message in inbox.messages}) == 1


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_what_could_not_be_kept_is_not_acknowledged(kind: str) -> None:
    async with started(kind) as (channel, platform, inbox):
        inbox.busy = True
        answer = await channel.callback(platform.said("在吗", message_id="1001"))
        assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True)

        inbox.busy = False
        assert (await channel.callback(platform.said("在吗", message_id="1001"))).status == 200
        assert len(inbox.messages) == 1


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_whatever_is_forged_gets_the_one_refusal(kind: str) -> None:
    async with started(kind) as (channel, platform, inbox):
        assert [await channel.callback(request) for request in platform.forged()] == [REFUSED] * len(platform.forged())
        assert inbox.messages == []


@pytest.mark.parametrize("kind", WITH_PLATFORM)
@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_replay_outside_the_window_is_refused(kind: str, hours: int) -> None:
    clock = FixedClock()
    clock.advance(timedelta(hours=hours))
    async with started(kind, clock) as (channel, platform, inbox):
        assert await channel.callback(platform.said("在吗", message_id="1001")) == REFUSED
        assert inbox.messages == []


@pytest.mark.parametrize("kind", WITH_PLATFORM)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{" * 100_000, b"<a>" * 100_000, b"x" * 1_500_000])
async def test_rubbish_is_refused_without_fuss(kind: str, method: Literal["GET", "POST"], body: bytes) -> None:
    async with started(kind) as (channel, _, inbox):
        answer = await channel.callback(CallbackRequest(method, {"timestamp": "\ud800"}, {}, body))
        assert answer == REFUSED
        assert inbox.messages == []


@pytest.mark.parametrize("kind", WITH_PLATFORM)
async def test_a_reply_arrives_whole_and_in_order_however_long_it_is(kind: str) -> None:
    text = "".join(f"第{n}条：退货须在签收后七天内提出，商品应保持完好。" for n in range(1, 201))
    async with started(kind) as (channel, platform, _):
        now = FixedClock().now()
        await channel.deliver(
            OutboundMessage(
                id="out-1",
                turn_id="turn-1",
                conversation_id=1,
                channel="front-desk",
                address=platform.address,
                kind="reply",
                reply=Reply(text),
                created_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )
        assert "".join(platform.shown()) == text
        assert channel.health().last_outbound_at is not None
