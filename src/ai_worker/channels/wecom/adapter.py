"""A WeCom self-built application: encrypted callbacks in, application messages out.

The passive answer is never used: it has to be written within five seconds, and the platform must be
told "received" at once. Replies go out by `message/send` when they are ready.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import structlog

from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.wecom import wire
from ai_worker.channels.wecom.client import WecomClient
from ai_worker.channels.wecom.crypto import Envelope
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.settings import WecomAppSettings
from ai_worker.channels.wecom.words import pieces
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

MAX_BODY = 1_048_576
MAX_FIELD = 64
"""Characters of a signature, time stamp or nonce."""

HEARD_EVENTS = frozenset({"click", "template_card_event"})
"""Events by which a contact says something. The others (entering, subscribing …) ask for no answer."""

DUPLICATE_MARGIN_S = 60.0
"""The clocks of both sides may differ by about this much."""

_TIMESTAMP = re.compile(r"[0-9]{1,11}")
"""ASCII digits only: `int` would also take signs, underscores, spaces and other scripts' digits."""

_RECEIVED = CallbackResponse()
"""An empty 200: received, nothing to say now."""


class WecomApp(Channel):
    """One self-built application of one company."""

    kind: ClassVar[str] = "wecom-app"
    pull: ClassVar[bool] = False

    def __init__(self, name: str, settings: WecomAppSettings, *, clock: Clock, store: ChannelStore) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
        self._envelope = Envelope(
            token=settings.token, encoding_aes_key=settings.encoding_aes_key, receive_id=settings.corp_id
        )
        self._client = WecomClient(
            channel=name,
            api_base=settings.api_base,
            corp_id=settings.corp_id,
            secret=settings.secret,
            agent_id=settings.agent_id,
            timeout_s=settings.timeout_s,
            clock=clock,
            store=store,
        )
        self._receive: Receive | None = None
        self._rate: Rate | None = None
        self._last_inbound_at: datetime | None = None
        self._last_outbound_at: datetime | None = None
        self._last_error = ""

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive; the platform is first spoken to when there is something to send."""
        self._client.open()
        self._receive, self._rate = receive, rate

    async def stop(self) -> None:
        """Close connections; callbacks are told to come again."""
        self._receive = None
        await self._client.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the URL verification (GET) or take a message (POST)."""
        try:
            self._check_query(request.query)
            if request.method == "GET":
                return CallbackResponse(body=self._open(request, request.query.get("echostr", "")))
            message = self._message(request)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self.name, reason=refused.reason)
            return REFUSED
        if any(part.kind == "event" and part.text not in HEARD_EVENTS for part in message.parts):
            log.info("channel.event_acknowledged", channel=self.name, event_type=message.parts[0].text)
            return _RECEIVED
        return await self._take(message)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a reply as one or more text messages, in order.

        When an earlier send's outcome is unknown, or the first of several messages went out before
        another failed, the platform is asked to drop what it has seen since the reply was made.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        window = None
        if message.unsure:
            age = (self._clock.now() - message.created_at).total_seconds()
            window = max(0.0, age) + DUPLICATE_MARGIN_S
        user, texts = message.address.get("user", ""), pieces(message.reply.text)
        if not user or not texts:
            raise SendFailed("wecom", "there is nobody to send to, or nothing to say", retry_after=None)
        platform_id = ""
        sent = 0
        try:
            for text in texts:
                platform_id = await self._client.send_text(user, text, duplicate_window_s=window)
                sent += 1
        except SendFailed as failure:
            self._last_error = str(failure)
            if not sent:
                raise
            detail = f"{sent} of {len(texts)} messages went out, then {failure}"
            raise SendFailed("wecom", detail, retry_after=failure.retry_after, unsure=True) from failure
        self._last_outbound_at = self._clock.now()
        self._last_error = ""
        # Errcode 0 is not delivery: over its limits the platform drops messages and says 0 all the same.
        return Sent(platform_id, confirmed=False)

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: degraded while the latest send has failed."""
        if self._receive is None:
            return ChannelHealth("down", "not started")
        return ChannelHealth(
            state="degraded" if self._last_error else "ready",
            detail="the last message could not be sent" if self._last_error else "",
            last_inbound_at=self._last_inbound_at,
            last_outbound_at=self._last_outbound_at,
            last_error=self._last_error,
        )

    def _message(self, request: CallbackRequest) -> InboundMessage:
        if len(request.body) > MAX_BODY:
            raise Refused("size")
        return wire.decode(
            self._open(request, wire.encrypted_part(request.body)),
            channel=self.name,
            corp_id=self._settings.corp_id,
            agent_id=self._settings.agent_id,
            received_at=self._clock.now(),
        )

    def _open(self, request: CallbackRequest, encrypted: str) -> bytes:
        query = request.query
        return self._envelope.open(
            encrypted, signature=query["msg_signature"], timestamp=query["timestamp"], nonce=query["nonce"]
        )

    def _check_query(self, query: Mapping[str, str]) -> None:
        """Refuse what is not shaped like a signed callback of about now, before anything is computed from it."""
        for name in ("msg_signature", "timestamp", "nonce"):
            if not 0 < len(query.get(name, "")) <= MAX_FIELD:
                raise Refused("query")
        if not _TIMESTAMP.fullmatch(query["timestamp"]):
            raise Refused("query")
        if abs(self._clock.now().timestamp() - int(query["timestamp"])) > self._settings.max_callback_age_s:
            raise Refused("stale")

    async def _take(self, message: InboundMessage) -> CallbackResponse:
        """Acknowledge only what is on disk; else have the platform come again (it tries three times)."""
        if self._receive is None:
            return _come_again(1.0)
        try:
            await self._receive(message)
        except Busy as busy:
            return _come_again(busy.retry_after)
        self._last_inbound_at = message.received_at
        return _RECEIVED


def _come_again(seconds: float) -> CallbackResponse:
    return CallbackResponse(status=503, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
