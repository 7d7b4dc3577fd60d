"""What every kind of channel promises. A new kind is picked up from the registry."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Literal, TypeVar

import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest, Channel
from ai_worker.channels.registry import build, kinds
from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.text import cut_bytes
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.store import Accepted, OutboundMessage, StoreBusy
from tests.channels.store import temporary_store
from tests.contract.platforms import CALL_BACK, CONNECT, PLATFORMS, SEND_ONLY, TAKES_BYTES, Platform

every_kind = pytest.mark.parametrize("kind", sorted(PLATFORMS))
called_back = pytest.mark.parametrize("kind", sorted(CALL_BACK))
connected = pytest.mark.parametrize("kind", sorted(CONNECT))

P = TypeVar("P", bound=Platform)


class Inbox:
    """Keeps what it is given; refuses while `busy`."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.refused = 0
        self.busy = False

    async def __call__(self, message: InboundMessage) -> Accepted:
        if self.busy:
            self.refused += 1
            raise StoreBusy("the disk is slow", retry_after=0.05)
        self.messages.append(message)
        return Accepted("turn-1", 1, duplicate=False)

    async def until(self, enough: Callable[["Inbox"], bool]) -> None:
        """Return once `enough` holds."""
        async with asyncio.timeout(10):
            while not enough(self):
                await asyncio.sleep(0.01)


async def rated(_: Rating) -> bool:
    return True


@asynccontextmanager
async def started(
    stand_in: Callable[[], AbstractAsyncContextManager[P]], clock: FixedClock | None = None
) -> AsyncIterator[tuple[Channel, P, Inbox]]:
    clock = clock or FixedClock()
    inbox = Inbox()
    async with stand_in() as platform:
        channel = build("front-desk", platform.settings(), clock=clock, store=temporary_store(clock))
        await channel.start(inbox, rated, connects=True)
        try:
            await platform.ready()
            yield channel, platform, inbox
        finally:
            await channel.stop()


def outbound(text: str, platform: Platform) -> OutboundMessage:
    now = FixedClock().now()
    return OutboundMessage(
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


def test_every_kind_that_sends_has_a_platform_to_be_tested_against() -> None:
    offered = {name for name, kind in kinds().items() if not _pulls(name)}
    assert offered == {name.partition(":")[0] for name in PLATFORMS}, "add a stand-in to tests/contract/platforms.py"


def _pulls(kind: str) -> bool:
    if kind in {name.partition(":")[0] for name in PLATFORMS}:
        return False
    settings = kinds()[kind].settings.model_validate({"kind": kind})
    return build("front-desk", settings, clock=FixedClock(), store=temporary_store()).pull


@every_kind
async def test_it_knows_its_name_and_kind_and_is_not_ready_before_the_start(kind: str) -> None:
    async with PLATFORMS[kind]() as platform:
        channel = build("front-desk", platform.settings(), clock=FixedClock(), store=temporary_store())
        assert (channel.name, channel.kind, channel.pull) == ("front-desk", kind.partition(":")[0], False)
        assert channel.health().state != "ready"
        await channel.stop()  # stopping what was never started is harmless


@called_back
async def test_a_signed_message_is_received_and_acknowledged(kind: str) -> None:
    async with started(CALL_BACK[kind]) as (channel, platform, inbox):
        answer = await channel.callback(platform.said("退款什么时候到账？", message_id="1001"))

        assert answer.status == 200
        (message,) = inbox.messages
        assert (message.channel, message.message_id, message.text) == ("front-desk", "1001", "退款什么时候到账？")
        assert message.contact.id in message.address.values()
        assert channel.health().last_inbound_at is not None


@called_back
async def test_a_message_that_comes_again_keeps_its_id_and_conversation(kind: str) -> None:
    async with started(CALL_BACK[kind]) as (channel, platform, inbox):
        for _ in range(3):
            assert (await channel.callback(platform.said("在吗", message_id="1001"))).status == 200
        assert len({(message.message_id, message.conversation_key) for message in inbox.messages}) == 1


@called_back
async def test_what_could_not_be_kept_is_not_acknowledged(kind: str) -> None:
    async with started(CALL_BACK[kind]) as (channel, platform, inbox):
        inbox.busy = True
        answer = await channel.callback(platform.said("在吗", message_id="1001"))
        assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True)

        inbox.busy = False
        assert (await channel.callback(platform.said("在吗", message_id="1001"))).status == 200
        assert len(inbox.messages) == 1


@called_back
async def test_whatever_is_forged_gets_the_one_refusal(kind: str) -> None:
    async with started(CALL_BACK[kind]) as (channel, platform, inbox):
        assert [await channel.callback(request) for request in platform.forged()] == [REFUSED] * len(platform.forged())
        assert inbox.messages == []


@called_back
@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_replay_outside_the_window_is_refused(kind: str, hours: int) -> None:
    clock = FixedClock()
    clock.advance(timedelta(hours=hours))
    async with started(CALL_BACK[kind], clock) as (channel, platform, inbox):
        assert await channel.callback(platform.said("在吗", message_id="1001")) == REFUSED
        assert inbox.messages == []


@every_kind
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{" * 100_000, b"<a>" * 100_000, b"x" * 1_500_000])
async def test_rubbish_is_refused_without_fuss(kind: str, method: Literal["GET", "POST"], body: bytes) -> None:
    async with started(PLATFORMS[kind]) as (channel, _, inbox):
        answer = await channel.callback(CallbackRequest(method, {"timestamp": "\ud800"}, {}, body))
        assert answer == REFUSED
        assert inbox.messages == []


@connected
async def test_a_message_over_the_connection_is_received(kind: str) -> None:
    async with started(CONNECT[kind]) as (channel, platform, inbox):
        await platform.say("退款什么时候到账？", message_id="1001")
        await inbox.until(lambda inbox: bool(inbox.messages) and channel.health().last_inbound_at is not None)

        (message,) = inbox.messages
        assert (message.channel, message.message_id, message.text) == ("front-desk", "1001", "退款什么时候到账？")
        health = channel.health()
        assert (health.state, health.connected_at is not None) == ("ready", True)
        assert health.last_inbound_at is not None


@connected
async def test_a_message_that_comes_again_over_the_connection_keeps_its_id_and_conversation(kind: str) -> None:
    async with started(CONNECT[kind]) as (_, platform, inbox):
        for _ in range(3):
            await platform.say("在吗", message_id="1001")
        await platform.say("还在吗", message_id="1002")
        await inbox.until(lambda inbox: any(message.message_id == "1002" for message in inbox.messages))
        assert {message.message_id for message in inbox.messages} == {"1001", "1002"}
        assert len({message.conversation_key for message in inbox.messages}) == 1


@connected
async def test_what_could_not_be_kept_is_received_once_the_store_is_back(kind: str) -> None:
    async with started(CONNECT[kind]) as (_, platform, inbox):
        inbox.busy = True
        await platform.say("在吗", message_id="1001")
        await inbox.until(lambda inbox: inbox.refused > 0)
        assert inbox.messages == []

        inbox.busy = False
        await inbox.until(lambda inbox: bool(inbox.messages))
        assert {message.message_id for message in inbox.messages} == {"1001"}


@connected
async def test_rubbish_on_the_connection_harms_nothing_but_itself(kind: str) -> None:
    async with started(CONNECT[kind]) as (channel, platform, inbox):
        before = channel.health().connected_at
        await platform.rubbish()
        await platform.say("在吗", message_id="1001")
        await inbox.until(lambda inbox: bool(inbox.messages))
        assert [message.message_id for message in inbox.messages] == ["1001"]
        assert channel.health().connected_at == before


@connected
async def test_a_process_that_may_not_connect_is_not_down_for_it(kind: str) -> None:
    async with CONNECT[kind]() as platform:
        channel = build("front-desk", platform.settings(), clock=FixedClock(), store=temporary_store())
        await channel.start(Inbox(), rated, connects=False)
        try:
            assert channel.health().connected_at is None
            assert channel.health().state != "down"
        finally:
            await channel.stop()


@every_kind
async def test_a_reply_arrives_whole_and_in_order_however_long_it_is(kind: str) -> None:
    text = "".join(f"第{n}条：退货须在签收后七天内提出，商品应保持完好。" for n in range(1, 201))
    text = cut_bytes(text, TAKES_BYTES.get(kind, 100_000))
    async with started(PLATFORMS[kind]) as (channel, platform, _):
        await channel.deliver(outbound(text, platform))
        assert "".join(platform.shown()) == text
        assert channel.health().last_outbound_at is not None


@every_kind
async def test_what_a_message_needs_is_stated_in_full(kind: str) -> None:
    """A limit that is exceeded is punished silently by some platforms: what is not counted cannot be kept."""
    async with started(PLATFORMS[kind]) as (channel, platform, _):
        needs = channel.needs(outbound("您好。", platform))
        assert all(0 < need.count <= need.limit.most for need in needs)
        assert all(need.limit.key and need.limit.seconds > 0 for need in needs)
        if kind in SEND_ONLY:
            assert needs, "every platform limits its group robots"
