"""WeCom's customer service (微信客服): customers write from WeChat, and are answered there.

Who serves a customer (the session's state) is left as the platform has it: a conversation that a person
of the company has taken over in WeCom itself is refused to us by the platform, and rightly.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
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
from ai_worker.channels.wecom import kf_words, wire
from ai_worker.channels.wecom.answers import fix
from ai_worker.channels.wecom.api import Answer, WecomApi
from ai_worker.channels.wecom.door import RECEIVED, Door, come_again
from ai_worker.channels.wecom.kf_sync import KfSync
from ai_worker.channels.wecom.kf_wire import CUSTOMER, Item, message_of, opinion_of
from ai_worker.channels.wecom.media import Media, carried
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomKfSettings
from ai_worker.conversation.message import Attachment, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import derived_id
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

KEEP_WITHIN_S = 2.0
"""A callback waits for so long until what it announced is durable; the platform's deadline is 5 s."""

ANSWERS, ANSWERS_S = 5, 48 * 3_600.0
"""The platform takes five messages within 48 hours of each of a customer's."""

WELCOME_S = 18.0
"""A welcome's code is good for 20 s."""


class _Sent(Answer):
    msgid: str = ""


class WecomKf(Channel):
    """The customer service accounts of one company that its API secret can see."""

    kind: ClassVar[str] = "wecom-kf"
    comfortable: ClassVar[int] = 300
    pull: ClassVar[bool] = False

    def __init__(self, name: str, settings: WecomKfSettings, *, clock: Clock, store: ChannelStore) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
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
        self._sync = KfSync(name, self._api, self._on_item, store=store)
        self._receive: Receive | None = None
        self._rate: Rate | None = None
        self._catching_up: asyncio.Task[None] | None = None

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive, and fetch what came in while nobody was here."""
        self._api.open()
        self._receive, self._rate = receive, rate
        if connects:
            self._catching_up = asyncio.create_task(self._sync.catch_up())

    async def stop(self) -> None:
        """Close connections; what is not fetched stays at the platform."""
        self._receive = self._rate = None
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        await self._sync.close()
        await self._api.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the URL verification (GET), or the event that there is something to fetch (POST)."""
        try:
            if request.method == "GET":
                verified = self._door.verify(request)
                self._seen.proved("callback")
                return verified
            account, token = self._event(request)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self.name, reason=refused.reason)
            return REFUSED
        self._seen.proved("callback")
        return await self._fetched(account, token) if account else RECEIVED

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return what a message takes of the five that its customer's message allows."""
        limit = Limit(f"asked:{message.address.get('asked', '')}", ANSWERS, ANSWERS_S)
        count = len(kf_words.bodies(message)) + len(message.reply.attachments)
        return [Need(limit, min(ANSWERS, max(1, count)))]

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether the platform takes a file, and has room for it among the answers to one message."""
        return carried(attachment) and attachment in message.reply.attachments[: kf_words.FILES]

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a customer's message names by its media id.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        return await self._media.fetch(part)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a reply, in at most four messages, its files behind its words.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        user, account = message.address.get("user", ""), message.address.get("account", "")
        bodies, files = kf_words.bodies(message), message.reply.attachments
        if not user or not account or not (bodies or files):
            raise SendFailed("wecom", "there is nobody to send to, or nothing to say", retry_after=None)
        sent = 0
        try:
            for number, body in enumerate(bodies):
                msgid = derived_id("k", message.id, str(number))
                await self._send(user, account, body, msgid=msgid)
                sent += 1
            for number, file in enumerate(files, len(bodies)):
                body = await self._media.body(message, file)
                await self._send(user, account, body, msgid=derived_id("k", message.id, str(number)))
                sent += 1
        except SendFailed as failure:
            self._seen.failed(failure)
            if not sent:
                raise
            detail = f"{sent} of {len(bodies) + len(files)} messages went out, then {failure}"
            raise SendFailed("wecom", detail, retry_after=failure.retry_after, unsure=True) from failure
        self._seen.outbound()
        self._seen.proved("credentials")
        return Sent(derived_id("k", message.id, "0"))

    async def probe(self) -> Probe:
        """Ask for a token, and for the list of accounts."""
        try:
            await self._api.check()
            self._seen.proved("credentials")
            await self._api.post("kf/account/list", {"offset": 0, "limit": 1}, Answer)
        except SendFailed as failure:
            return Probe(ok=False, detail=str(failure), fix=fix(failure))
        return Probe(ok=True, detail="the platform gave a token and knows the accounts")

    def health(self) -> ChannelHealth:
        """Return how the channel is doing."""
        if self._receive is None:
            return ChannelHealth("down", "not started")
        return self._seen.health()

    def _event(self, request: CallbackRequest) -> tuple[str, str]:
        """Return the account that there is news of, and the token to fetch it with; empty for other events."""
        self._door.look_at(request)
        found = wire.fields(self._door.open(request, wire.encrypted_part(request.body)))
        if found.get("ToUserName", self._settings.corp_id) != self._settings.corp_id:
            raise Refused("corp_id")
        if found.get("MsgType") != "event" or not found.get("Event"):
            raise Refused("message")
        if found["Event"] != "kf_msg_or_event":
            log.info("channel.event_acknowledged", channel=self.name, event_type=found["Event"][:64])
            return "", ""
        account = found.get("OpenKfId", "")
        if not 0 < len(account) <= wire.MAX_ID:
            raise Refused("message")
        return account, found.get("Token", "")[:512]

    async def _fetched(self, account: str, token: str) -> CallbackResponse:
        """Fetch what was announced, and acknowledge it once it is durable.

        What takes longer stays at the platform until it has been fetched, and is acknowledged all the same.
        """
        try:
            await self._sync.heard_of(account)
            async with asyncio.timeout(KEEP_WITHIN_S):
                await self._sync.fetch(account, token)
        except Busy as busy:
            self._sync.wake(account, token)
            return come_again(busy.retry_after)
        except (TimeoutError, SendFailed):
            self._sync.wake(account, token)
        return RECEIVED

    async def _on_item(self, account: str, item: Item) -> None:
        if item.msgtype == "event":
            await self._on_event(account, item)
            return
        if item.origin != CUSTOMER:
            return  # what a person of the company said in WeCom itself
        if self._receive is None or self._rate is None:
            raise Busy("the channel is stopping", retry_after=1.0)
        opinion = opinion_of(item)
        if opinion is not None:
            turn_id, mark = opinion
            now = item.at or self._clock.now()
            await self._rate(Rating(turn_id, mark, now, channel=self.name, contact=item.external_userid))
            return
        await self._receive(message_of(item, channel=self.name, account=account, received_at=self._clock.now()))
        self._seen.inbound()

    async def _on_event(self, account: str, item: Item) -> None:
        event = item.told("event")
        log.info("channel.event", channel=self.name, event_type=str(event.get("event_type"))[:64])
        code = event.get("welcome_code")
        happened = datetime.fromtimestamp(item.send_time, UTC) if item.at else self._clock.now()
        late = (self._clock.now() - happened).total_seconds() > WELCOME_S
        if not isinstance(code, str) or not code or not self._settings.welcome or late:
            return
        body = {"code": code, "msgtype": "text", "text": {"content": self._settings.welcome}}
        with suppress(SendFailed):  # a courtesy: what follows it in the page matters more
            await self._api.post("kf/send_msg_on_event", body, _Sent)

    async def _send(self, user: str, account: str, body: dict[str, Any], *, msgid: str) -> None:
        told = {"touser": user, "open_kfid": account, "msgid": msgid, **body}
        await self._api.post("kf/send_msg", told, _Sent)
