from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import TurnRecord
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from ai_worker.notify.webhook import CallbackSender, CallbackUrlRefused, check_callback_url, sign
from ai_worker.pipeline.sending import SendFailed
from ai_worker.pipeline.store import OutboundMessage, StoreBusy

NOW = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)


def test_the_signature_is_the_one_of_the_specification() -> None:
    # openssl: printf 'r-1.1795328640.{"a":1}' | openssl dgst -sha256 -hmac key -binary | base64
    secret = Secret("whsec_a2V5")  # base 64 of "key"

    assert sign(secret, "r-1", NOW, b'{"a":1}') == "v1,wsw1NjSZpDx6pefp6q5Vr5HA/B5PxPCWjIzljrwuY78="


@pytest.mark.parametrize(
    "url",
    ["https://erp.example/x", "http://erp.example:8443/x?y=1", "https://ERP.example", "http://10.0.0.7:9000/"],
)
def test_a_configured_host_may_be_called(url: str) -> None:
    check_callback_url(url, ["erp.example", "10.0.0.7:9000"])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://erp.example.evil.example/",
        "https://erp.example@evil.example/",
        "https://evil.example#erp.example",
        "https://evil.example\\.erp.example/",
        "ftp://erp.example/",
        "//erp.example/",
        "http://10.0.0.7/",
        "http://10.0.0.7:9001/",
        "http://erp.example:x/",
        "http://[::1/",
        "https://erp.example\n.evil.example/",
        "https://еrp.example/",
        "",
    ],
)
def test_no_other_host_may_be_called(url: str) -> None:
    with pytest.raises(CallbackUrlRefused):
        check_callback_url(url, ["erp.example", "10.0.0.7:9000"])


def reply(url: str) -> OutboundMessage:
    address = {"callback_url": url, "key_id": "k1", "message_id": "m-1", "conversation_id": "c-1"}
    return OutboundMessage("r-1", "t-1", 1, "api", address, "reply", Reply("好"), NOW, NOW + timedelta(hours=2))


async def no_turn(turn_id: str) -> TurnRecord | None:
    return None


@asynccontextmanager
async def receiver(take: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", take)
    running = web.AppRunner(application)
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{running.addresses[0][1]}"
    await running.cleanup()


@asynccontextmanager
async def sender(*hosts: str) -> AsyncIterator[CallbackSender]:
    made = CallbackSender(hosts=hosts, secret_of=lambda _: Secret("whsec_a2V5"), turn=no_turn, clock=FixedClock())
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [(500, {}, 5.0), (429, {"retry-after": "60"}, 60.0), (503, {"retry-after": "9" * 30}, 5.0), (410, {}, None)],
)
async def test_a_receiver_that_does_not_take_it_is_tried_again_unless_it_is_gone(
    status: int, headers: dict[str, str], retry_after: float | None
) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    async with receiver(take) as url, sender("127.0.0.1") as callbacks:
        with pytest.raises(SendFailed) as failed:
            await callbacks.deliver(reply(url))

    assert failed.value.retry_after == retry_after
    assert not failed.value.unsure


async def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"location": "/inside"})

    async with receiver(take) as url, sender("127.0.0.1") as callbacks:
        with pytest.raises(SendFailed):
            await callbacks.deliver(reply(f"{url}/outside"))

    assert asked == ["/outside"]


async def test_while_the_store_is_busy_nobody_is_called_and_that_is_no_unknown_end() -> None:
    async def busy(turn_id: str) -> TurnRecord | None:
        raise StoreBusy("The database is too slow.", retry_after=3.0)

    callbacks = CallbackSender(
        hosts=("127.0.0.1",), secret_of=lambda _: Secret("whsec_a2V5"), turn=busy, clock=FixedClock()
    )
    with pytest.raises(SendFailed) as failed:
        await callbacks.deliver(reply("http://127.0.0.1:9/replies"))

    assert (failed.value.retry_after, failed.value.unsure) == (3.0, False)


async def test_a_connection_that_breaks_leaves_it_unsure() -> None:
    async def take(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with receiver(take) as url, sender("127.0.0.1") as callbacks:
        with pytest.raises(SendFailed) as failed:
            await callbacks.deliver(reply(url))

    assert failed.value.unsure


async def test_a_host_that_is_no_longer_configured_is_not_called() -> None:
    async with sender() as callbacks:
        with pytest.raises(SendFailed) as failed:
            await callbacks.deliver(reply("http://127.0.0.1:1/"))

    assert failed.value.retry_after is None
