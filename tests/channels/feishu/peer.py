"""What the tests of Feishu share: a channel at the simulated platform, and an inbox behind it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from ai_worker.channels.connection import PACE, Pace
from ai_worker.channels.contract import CallbackRequest
from ai_worker.channels.feishu.adapter import Feishu
from ai_worker.channels.feishu.settings import FeishuSettings
from ai_worker.conversation.message import Choice, InboundMessage, Reply
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.feishu_envelope import encrypted
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft
from ai_worker.pipeline.store import Accepted, OutboundMessage, StoreBusy
from tests.channels.store import temporary_store

APP, SECRET = "cli_a1b2c3d4e5f60718", "9Kq2vXr7TzLm4WbN8sHd3JfYc6GpEa1U"
KEY, TOKEN = "eXhfsOVmYuSkP2", "mR7tQ1xVb9Lw"
USER, GROUP = "ou_linxiaoyan", "oc_after_sales"


def platform(**changes: Any) -> SimulatedFeishu:
    told = {"app_id": APP, "app_secret": SECRET, "encrypt_key": KEY, "verification_token": TOKEN}
    return SimulatedFeishu(**{**told, **changes})


def settings(**changes: Any) -> FeishuSettings:
    told = {"kind": "feishu", "app_id": APP, "app_secret": SECRET, "encrypt_key": KEY, "verification_token": TOKEN}
    return FeishuSettings.model_validate({**told, **changes})


@dataclass
class Inbox:
    """Takes messages and ratings as the pipeline does; `busy` makes it refuse the next ones."""

    messages: list[InboundMessage] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    busy: int = 0
    slow_s: float = 0.0

    async def receive(self, message: InboundMessage) -> Accepted:
        await self._ready()
        known = any(earlier.message_id == message.message_id for earlier in self.messages)
        if not known:
            self.messages.append(message)
        return Accepted("turn-1", 1, duplicate=known)

    async def rate(self, rating: Rating) -> bool:
        await self._ready()
        self.ratings.append(rating)
        return rating.turn_id.startswith("turn")

    async def until(self, enough: Callable[["Inbox"], bool]) -> None:
        async with asyncio.timeout(10):
            while not enough(self):
                await asyncio.sleep(0.01)

    async def _ready(self) -> None:
        await asyncio.sleep(self.slow_s)
        if self.busy:
            self.busy -= 1
            raise StoreBusy("the disk is slow", retry_after=2.0)


@asynccontextmanager
async def started(
    at: SimulatedFeishu | None,
    inbox: Inbox | None = None,
    *,
    store: ChannelStore | None = None,
    clock: Clock | None = None,
    grace_s: float = 30.0,
    pace: Pace = PACE,
    connects: bool = True,
    **changes: Any,
) -> AsyncIterator[Feishu]:
    """A started channel at a running platform, connected if that is its mode."""
    clock, inbox = clock or SystemClock(), inbox or Inbox()
    told = settings(**{"base_url": at.base_url if at else "http://127.0.0.1:9", **changes})
    channel = Feishu(
        "service-desk", told, clock=clock, store=store or temporary_store(clock), grace_s=grace_s, pace=pace
    )
    await channel.start(inbox.receive, inbox.rate, connects=connects)
    try:
        if at is not None and connects and told.mode == "websocket":
            await at.gateway.until_pinged()
        yield channel
    finally:
        await channel.stop()


def outbound(
    text: str,
    *,
    id: str = "r-1",
    to: str = USER,
    group: str = "",
    message: str = "",
    choices: tuple[Choice, ...] = (),
    rateable: bool = False,
    **changes: Any,
) -> OutboundMessage:
    now = SystemClock().now()
    told: dict[str, Any] = {
        "id": id,
        "turn_id": "turn-1",
        "conversation_id": 1,
        "channel": "service-desk",
        "address": address(to=to, group=group, message=message),
        "kind": "reply",
        "reply": Reply(text, choices=choices, rateable=rateable),
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    return OutboundMessage(**{**told, **changes})


def address(*, to: str = USER, group: str = "", message: str = "") -> dict[str, str]:
    told = {"user": to, "chat": group or f"oc_with_{to}", "message": message, "in": "group" if group else "p2p"}
    return {key: value for key, value in told.items() if value}


def draft(text: str, *, id: str = "r-1", **where: str) -> Draft:
    return Draft(
        id=id, turn_id="turn-1", conversation_id=1, channel="service-desk", address=address(**where), text=text
    )


def message_event(text: str = "订单 ORD12345 到哪了？", **changes: Any) -> dict[str, Any]:
    """An event of a private message, as the platform's documents show it."""
    told = {
        "message_id": "om_1",
        "chat_id": "oc_1",
        "chat_type": "p2p",
        "message_type": "text",
        "content": msgspec.json.encode({"text": text}).decode(),
        "create_time": "1795328640000",
        **changes,
    }
    sender = {"sender_id": {"open_id": USER, "union_id": "on_a", "user_id": "u1"}, "sender_type": "user"}
    return event("im.message.receive_v1", {"sender": sender, "message": told})


def event(kind: str, inside: dict[str, Any], **changes: Any) -> dict[str, Any]:
    header = {"event_id": "5e3702a8", "event_type": kind, "token": TOKEN, "app_id": APP, "tenant_key": "tk"}
    return {"schema": "2.0", "header": {**header, **changes}, "event": inside}


def request(told: object, *, key: str = KEY, at: int = 1795328640, **headers: str) -> CallbackRequest:
    """An encrypted and rightly signed callback; FixedClock's first moment unless changed."""
    plain = told if isinstance(told, bytes) else msgspec.json.encode(told)
    body = msgspec.json.encode({"encrypt": encrypted(key, plain)})
    return signed(body, key=key, at=at, **headers)


def signed(body: bytes, *, key: str = KEY, at: int = 1795328640, **headers: str) -> CallbackRequest:
    digest = hashlib.sha256(f"{at}924806611{key}".encode() + body).hexdigest()
    told = {
        "x-lark-request-timestamp": str(at),
        "x-lark-request-nonce": "924806611",
        "x-lark-signature": digest,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return CallbackRequest("POST", {}, told, body)


def plain(told: object) -> CallbackRequest:
    return CallbackRequest("POST", {}, {}, told if isinstance(told, bytes) else msgspec.json.encode(told))
