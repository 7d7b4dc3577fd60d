"""An AI bot by encrypted callbacks: messages come in, the platform pulls the answers, late ones go out once."""

from dataclasses import replace
from typing import Any

import msgspec
import structlog
from yarl import URL

from ai_worker.channels.contract import REFUSED, CallbackRequest, CallbackResponse, Rate, Receive, Sent
from ai_worker.channels.wecom.api import Answer, checked, read
from ai_worker.channels.wecom.bot_pulled import PULLED_S, PulledAnswers
from ai_worker.channels.wecom.bot_sender import STREAM_BYTES, mention
from ai_worker.channels.wecom.bot_wire import BotEvent, BotMessage, BotPoll, decode, opinion, rating_of
from ai_worker.channels.wecom.door import RECEIVED, Door, come_again
from ai_worker.channels.wecom.group_rules import answers
from ai_worker.channels.wecom.hosts import may_call
from ai_worker.channels.wecom.http import Http
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomBotSettings
from ai_worker.channels.wecom.words import markdown_pieces
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import cut_bytes
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, SendFailed
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

PULL_WAIT_S = 12.0
"""An answer is pulled within a second or two; if not for so long, nobody asks any more."""

CUT = "…（内容过长，后面的省略了）"


class BotCallbacks:
    """The bot's side of the callbacks."""

    def __init__(
        self,
        channel: str,
        settings: WecomBotSettings,
        *,
        seen: Seen,
        clock: Clock,
        store: ChannelStore,
        pulled_s: float = PULLED_S,
        pull_wait_s: float = PULL_WAIT_S,
    ) -> None:
        self._channel, self._settings, self._seen = channel, settings, seen
        self._clock, self._store, self._pull_wait_s = clock, store, pull_wait_s
        self._door = Door(
            token=settings.token,
            encoding_aes_key=settings.encoding_aes_key,
            receive_id="",  # a company's own bot has none
            max_age_s=settings.max_callback_age_s,
            clock=clock,
        )
        self._pulled = PulledAnswers(channel, waiting=settings.waiting, clock=clock, store=store, lasts_s=pulled_s)
        self._http = Http(settings.timeout_s)
        self._receive: Receive | None = None
        self._rate: Rate | None = None

    def start(self, receive: Receive, rate: Rate) -> None:
        """Begin to receive."""
        self._http.open()
        self._receive, self._rate = receive, rate

    async def stop(self) -> None:
        """Close connections; callbacks are told to come again."""
        self._receive = self._rate = None
        await self._http.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the URL verification (GET), a message, an event, or the question how far an answer is."""
        try:
            if request.method == "GET":
                verified = self._door.verify(request)
                self._seen.proved("callback")
                return verified
            told = self._told(request)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self._channel, reason=refused.reason)
            return REFUSED
        self._seen.proved("callback")
        try:
            answer = await self._answer(told)
        except Busy as busy:
            return come_again(busy.retry_after)
        return RECEIVED if answer is None else self._sealed(answer, request.query["nonce"])

    async def show(self, draft: Draft) -> None:
        """Let the platform pull a draft.

        Raises:
            SendFailed: It does not ask any more.
        """
        text = cut_bytes(mention(draft.address) + draft.text, STREAM_BYTES)
        try:
            shown = await self._pulled.grow(draft.address["stream"], text)
        except Busy as busy:
            raise SendFailed("wecom", "the draft could not be kept", retry_after=busy.retry_after) from busy
        if not shown:
            raise SendFailed("wecom", "the platform does not ask for this answer any more", retry_after=None)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """End the answer that the platform pulls; when it does not ask any more, send it to `response_url`.

        Raises:
            SendFailed: Neither was possible.
        """
        first, *rest = markdown_pieces(message.reply.text, STREAM_BYTES, before=mention(message.address)) or [""]
        if not first:
            raise SendFailed("wecom", "there is nothing to say", retry_after=None)
        try:
            if await self._pulled.end(message.address["stream"], message.id, first, within_s=self._pull_wait_s):
                if rest:
                    await self._say_late(message, "".join(rest))
                return Sent(message.id)
            await self._say_late(message, first + "".join(rest))
        except Busy as busy:
            raise SendFailed("wecom", "the answer could not be kept", retry_after=busy.retry_after) from busy
        return Sent(message.id)

    def _told(self, request: CallbackRequest) -> BotMessage | BotEvent | BotPoll:
        self._door.look_at(request)
        return decode(
            _json(self._door.open(request, _encrypted(request.body))),
            channel=self._channel,
            bot_id=self._settings.bot_id,
            bot_name=self._settings.bot_name,
            received_at=self._clock.now(),
        )

    async def _answer(self, told: BotMessage | BotEvent | BotPoll) -> dict[str, Any] | None:
        if isinstance(told, BotPoll):
            text, finish = await self._pulled.asked(told.stream)
            return _stream(told.stream, text, finish=finish)
        if isinstance(told, BotMessage):
            return await self._take(told)
        return await self._on_event(told)

    async def _take(self, told: BotMessage) -> dict[str, Any] | None:
        if not answers(self._settings, told.chat):
            log.info("channel.group_left_alone", channel=self._channel)
            return None
        if self._receive is None:
            raise Busy("the channel is stopping", retry_after=1.0)
        stream = derived_id("stream", self._channel, told.message.message_id)
        late = {"late": told.response_url} if may_call(told.response_url, base=self._settings.api_base) else {}
        await self._pulled.opened(stream)
        accepted = await self._receive(
            replace(told.message, address={**told.message.address, "stream": stream, **late})
        )
        self._seen.inbound()
        text, finish = await self._pulled.asked(stream)
        return _stream(stream, text, finish=finish, feedback=accepted.turn_id)

    async def _on_event(self, event: BotEvent) -> dict[str, Any] | None:
        log.info("channel.event", channel=self._channel, event_type=event.kind[:64])
        if event.kind == "enter_chat" and self._settings.welcome:
            return {"msgtype": "text", "text": {"content": self._settings.welcome}}
        if event.kind == "feedback_event" and (found := opinion(event)) is not None:
            if self._rate is None:
                raise Busy("the channel is stopping", retry_after=1.0)
            now = self._clock.now()
            await self._rate(rating_of(found, channel=self._channel, contact=event.user, at=now))
        return None

    def _sealed(self, answer: dict[str, Any], nonce: str) -> CallbackResponse:
        timestamp = int(self._clock.now().timestamp())
        encrypted, signature = self._door.envelope.seal(
            msgspec.json.encode(answer), timestamp=str(timestamp), nonce=nonce
        )
        body = {"encrypt": encrypted, "msgsignature": signature, "timestamp": timestamp, "nonce": nonce}
        return CallbackResponse(body=msgspec.json.encode(body), content_type="application/json; charset=utf-8")

    async def _say_late(self, message: OutboundMessage, text: str) -> None:
        """Use the one late answer that a message allows.

        A second one would be taken by the platform and shown to nobody, so that this is noted before the call.
        """
        url = message.address.get("late", "")
        if not url or not may_call(url, base=self._settings.api_base):
            raise SendFailed("wecom", "the platform takes no later answer to this message", retry_after=None)
        spent = f"late:{message.address['stream']}"
        if await self._store.recall(self._channel, spent) is not None:
            raise SendFailed("wecom", "the one later answer to this message has been used", retry_after=None)
        await self._store.remember(self._channel, spent, message.id)
        if len(text.encode()) > STREAM_BYTES:
            text = cut_bytes(text, STREAM_BYTES - len(CUT.encode())) + CUT
        feedback = {"feedback": {"id": message.turn_id}} if message.reply.rateable else {}
        body = {"msgtype": "markdown", "markdown": {"content": text, **feedback}}
        try:
            raw = await self._http.call("POST", URL(url, encoded=True), msgspec.json.encode(body))
            checked(read(raw, Answer, sends=True))
        except SendFailed as failure:
            if not failure.unsure and failure.retry_after is not None:  # it is as good as before
                await self._store.forget(self._channel, spent)
            raise


def _stream(id: str, text: str, *, finish: bool, feedback: str = "") -> dict[str, Any]:
    stream: dict[str, Any] = {"id": id, "finish": finish, "content": text}
    if feedback:
        stream["feedback"] = {"id": feedback}
    return {"msgtype": "stream", "stream": stream}


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise Refused("json") from None


def _encrypted(body: bytes) -> str:
    """Return the ciphertext of a callback; nothing else in there is signed, so nothing else is read."""
    told = _json(body)
    found = told.get("encrypt") if isinstance(told, dict) else None
    if not isinstance(found, str) or not found:
        raise Refused("json")
    return found
