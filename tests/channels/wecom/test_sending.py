"""Sending: against the simulated platform over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.wecom.answers import UNKNOWN, VERDICTS
from ai_worker.channels.wecom.app import WecomApp
from ai_worker.conversation.message import Reply
from ai_worker.demo.wecom import Fault, SimulatedWecom
from ai_worker.foundation.clock import FixedClock
from ai_worker.pipeline.store import OutboundMessage
from tests.channels.store import temporary_store
from tests.channels.wecom.peer import AGENT, CORP, KEY, SECRET, TOKEN, USER, Inbox, rated, settings

CLOCK = FixedClock()


def platform(**changes: Any) -> SimulatedWecom:
    told = {"corp_id": CORP, "agent_id": int(AGENT), "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return SimulatedWecom(**{**told, **changes})


def reply(text: str, *, user: str = USER, unsure: bool = False, clock: FixedClock | None = None) -> OutboundMessage:
    now = (clock or CLOCK).now()
    return OutboundMessage(
        id="out-1",
        turn_id="turn-1",
        conversation_id=1,
        channel="service-desk",
        address={"user": user} if user else {},
        kind="reply",
        reply=Reply(text),
        created_at=now,
        expires_at=now + timedelta(hours=1),
        unsure=unsure,
    )


@asynccontextmanager
async def channel_at(api_base: str, clock: FixedClock | None = None, **changes: Any) -> AsyncIterator[WecomApp]:
    clock = clock or FixedClock()
    channel = WecomApp(
        "service-desk", settings(api_base=api_base, **changes), clock=clock, store=temporary_store(clock)
    )
    await channel.start(Inbox(), rated, connects=True)
    try:
        yield channel
    finally:
        await channel.stop()


async def failure(channel: WecomApp, message: OutboundMessage) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.deliver(message)
    return failed.value


async def test_a_reply_is_shown_to_the_member() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        sent = await channel.deliver(reply("您的订单 **ORD12345** 已发货。"))

        assert [shown.text for shown in wecom.shown_to(USER)] == ["您的订单 ORD12345 已发货。"]
        assert sent.platform_id.startswith("msg-")
        assert not sent.confirmed  # errcode 0 is not delivery
        health = channel.health()
        assert (health.state, health.last_outbound_at) == ("ready", FixedClock().now())


async def test_the_base_address_may_carry_a_path() -> None:
    async with platform(path="/proxy/wecom") as wecom, channel_at(wecom.api_base + "/") as channel:
        await channel.deliver(reply("在的"))
        assert len(wecom.shown_to(USER)) == 1


async def test_a_hundred_sends_at_once_fetch_one_token() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await asyncio.gather(*(channel.deliver(reply("在的", user=f"员工{n}")) for n in range(100)))

        assert wecom.counts.token_fetches == 1
        assert wecom.counts.shown == 100


async def test_a_hundred_refused_at_once_fetch_one_new_token() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(reply("在的"))
        wecom.invalidate_token()
        await asyncio.gather(*(channel.deliver(reply("在的", user=f"员工{n}")) for n in range(100)))

        assert wecom.counts.token_fetches == 2
        assert wecom.counts.shown == 101


async def test_a_token_is_replaced_five_minutes_early() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom, channel_at(wecom.api_base, clock) as channel:
        await channel.deliver(reply("一"))
        clock.advance(timedelta(seconds=6_899))
        await channel.deliver(reply("二"))
        assert wecom.counts.token_fetches == 1
        clock.advance(timedelta(seconds=1))
        await channel.deliver(reply("三"))
        assert wecom.counts.token_fetches == 2


@pytest.mark.parametrize("errcode", [40001, 40014, 41001, 42001])
async def test_a_refused_token_is_replaced_once(errcode: int) -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(errcode))
        await channel.deliver(reply("在的"))
        assert (wecom.counts.token_fetches, len(wecom.shown_to(USER))) == (2, 1)


async def test_a_token_that_is_refused_again_is_given_up() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(42001), Fault.code(42001), Fault.code(42001))
        failed = await failure(channel, reply("在的"))

        assert failed.retry_after is not None
        assert not failed.unsure
        assert wecom.counts.token_fetches == 2
        assert wecom.shown_to(USER) == []


async def test_after_a_failed_fetch_nobody_asks_again_for_a_while() -> None:
    clock = FixedClock()
    async with platform(secret="another") as wecom, channel_at(wecom.api_base, clock) as channel:
        failures = await asyncio.gather(*(failure(channel, reply("在的")) for _ in range(50)))
        await failure(channel, reply("在的"))
        assert wecom.counts.token_fetches == 1
        assert all(failed.retry_after for failed in failures)
        assert "40001" in channel.health().last_error
        assert SECRET not in repr(failures) + channel.health().last_error
        clock.advance(timedelta(seconds=4))
        await failure(channel, reply("在的"))
        assert wecom.counts.token_fetches == 2


async def test_one_failure_shared_by_many_is_not_changed_by_any() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom, channel_at(wecom.api_base, clock) as channel:
        await channel.deliver(reply("热身", user="乙"))
        wecom.fail_next(Fault(takes=True), Fault.code(42001))  # the second of several messages finds the token expired
        wecom.change_secret("another")
        in_part, not_at_all = await failure(channel, reply(LONG)), await failure(channel, reply("在的", user="甲"))
        assert in_part.unsure
        assert not not_at_all.unsure


async def test_a_caller_that_gives_up_does_not_fail_the_others() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        first = asyncio.create_task(channel.deliver(reply("一", user="甲")))
        second = asyncio.create_task(channel.deliver(reply("二", user="乙")))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert wecom.counts.token_fetches == 1
        assert len(wecom.shown_to("乙")) == 1


TRANSIENT = {-1, 40001, 40013, 40014, 41001, 42001, 45009, 60020, 93019, 846605, 846608, 846609, 853000}


@pytest.mark.parametrize("errcode", sorted(VERDICTS))
async def test_each_refusal_says_whether_trying_again_can_help(errcode: int) -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(errcode), Fault.code(errcode))
        failed = await failure(channel, reply("在的"))

        assert (failed.retry_after is not None) == (errcode in TRANSIENT)
        assert not failed.unsure
        assert str(errcode) in str(failed)
        assert channel.health().state == "degraded"
        assert wecom.shown_to(USER) == []


async def test_too_many_calls_wait_a_minute() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(45009))
        failed = await failure(channel, reply("在的"))
        assert failed.retry_after is not None
        assert failed.retry_after >= 60


async def test_an_address_that_is_not_trusted_is_named_to_the_operator() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(60020, "not allow to access from your ip, from ip: 203.0.113.7"))
        assert "203.0.113.7" in str(await failure(channel, reply("在的")))


async def test_a_code_that_nobody_knows_is_temporary() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(987_654))
        assert (await failure(channel, reply("在的"))).retry_after == UNKNOWN.retry_after


async def test_a_member_out_of_range_is_final() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.forget_member(USER)
        assert (await failure(channel, reply("在的"))).retry_after is None


async def test_health_recovers_with_the_next_send() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(-1))
        await failure(channel, reply("在的"))
        await channel.deliver(reply("在的"))
        assert (channel.health().state, channel.health().last_error) == ("ready", "")


@pytest.mark.parametrize("fault", [Fault.lost_answer(), Fault.http(502, takes=True), Fault.http(500), Fault.slow(2.0)])
async def test_when_the_answer_is_lost_the_outcome_is_unsure(fault: Fault) -> None:
    async with platform() as wecom, channel_at(wecom.api_base, timeout_s=0.5) as channel:
        await channel.deliver(reply("热身", user="甲"))
        wecom.fail_next(fault)
        failed = await failure(channel, reply("在的"))
        assert failed.unsure
        assert failed.retry_after is not None


@pytest.mark.parametrize("status", [302, 403, 429])
async def test_a_status_before_the_api_is_no_send(status: int) -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.http(status))
        failed = await failure(channel, reply("在的"))
        assert not failed.unsure
        assert failed.retry_after is not None


async def test_an_unreachable_platform_is_no_send_and_does_not_stop_the_start() -> None:
    async with channel_at("http://127.0.0.1:9") as channel:
        failed = await failure(channel, reply("在的"))
        assert not failed.unsure
        assert failed.retry_after is not None


async def test_a_send_again_after_a_lost_answer_is_shown_once() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.lost_answer())
        assert (await failure(channel, reply("已退款"))).unsure
        await channel.deliver(reply("已退款", unsure=True))

        assert [shown.text for shown in wecom.shown_to(USER)] == ["已退款"]
        assert wecom.counts.suppressed == 1


async def test_the_duplicate_check_reaches_back_no_further_than_the_reply_itself() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom, channel_at(wecom.api_base, clock) as channel:
        await channel.deliver(reply("请稍等"))
        clock.advance(timedelta(minutes=10))
        await channel.deliver(reply("请稍等", unsure=True, clock=clock))  # another turn's reply with the same words
        assert len(wecom.shown_to(USER)) == 2


async def test_a_first_send_is_never_suppressed() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(reply("好的"))
        await channel.deliver(reply("好的"))
        assert len(wecom.shown_to(USER)) == 2


LONG = "".join(f"第{n}条：退货须在签收后七天内提出，商品应保持完好。" for n in range(1, 101))


async def test_a_long_reply_is_split_at_sentence_ends_and_arrives_in_order() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(reply(LONG))
        shown = [message.text for message in wecom.shown_to(USER)]

        assert len(shown) > 2
        assert "".join(shown) == LONG
        assert all(text.endswith("。") for text in shown)
        assert not wecom.counts.violations


async def test_a_reply_that_went_out_in_part_is_completed_without_repeating() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault(takes=True), Fault.code(45009))
        failed = await failure(channel, reply(LONG))
        assert failed.unsure
        assert failed.retry_after == 60
        assert "1 of 4 messages" in str(failed)
        await channel.deliver(reply(LONG, unsure=True))

        assert "".join(message.text for message in wecom.shown_to(USER)) == LONG
        assert wecom.counts.suppressed == 1


@pytest.mark.parametrize("message", [reply(""), reply("  \n "), reply("在的", user="")])
async def test_nothing_to_say_or_nobody_to_say_it_to_is_final(message: OutboundMessage) -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        assert (await failure(channel, message)).retry_after is None
        assert wecom.counts.send_calls == 0


async def test_before_the_start_nothing_is_sent() -> None:
    channel = WecomApp("service-desk", settings(), clock=FixedClock(), store=temporary_store())
    assert (await failure(channel, reply("在的"))).retry_after is not None
    await channel.stop()


@asynccontextmanager
async def answering(response: Callable[[], web.Response]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives out a token and answers every other call with `response`; it notes the paths asked for."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/cgi-bin/gettoken":
            return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200})
        return response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_for_it_would_carry_the_token_away(status: int) -> None:
    def elsewhere() -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with answering(elsewhere) as (base, asked), channel_at(base) as channel:
        assert not (await failure(channel, reply("在的"))).unsure
        assert asked == ["/cgi-bin/gettoken", "/cgi-bin/message/send"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>login</html>", b"[]", b"{}", b'{"errcode":"0"}', b'{"errcode":1e999}', b"\xff",
        b'{"errcode":0,' + b" " * 200_000,
    ],
    ids=["empty", "page", "list", "no code", "text code", "infinite code", "not UTF-8", "endless"],
)  # fmt: skip
async def test_an_answer_that_is_not_the_platforms_leaves_it_unsure(body: bytes) -> None:
    async with answering(lambda: web.Response(body=body)) as (base, _), channel_at(base) as channel:
        failed = await failure(channel, reply("在的"))
        assert failed.unsure
        assert failed.retry_after is not None


@pytest.mark.parametrize("field", ["invaliduser", "unlicenseduser"])
async def test_a_receiver_that_is_listed_as_invalid_was_not_reached(field: str) -> None:
    body = f'{{"errcode":0,"errmsg":"ok","{field}":"{USER}"}}'.encode()
    async with answering(lambda: web.Response(body=body)) as (base, _), channel_at(base) as channel:
        assert (await failure(channel, reply("在的"))).retry_after is None
