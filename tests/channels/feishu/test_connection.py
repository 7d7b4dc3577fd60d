"""The long connection: what comes over it, what ails it, and how it comes back."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from ai_worker.channels.connection import ConnectFailed, Pace
from ai_worker.channels.feishu.frames import CONTROL, DATA, Frame, encode
from ai_worker.channels.feishu.link import checked_address
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.feishu_gateway import SERVICE
from tests.channels.feishu.peer import USER, Inbox, platform, started


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_message_is_acknowledged_once_it_is_durable() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        said = await at.say(USER, "订单 ORD12345 到哪了？")
        assert (said.acknowledged, said.attempts) == (True, 1)
        assert [message.text for message in inbox.messages] == ["订单 ORD12345 到哪了？"]
        health = channel.health()
        assert (health.state, health.connected_at is not None) == ("ready", True)
        assert health.proofs.keys() >= {"connection", "message"}


async def test_what_could_not_be_kept_comes_again() -> None:
    inbox = Inbox(busy=2)
    async with platform(repush_s=0.5) as at, started(at, inbox):
        said = await at.say(USER, "在吗")
        assert (said.acknowledged, said.attempts, len(inbox.messages)) == (True, 3, 1)


@pytest.mark.parametrize("parts", [2, 7, 60])
async def test_a_split_event_is_joined_whatever_the_order_and_the_cuts(parts: int) -> None:
    inbox = Inbox()
    text = "退货须在签收后七天内提出🙂。" * 20
    async with platform() as at, started(at, inbox):
        said = await at.post(USER, "text", {"text": text}, parts=parts)
        assert (said.acknowledged, inbox.messages[0].text) == (True, text)


async def test_incomplete_and_impossible_parts_are_dropped_and_harm_nothing() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        before = channel.health().connected_at
        for number, (total, seq) in enumerate([("2", "0"), ("3", "9"), ("99999", "0"), ("-1", "0"), ("x", "y")] * 80):
            headers = (("type", "event"), ("message_id", f"m{number}"), ("sum", total), ("seq", seq))
            frame = Frame(service=SERVICE, method=DATA, headers=headers, payload=b"{}")
            await at.gateway.send_raw(encode(frame))
        for raw in (b"", b"\xff" * 50, encode(Frame(method=CONTROL, headers=(("type", "pong"),), payload=b"{"))):
            await at.gateway.send_raw(raw)
        assert (await at.say(USER, "在吗")).acknowledged
        assert (len(inbox.messages), channel.health().connected_at) == (1, before)


async def test_frames_typed_card_are_answered_like_events() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox):
        event = at.message(USER, "text", {"text": "在吗"}, group="", mentions=(), message_id="om_1")
        headers = (("type", "card"), ("message_id", "m1"), ("sum", "1"), ("seq", "0"))
        frame = Frame(service=SERVICE, method=DATA, headers=headers, payload=msgspec.json.encode(event))
        await at.gateway.send_raw(encode(frame))
        await inbox.until(lambda inbox: len(inbox.messages) == 1)


async def test_another_applications_event_is_not_received_and_not_sent_again() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox):
        event = at.message(USER, "text", {"text": "在吗"}, group="", mentions=(), message_id="om_1")
        event["header"]["app_id"] = "cli_another"
        said = await at.push(event, "om_1", USER)
        assert (said.acknowledged, said.attempts, inbox.messages) == (True, 1, [])


async def test_messages_of_one_chat_are_received_in_order() -> None:
    inbox = Inbox(slow_s=0.001)
    async with platform() as at, started(at, inbox):
        saying = []
        for number in range(60):
            saying.append(asyncio.create_task(at.say(USER, str(number))))
            await asyncio.sleep(0)
        await asyncio.gather(*saying)
        assert [message.text for message in inbox.messages] == [str(number) for number in range(60)]


async def test_a_cut_connection_comes_back_and_nothing_is_lost() -> None:
    inbox = Inbox()
    pace = Pace(backoff_base_s=0.1, fell_cap_s=0.3)
    async with platform(repush_s=0.5) as at, started(at, inbox, pace=pace):
        for number in range(4):
            saying = asyncio.create_task(at.say(USER, f"问题 {number}"))
            at.gateway.cut()
            assert (await saying).acknowledged
        assert [message.text for message in inbox.messages] == [f"问题 {number}" for number in range(4)]
        assert at.counts.connections > 1


@pytest.mark.slow
async def test_withheld_pongs_are_noticed_however_open_the_socket_looks() -> None:
    async with platform(ping_s=0.3) as at, started(at, grace_s=0.7) as channel:
        at.gateway.withhold_pongs = True
        await until(lambda: at.counts.connections >= 2)
        at.gateway.withhold_pongs = False
        await until(lambda: channel.health().state == "ready")
        assert (await at.say(USER, "在吗")).acknowledged


@pytest.mark.slow
async def test_a_half_open_connection_is_left_and_what_was_said_arrives() -> None:
    inbox = Inbox()
    async with platform(ping_s=0.3, repush_s=0.5) as at, started(at, inbox, grace_s=0.7):
        at.gateway.freeze()
        said = await at.say(USER, "在吗")
        assert (said.acknowledged, len(inbox.messages)) == (True, 1)


async def test_the_interval_of_pings_is_what_the_platform_says_last() -> None:
    async with platform(ping_s=60) as at, started(at, grace_s=0.5) as channel:
        config = msgspec.json.encode({"PingInterval": 0.2, "ReconnectCount": 3})
        pong = Frame(service=SERVICE, method=CONTROL, headers=(("type", "pong"),), payload=config)
        await at.gateway.send_raw(encode(pong))
        at.gateway.withhold_pongs = True
        await until(lambda: channel.health().state != "ready")


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((514, "auth failed", 1000040344), "514"),
        ((403, "forbidden", 0), "403"),
        ((514, "exceed connection limit", 1000040350), "50 connections"),
    ],
)
async def test_a_refused_handshake_says_why(refusal: tuple[int, str, int], says: str) -> None:
    async with platform() as at:
        at.gateway.refuse = refusal
        async with started(at, connects=False) as channel:
            with pytest.raises(ConnectFailed, match=says) as failed:
                await channel._dial()
    assert failed.value.refused
    assert (failed.value.pause_s > 0) == (refusal[2] == 1000040350)


@pytest.mark.parametrize(("wrong", "refused"), [(True, True), (False, False)])
async def test_wrong_credentials_are_told_from_a_busy_platform(wrong: bool, refused: bool) -> None:
    async with platform() as at:
        at.gateway.down = not wrong
        told: dict[str, Any] = {"app_secret": "wrong"} if wrong else {}
        async with started(at, connects=False, **told) as channel:
            with pytest.raises(ConnectFailed) as failed:
                await channel._dial()
    assert failed.value.refused is refused


async def test_a_gateway_that_is_down_is_tried_until_it_is_back() -> None:
    async with platform() as at, started(at) as channel:
        at.gateway.down = True
        at.gateway.cut()
        await until(lambda: channel.health().state == "degraded")
        at.gateway.down = False
        await until(lambda: channel.health().state == "ready")
        assert (await at.say(USER, "在吗")).acknowledged


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("wss://msg-frontier.feishu.cn/ws/v2?ticket=1", "https://open.feishu.cn"),
        ("wss://msg-frontier.larksuite.com/ws/v2", "https://open.larksuite.com"),
        ("ws://127.0.0.1:8017/ws", "http://127.0.0.1:8017/proxy"),
        ("wss://feishu.corp.example:8443/ws", "https://feishu.corp.example:8443"),
    ],
)
def test_addresses_of_the_platform_or_of_the_configured_base_are_called(address: str, base: str) -> None:
    assert checked_address(address, base_url=base) == address


@pytest.mark.parametrize(
    "address",
    [
        "wss://evil.example/ws",
        "wss://feishu.cn.evil.example/ws",
        "wss://evilfeishu.cn/ws",
        "wss://open.feishu.cn@evil.example/ws",
        "wss://user@msg-frontier.feishu.cn/ws",
        "wss://msg-frontier.feishu.cn:8443/ws",
        "ws://msg-frontier.feishu.cn/ws",
        "ws://169.254.169.254/latest",
        "wss://127.0.0.1:18789/ws",
        "file:///etc/passwd",
        "wss://[::1/ws",
        "wss://host:port/ws",
        "",
    ],
)
def test_addresses_elsewhere_are_never_called(address: str) -> None:
    with pytest.raises(ConnectFailed):
        checked_address(address, base_url="https://open.feishu.cn")


async def test_a_discovery_that_leads_elsewhere_is_not_followed() -> None:
    called = []

    async def elsewhere(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.json_response({"code": 0, "data": {"URL": f"ws://localhost:{request.url.port}/ws?ticket=1"}})

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", elsewhere)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with started(None, connects=False, base_url=base) as channel:
            with pytest.raises(ConnectFailed, match="not the platform's"):
                await channel._dial()
    finally:
        await runner.cleanup()
    assert "/ws" not in called


async def test_no_error_of_the_connection_shows_the_ticket() -> None:
    async with platform() as at:
        at.gateway.refuse = (514, "auth failed", 1)
        async with started(at, connects=False) as channel:
            with pytest.raises(ConnectFailed) as failed:
                await channel._dial()
    assert "ticket" not in f"{failed.value!r} {failed.value} {failed.value.__cause__!r}"


async def test_two_nodes_share_the_events_between_them() -> None:
    one, other = Inbox(), Inbox()
    async with platform() as at, started(at, one), started(at, other):
        await at.gateway.until_pinged(2)
        for number in range(40):
            assert (await at.say(USER, str(number))).acknowledged
        assert len(one.messages) + len(other.messages) == 40
        assert min(len(one.messages), len(other.messages)) > 0


async def test_a_fifty_first_connection_is_refused_by_the_platform() -> None:
    async with SimulatedFeishu(app_id="cli_1", app_secret="s") as at:
        at.gateway.connections = [web.WebSocketResponse() for _ in range(50)]
        async with started(at, connects=False, app_id="cli_1", app_secret="s") as channel:
            with pytest.raises(ConnectFailed, match="50 connections"):
                await channel._dial()
        at.gateway.connections.clear()


async def test_a_connection_outlives_the_timeout_of_calls() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox, timeout_s=0.3) as channel:
        before = channel.health().connected_at
        await asyncio.sleep(0.8)
        assert (await at.say(USER, "在吗")).acknowledged
        assert channel.health().connected_at == before
