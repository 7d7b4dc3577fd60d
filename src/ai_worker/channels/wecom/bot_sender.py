"""What a bot says over its long connection: answers that grow, cards, messages of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from ai_worker.channels.wecom import bot_cards
from ai_worker.channels.wecom.answers import OK, Declined
from ai_worker.channels.wecom.bot_limits import chat_of, limits
from ai_worker.channels.wecom.bot_link import BotLink, Frame
from ai_worker.channels.wecom.bot_media import upload
from ai_worker.channels.wecom.bot_streams import LASTS_S, Streams
from ai_worker.channels.wecom.words import markdown_pieces
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.text import cut_bytes
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, SendFailed, Sent
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

STREAM_BYTES = 20_480
"""Of one answer, and of one message of the bot's own."""

REPLY_FOR = timedelta(hours=24)
"""For so long after a message it can be replied to under its `req_id`."""

STALE_REQ_ID, STREAM_OVER = 846605, 846608
"""The `req_id` is another connection's, or too old; the stream is finished or older than six minutes."""

GIVEN_UP = "系统正忙，您这条消息没有记下来。请稍后再发一次。"
STILL_AT_IT = "（还在处理，完成后会另发一条消息给您。）"


class BotSender:
    """Speaks over whichever link stands."""

    def __init__(self, channel: str, *, clock: Clock, store: ChannelStore, stream_s: float = LASTS_S) -> None:
        self._channel, self._clock, self._store = channel, clock, store
        self._streams = Streams(clock, lasts_s=stream_s)

    async def show(self, link: BotLink, draft: Draft) -> None:
        """Open or update the stream of a draft.

        Raises:
            SendFailed: It was not shown.
        """
        address = draft.address
        if not self._can_reply(link, address):
            raise SendFailed("wecom", "only a message of this connection can be answered by a stream", retry_after=None)
        if self._streams.ended(draft.id):
            raise SendFailed("wecom", "the stream is over", retry_after=None)
        text = cut_bytes(mention(address) + draft.text, STREAM_BYTES)
        stream = self._streams.get(draft.id)
        first = stream is None
        if stream is None:
            if not self._streams.room_for(address["user"]):
                raise SendFailed("wecom", "the contact has three answers in progress", retry_after=None)
            stream = self._streams.open(draft.id, user=address["user"], link=link.id, req_id=address["req"])
        feedback = draft.turn_id if first else ""
        answer = await self._stream(link, address["req"], draft.id, text, finish=False, feedback=feedback)
        if answer.errcode != OK:
            self._streams.close(draft.id, early=answer.errcode in (STALE_REQ_ID, STREAM_OVER))
            raise Declined(answer.errcode, answer.errmsg)
        stream.text = text

    async def deliver(self, link: BotLink, message: OutboundMessage) -> Sent:
        """Send an answer whole: at the end of its stream if it has one, else in its place; its files behind it.

        Raises:
            SendFailed: Not all of it was taken.
        """
        if not chat_of(message.address):
            raise SendFailed("wecom", "there is nobody to send to", retry_after=None)
        if bot_cards.fits(message.reply) and not self._streams.get(message.id):
            return await self._send_card(link, message)
        pieces = markdown_pieces(message.reply.text, STREAM_BYTES, before=mention(message.address))
        files = message.reply.attachments
        if not pieces and not files:
            raise SendFailed("wecom", "there is nothing to say", retry_after=None)
        done = self._streams.sent(message.id)
        try:
            for number, text in enumerate(pieces):
                if number >= done:
                    await self._say(link, message, text, number)
                    self._streams.count(message.id, number + 1)
            for number, file in enumerate(files, len(pieces)):
                if number >= done:
                    await self._push(link, message, await upload(link, file, message.contents[file.id]))
                    self._streams.count(message.id, number + 1)
        except SendFailed as failure:
            if not self._streams.sent(message.id) or failure.unsure:
                raise
            detail = f"{self._streams.sent(message.id)} of {len(pieces) + len(files)} messages went out, then {failure}"
            raise SendFailed(
                "wecom", detail, retry_after=failure.retry_after, unsure=True, blocks=failure.blocks
            ) from failure
        self._streams.close(message.id)
        return Sent(message.id)

    async def decline(self, link: BotLink, message: InboundMessage) -> None:
        """Ask the contact to send a message again that could not be kept."""
        try:
            await self._stream(link, message.address["req"], f"lost-{message.message_id}"[:64], GIVEN_UP, finish=True)
        except SendFailed as failure:
            log.warning("channel.not_declined", channel=self._channel, error=str(failure))

    async def tidy(self, link: BotLink) -> None:
        """End the streams whose time is nearly over, so that no half answer spins for ever."""
        self._streams.close_all_but(link.id)
        for stream in self._streams.due():
            self._streams.close(stream.id, early=True)
            text = cut_bytes(stream.text, STREAM_BYTES - len(STILL_AT_IT.encode()) - 2)
            try:
                await self._stream(link, stream.req_id, stream.id, f"{text}\n\n{STILL_AT_IT}".strip(), finish=True)
            except SendFailed as failure:
                log.warning("channel.stream_not_ended", channel=self._channel, error=str(failure))

    async def _say(self, link: BotLink, message: OutboundMessage, text: str, number: int) -> None:
        address = message.address
        key = limits(address)[0].key
        if self._can_reply(link, address) and not (number == 0 and self._streams.ended(message.id)):
            opened = number == 0 and self._streams.get(message.id) is not None
            feedback = message.turn_id if number == 0 and message.reply.rateable and not opened else ""
            id = message.id if number == 0 else f"{message.id}-{number}"
            answer = await self._stream(link, address["req"], id, text, finish=True, feedback=feedback)
            if answer.errcode == OK or (answer.errcode == STREAM_OVER and self._was_taken(message)):
                return
            if answer.errcode not in (STALE_REQ_ID, STREAM_OVER):
                raise Declined(answer.errcode, answer.errmsg, limit=key)
        feedback_of = {"feedback": {"id": message.turn_id}} if number == 0 and message.reply.rateable else {}
        body = {"msgtype": "markdown", "markdown": {"content": text, **feedback_of}}
        await self._push(link, message, body)

    def _was_taken(self, message: OutboundMessage) -> bool:
        """Whether a stream that is over is over because an earlier try has ended it."""
        age = self._clock.now() - message.created_at
        return message.unsure and age.total_seconds() < LASTS_S

    async def _send_card(self, link: BotLink, message: OutboundMessage) -> Sent:
        try:
            await bot_cards.remember(self._store, self._clock, message)
        except Busy as busy:
            raise SendFailed("wecom", "the card could not be remembered", retry_after=busy.retry_after) from busy
        body = {"msgtype": "template_card", "template_card": bot_cards.choices_card(message)}
        if self._can_reply(link, message.address):
            answer = await link.request("aibot_respond_msg", body, req_id=message.address["req"])
            if answer.errcode == OK:
                return Sent(message.id)
            if answer.errcode != STALE_REQ_ID:
                raise Declined(answer.errcode, answer.errmsg, limit=limits(message.address)[0].key)
        await self._push(link, message, body)
        return Sent(message.id)

    async def _push(self, link: BotLink, message: OutboundMessage, body: dict[str, Any]) -> None:
        chat = message.address.get("chat", "")
        to = {"chatid": chat or message.address["user"], "chat_type": 2 if chat else 1}
        answer = await link.request("aibot_send_msg", {**to, **body})
        if answer.errcode != OK:
            raise Declined(answer.errcode, answer.errmsg, limit=limits(message.address)[0].key)

    async def _stream(
        self, link: BotLink, req_id: str, id: str, text: str, *, finish: bool, feedback: str = ""
    ) -> Frame:
        stream: dict[str, Any] = {"id": id, "finish": finish, "content": text}
        if feedback:
            stream["feedback"] = {"id": feedback}
        return await link.request("aibot_respond_msg", {"msgtype": "stream", "stream": stream}, req_id=req_id)

    def _can_reply(self, link: BotLink, address: Mapping[str, str]) -> bool:
        """Whether an address's `req_id` still means something: on its own connection, for a day."""
        if address.get("link") != link.id or not address.get("req"):
            return False
        at = datetime.fromtimestamp(int(address.get("at", "0")), UTC)
        return self._clock.now() - at < REPLY_FOR


def mention(address: Mapping[str, str]) -> str:
    """Return the words that call a group's asker; empty in a private chat."""
    return f"<@{address['user']}> " if address.get("chat") and address.get("user") else ""
