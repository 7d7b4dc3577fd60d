"""A WeCom self-built application: encrypted callbacks in, application messages out.

The passive answer is never used: it has to be written within five seconds, and the platform must be
told "received" at once. Replies go out by `message/send` when they are ready.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import structlog

from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Fetched,
    Probe,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.wecom import directory, wire
from ai_worker.channels.wecom.answers import fix
from ai_worker.channels.wecom.api import Answer, WecomApi
from ai_worker.channels.wecom.door import RECEIVED, Door, come_again
from ai_worker.channels.wecom.media import Media, carried
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomAppSettings
from ai_worker.channels.wecom.words import pieces
from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

HEARD_EVENTS = frozenset({"click", "template_card_event"})
"""Events by which a contact says something. The others (entering, subscribing …) ask for no answer."""

WELCOMED_EVENTS = frozenset({"enter_agent", "subscribe"})
WELCOMED_FOR = timedelta(hours=20)
"""A member opens the application many times a day and is welcomed once."""

WELCOMES = 1_000
"""Welcomes on their way at once; more members than this are not welcomed."""

DUPLICATE_MARGIN_S = 60.0
"""The clocks of both sides may differ by about this much."""

DUPLICATE_WINDOW_S = 14_400
"""The longest that the platform remembers messages for `enable_duplicate_check`."""

PER_MINUTE, MINUTE_S = 28, 61.0
PER_HOUR, HOUR_S = 950, 3_660.0
"""The platform drops what goes beyond 30 a minute and 1,000 an hour to one member, and says nothing."""


class _Sent(Answer):
    msgid: str = ""
    invaliduser: str = ""
    unlicenseduser: str = ""


class WecomApp(Channel):
    """One self-built application of one company."""

    kind: ClassVar[str] = "wecom-app"
    pull: ClassVar[bool] = False

    def __init__(self, name: str, settings: WecomAppSettings, *, clock: Clock, store: ChannelStore) -> None:
        self.name = name
        self._settings = settings
        self._clock, self._store = clock, store
        self._seen = Seen(clock)
        self._door = Door(
            token=settings.token,
            encoding_aes_key=settings.encoding_aes_key,
            receive_id=settings.corp_id,
            max_age_s=settings.max_callback_age_s,
            clock=clock,
        )
        self._api = WecomApi(
            channel=name,
            api_base=settings.api_base,
            corp_id=settings.corp_id,
            secret=settings.secret,
            timeout_s=settings.timeout_s,
            clock=clock,
            store=store,
        )
        self._media = Media(name, self._api, clock=clock, store=store)
        self._receive: Receive | None = None
        self._welcoming: dict[str, asyncio.Task[None]] = {}

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive; the platform is first spoken to when there is something to send."""
        self._api.open()
        self._receive = receive

    async def stop(self) -> None:
        """Close connections; callbacks are told to come again."""
        self._receive = None
        welcoming = list(self._welcoming.values())
        for task in welcoming:
            task.cancel()
        await asyncio.gather(*welcoming, return_exceptions=True)
        await self._api.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the URL verification (GET) or take a message (POST)."""
        try:
            if request.method == "GET":
                verified = self._door.verify(request)
                self._seen.proved("callback")
                return verified
            message = self._message(request)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self.name, reason=refused.reason)
            return REFUSED
        self._seen.proved("callback")
        event = next((part.text for part in message.parts if part.kind == "event"), None)
        if event is not None and event not in HEARD_EVENTS:
            log.info("channel.event_acknowledged", channel=self.name, event_type=event)
            if event in WELCOMED_EVENTS and self._settings.welcome:
                self._welcome_aside(message.contact.id)
            return RECEIVED
        return await self._take(message)

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return what a message takes of its member's limits."""
        reply = message.reply
        user, count = message.address.get("user", ""), max(1, len(pieces(reply.text)) + len(reply.attachments))
        minute, hour = Limit(f"member:{user}", PER_MINUTE, MINUTE_S), Limit(f"member-hour:{user}", PER_HOUR, HOUR_S)
        return Need(minute, min(count, minute.most)), Need(hour, min(count, hour.most))

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a reply as one or more text messages, in order, and a message for each file behind them.

        When an earlier send's outcome is unknown, or the first of several messages went out before
        another failed, the platform is asked to drop what it has seen since the reply was made.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        window = None
        if message.unsure:
            age = (self._clock.now() - message.created_at).total_seconds()
            window = max(0.0, age) + DUPLICATE_MARGIN_S
        user, texts, files = message.address.get("user", ""), pieces(message.reply.text), message.reply.attachments
        if not user or not (texts or files):
            raise SendFailed("wecom", "there is nobody to send to, or nothing to say", retry_after=None)
        platform_id = ""
        sent = 0
        try:
            for text in texts:
                platform_id = await self._send(user, _text(text), duplicate_window_s=window)
                sent += 1
            for file in files:
                body = await self._media.body(message, file)
                platform_id = await self._send(user, body, duplicate_window_s=window)
                sent += 1
        except SendFailed as failure:
            self._seen.failed(failure)
            if not sent:
                raise
            detail = f"{sent} of {len(texts) + len(files)} messages went out, then {failure}"
            raise SendFailed(
                "wecom", detail, retry_after=failure.retry_after, unsure=True, blocks=failure.blocks
            ) from failure
        self._seen.outbound()
        self._seen.proved("credentials")
        # Errcode 0 is not delivery: over its limits the platform drops messages and says 0 all the same.
        return Sent(platform_id, confirmed=False)

    async def probe(self) -> Probe:
        """Ask for a token, then for something that only a trusted address may ask for."""
        try:
            await self._api.check()
            self._seen.proved("credentials")
            await self._api.get("agent/get", {"agentid": self._settings.agent_id}, Answer)
        except SendFailed as failure:
            return Probe(ok=False, detail=str(failure), fix=fix(failure))
        return Probe(ok=True, detail="the platform gave a token and knows the application")

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether the platform takes a file."""
        return carried(attachment)

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a message names by its media id.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        return await self._media.fetch(part)

    async def look_up(self, contact_id: str) -> Contact | None:
        """Return a member's name and department, as far as the application may see them.

        Raises:
            SendFailed: The platform could not be asked now.
        """
        return await directory.look_up(self._api, contact_id)

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: degraded while the latest send has failed."""
        if self._receive is None:
            return ChannelHealth("down", "not started")
        return self._seen.health()

    def _message(self, request: CallbackRequest) -> InboundMessage:
        self._door.look_at(request)
        return wire.decode(
            self._door.open(request, wire.encrypted_part(request.body)),
            channel=self.name,
            corp_id=self._settings.corp_id,
            agent_id=self._settings.agent_id,
            received_at=self._clock.now(),
        )

    async def _take(self, message: InboundMessage) -> CallbackResponse:
        """Acknowledge only what is on disk; else have the platform come again (it tries three times)."""
        if self._receive is None:
            return come_again(1.0)
        try:
            await self._receive(message)
        except Busy as busy:
            return come_again(busy.retry_after)
        self._seen.inbound()
        return RECEIVED

    async def _send(self, user: str, body: Mapping[str, Any], *, duplicate_window_s: float | None) -> str:
        """Send one message; return the platform's id of it.

        Args:
            user: Whom to send it to.
            body: `msgtype` and what belongs to it.
            duplicate_window_s: Have the platform drop it if the same went to the same user in the
                last so many seconds. `None`: send it in any case.
        """
        message: dict[str, Any] = {
            "touser": user,
            "agentid": int(self._settings.agent_id),  # the API wants a number
            **body,
        }
        if duplicate_window_s is not None:
            message["enable_duplicate_check"] = 1
            message["duplicate_check_interval"] = min(DUPLICATE_WINDOW_S, math.ceil(duplicate_window_s))
        answer = await self._api.post("message/send", message, _Sent, limit=f"member:{user}")
        if answer.invaliduser or answer.unlicenseduser:
            which = "outside the visible range or unknown" if answer.invaliduser else "without a licence"
            raise SendFailed("wecom", f"the member is {which}", retry_after=None)
        return answer.msgid

    def _welcome_aside(self, user: str) -> None:
        if user not in self._welcoming and len(self._welcoming) < WELCOMES:
            task = self._welcoming[user] = asyncio.create_task(self._welcome(user))
            task.add_done_callback(lambda _: self._welcoming.pop(user, None))

    async def _welcome(self, user: str) -> None:
        key = f"welcomed:{user}"
        with suppress(Busy):
            if await self._store.recall(self.name, key) is not None:
                return
            await self._store.remember(self.name, key, "1", until=self._clock.now() + WELCOMED_FOR)
            try:
                await self._send(user, _text(self._settings.welcome), duplicate_window_s=None)
            except SendFailed as failure:
                log.warning("channel.not_welcomed", channel=self.name, error=str(failure))


def _text(words: str) -> dict[str, Any]:
    """Return the message of at most 2,048 bytes that says `words`."""
    return {"msgtype": "text", "text": {"content": words}}
