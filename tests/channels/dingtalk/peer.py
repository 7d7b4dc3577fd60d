"""What the tests of DingTalk share: settings, a started channel, a place where messages land."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

from ai_worker.channels.connection import PACE, Pace
from ai_worker.channels.contract import CallbackRequest
from ai_worker.channels.dingtalk.adapter import Dingtalk, DingtalkWithCards
from ai_worker.channels.dingtalk.cards import CardPace
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.channels.dingtalk.stream import Pulse
from ai_worker.conversation.message import Choice, InboundMessage, Reply
from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import Accepted, OutboundKind, OutboundMessage, StoreBusy
from tests.channels.store import temporary_store

CLIENT_ID = "dingq1w2e3r4t5y6u7"
CLIENT_SECRET = "Lk3-vT9sYq8mZt1LrXc5bNf7hJd2gPa6eWk3v9sYq8mZt1LrXc5bNf7hJd2gPa6e"
TEMPLATE = "1b2c3d4e-0000-4a5b-8c6d-7e8f9a0b1c2d.schema"
STAFF, GROUP = "linxiaoyan", "cidAbC123=="
ABOUT_NOW_MS = 1_795_328_640_000
"""FixedClock's first moment."""


def settings(**changes: Any) -> DingtalkSettings:
    return DingtalkSettings.model_validate(
        {"kind": "dingtalk", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **changes}
    )


def platform(**changes: Any) -> SimulatedDingtalk:
    return SimulatedDingtalk(**{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **changes})


class Takes(Protocol):
    """What takes messages and opinions."""

    async def __call__(self, message: InboundMessage) -> Accepted: ...

    async def rate(self, rating: Rating, /) -> bool: ...


class Inbox:
    """Takes messages and opinions as the pipeline does; `busy` makes it refuse the next ones."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.ratings: list[Rating] = []
        self.busy = 0
        self.answer: Callable[[InboundMessage], Any] | None = None

    async def __call__(self, message: InboundMessage) -> Accepted:
        self._ready()
        duplicate = any(one.message_id == message.message_id for one in self.messages)
        if not duplicate:
            self.messages.append(message)
        return Accepted("turn-1", 1, duplicate=duplicate)

    async def rate(self, rating: Rating) -> bool:
        self._ready()
        self.ratings.append(rating)
        return True

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                await asyncio.sleep(0.01)

    def _ready(self) -> None:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("the disk is slow", retry_after=0.05)


@asynccontextmanager
async def started(
    simulated: SimulatedDingtalk,
    inbox: Takes | None = None,
    *,
    clock: Clock | None = None,
    store: ChannelStore | None = None,
    pulse: Pulse | None = None,
    pace: Pace = PACE,
    second_s: float = 30.0,
    card_pace: CardPace | None = None,
    connects: bool = True,
    **changes: Any,
) -> AsyncIterator[Dingtalk]:
    """A channel that talks to the simulated platform."""
    clock = clock or SystemClock()
    told = settings(**{"api_base": simulated.base, "oapi_base": simulated.base, **changes})
    kind = DingtalkWithCards if told.card_template_id else Dingtalk
    store = store or temporary_store(clock)
    inbox = inbox or Inbox()
    channel = kind(
        "front-desk", told, clock=clock, store=store, pulse=pulse, pace=pace, second_s=second_s, card_pace=card_pace
    )
    await channel.start(inbox, inbox.rate, connects=connects)
    try:
        if connects and told.mode == "stream" and not simulated.gateway.down:
            await simulated.connected()
        yield channel
    finally:
        await channel.stop()


def outbound(
    address: Mapping[str, str],
    text: str = "退款一般三个工作日内到账。",
    *,
    id: str = "r-1",
    kind: OutboundKind = "reply",
    choices: tuple[Choice, ...] = (),
    rateable: bool = False,
    clock: Clock | None = None,
    attempt: int = 1,
    unsure: bool = False,
) -> OutboundMessage:
    now = (clock or SystemClock()).now()
    return OutboundMessage(
        id=id,
        turn_id="turn-1",
        conversation_id=1,
        channel="front-desk",
        address=address,
        kind=kind,
        reply=Reply(text, choices=choices, rateable=rateable),
        created_at=now,
        expires_at=now + timedelta(hours=2),
        attempt=attempt,
        unsure=unsure,
    )


def sign(timestamp: str, *, secret: str = CLIENT_SECRET) -> str:
    """The signature, computed from the platform's documents."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def request(body: bytes | dict[str, Any], *, timestamp: str = str(ABOUT_NOW_MS), **changes: str) -> CallbackRequest:
    """A rightly signed callback unless changed."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return CallbackRequest("POST", {}, {"timestamp": timestamp, "sign": sign(timestamp), **changes}, raw)


def later(seconds: float) -> FixedClock:
    clock = FixedClock()
    clock.advance(timedelta(seconds=seconds))
    return clock


def robot_message(text: str = "查库存", *, group: str = "", **changes: Any) -> dict[str, Any]:
    """A message as the platform's documents show it, with a session on its own hosts."""
    found: dict[str, Any] = {
        "conversationId": group or "cidPrivate==",
        "conversationType": "2" if group else "1",
        "msgId": "msg1==",
        "createAt": ABOUT_NOW_MS,
        "senderId": "$:LWCP_v1:$a",
        "senderStaffId": STAFF,
        "senderNick": "林小燕",
        "isAdmin": True,
        "robotCode": CLIENT_ID,
        "isInAtList": True,
        "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=s3cret",
        "sessionWebhookExpiredTime": ABOUT_NOW_MS + 5_400_000,
        "msgtype": "text",
        "text": {"content": f" {text}" if group else text},
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}
