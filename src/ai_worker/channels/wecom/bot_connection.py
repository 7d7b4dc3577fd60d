"""An AI bot's long connection: what comes in over it, and who answers it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from ai_worker.channels.connection import PACE, ConnectFailed, LongConnection, Pace
from ai_worker.channels.contract import ChannelHealth, Probe, Rate, Receive, Sent
from ai_worker.channels.wecom import bot_cards
from ai_worker.channels.wecom.bot_link import ANSWER_S, PING_S, BotDial, BotLink, Frame
from ai_worker.channels.wecom.bot_sender import BotSender
from ai_worker.channels.wecom.bot_streams import LASTS_S
from ai_worker.channels.wecom.bot_wire import BotEvent, BotMessage, decode, opinion, rating_of
from ai_worker.channels.wecom.group_rules import answers
from ai_worker.channels.wecom.reception import Reception
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomBotSettings
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, SendFailed
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

ASIDE = 1_000
"""Welcomes, pressed buttons and opinions that are being answered at once; more of them are left unanswered."""

TIDY_S = 5.0
TRIES, TRY_S = 20, 1.0
"""How often an opinion or a pressed button is tried to be kept while the store is busy, so many seconds apart."""

CREDENTIALS = "Copy the Bot ID and the Secret again from the bot's page, where 使用长连接 must be chosen."
CHOSEN = "已选择：{label}"
FORGOTTEN = "这个选项已过期，请直接输入您的问题"


class BotConnection:
    """The bot's end of the connection."""

    def __init__(
        self,
        channel: str,
        settings: WecomBotSettings,
        *,
        seen: Seen,
        clock: Clock,
        store: ChannelStore,
        pace: Pace = PACE,
        ping_s: float = PING_S,
        answer_s: float = ANSWER_S,
        stream_s: float = LASTS_S,
    ) -> None:
        self._channel, self._settings, self._seen = channel, settings, seen
        self._clock, self._store = clock, store
        self._dial = BotDial(
            ws_url=settings.ws_url,
            bot_id=settings.bot_id,
            secret=settings.secret,
            heard=self._hear,
            clock=clock,
            ping_s=ping_s,
            answer_s=answer_s,
        )
        self._connection = LongConnection(
            channel, self._dial, silent_s=ping_s * 3, single=True, clock=clock, store=store, pace=pace
        )
        self._sender = BotSender(channel, clock=clock, store=store, stream_s=stream_s)
        self._tidy_s = min(TIDY_S, stream_s / 4)
        self._reception: Reception | None = None
        self._rate: Rate | None = None
        self._running: list[asyncio.Task[None]] = []
        self._aside: set[asyncio.Task[None]] = set()

    async def start(self, receive: Receive, rate: Rate) -> None:
        """Begin to connect; does not wait for it."""
        self._rate = rate
        self._reception = Reception(
            self._channel, receive, kept=self._seen.inbound, give_up=self._give_up, clock=self._clock
        )
        self._dial.open()
        self._running = [asyncio.create_task(self._connection.run()), asyncio.create_task(self._tidy())]

    async def stop(self) -> None:
        """Close the connection, then keep what has come in over it."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []
        if self._reception is not None:
            await self._reception.close()
            self._reception = None
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)
        await self._dial.close()

    async def resume(self) -> None:
        """Connect again after another instance took over."""
        await self._connection.resume()

    async def probe(self) -> Probe:
        """Show that the platform accepts the bot."""
        self._dial.open()
        try:
            await self._connection.try_once()
        except (ConnectFailed, Busy) as failure:
            fix = CREDENTIALS if isinstance(failure, ConnectFailed) and failure.refused else ""
            return Probe(ok=False, detail=str(failure), fix=fix)
        finally:
            if not self._running:
                await self._dial.close()
        return Probe(ok=True, detail="the platform accepts the bot")

    def stands(self) -> bool:
        """Return whether the connection is this process's and open."""
        return self._connection.link is not None

    def health(self) -> ChannelHealth:
        """Return how the connection is doing."""
        return self._connection.health()

    async def show(self, draft: Draft) -> None:
        """Show a draft as a stream.

        Raises:
            SendFailed: It was not shown.
        """
        await self._sender.show(self._link(), draft)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a message.

        Raises:
            SendFailed: It was not taken.
        """
        return await self._sender.deliver(self._link(), message)

    def _link(self) -> BotLink:
        link = self._connection.link
        if not isinstance(link, BotLink):
            raise SendFailed("wecom", "the long connection is down", retry_after=2.0)
        return link

    async def _hear(self, link: BotLink, frame: Frame) -> None:
        """Take a callback. Whatever must be answered over the link is answered aside: the link is being read."""
        if frame.cmd not in ("aibot_msg_callback", "aibot_event_callback") or not frame.req_id:
            log.info("channel.frame_unknown", channel=self._channel, cmd=frame.cmd[:64])
            return
        try:
            told = decode(
                frame.body,
                channel=self._channel,
                bot_id=self._settings.bot_id,
                bot_name=self._settings.bot_name,
                received_at=self._clock.now(),
            )
        except Refused as refused:
            log.warning("channel.frame_refused", channel=self._channel, reason=refused.reason)
            return
        if isinstance(told, BotMessage):
            await self._take(link, frame.req_id, told)
        elif isinstance(told, BotEvent):
            self._answer_aside(self._on_event(link, frame.req_id, told))

    async def _take(self, link: BotLink, req_id: str, told: BotMessage) -> None:
        if not answers(self._settings, told.chat):
            log.info("channel.group_left_alone", channel=self._channel)
            return
        if self._reception is not None:
            await self._reception.take(self._addressed(told.message, link, req_id))

    def _addressed(self, message: InboundMessage, link: BotLink, req_id: str) -> InboundMessage:
        at = str(int(message.received_at.timestamp()))
        return replace(message, address={**message.address, "link": link.id, "req": req_id, "at": at})

    def _answer_aside(self, answering: Coroutine[Any, Any, None]) -> None:
        if len(self._aside) >= ASIDE:
            answering.close()
            log.warning("channel.event_left_unanswered", channel=self._channel)
            return
        task = asyncio.create_task(self._guarded(answering))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _guarded(self, answering: Coroutine[Any, Any, None]) -> None:
        try:
            await answering
        except SendFailed as failure:
            log.warning("channel.event_not_answered", channel=self._channel, error=str(failure))
        except Exception:  # a task boundary: a defect with one event must not pass unseen
            log.exception("channel.event_defect", channel=self._channel)

    async def _on_event(self, link: BotLink, req_id: str, event: BotEvent) -> None:
        log.info("channel.event", channel=self._channel, event_type=event.kind[:64])
        if event.kind == "enter_chat" and self._settings.welcome:
            body = {"msgtype": "text", "text": {"content": self._settings.welcome}}
            await link.request("aibot_respond_welcome_msg", body, req_id=req_id)
        elif event.kind == "template_card_event":
            await self._on_press(link, req_id, event)
        elif event.kind == "feedback_event":
            await self._on_opinion(event)

    async def _on_press(self, link: BotLink, req_id: str, event: BotEvent) -> None:
        pressed = None
        for _ in range(TRIES):
            with suppress(Busy):
                pressed = await bot_cards.recall(self._store, self._channel, event.told)
                break
            await asyncio.sleep(TRY_S)
        words = FORGOTTEN if pressed is None else CHOSEN.format(label=pressed.label)
        task_id = event.text("task_id")
        if pressed is not None and self._reception is not None:
            address = {"user": event.user, **({"chat": event.chat} if event.chat else {})}
            chosen = InboundMessage(
                channel=self._channel,
                message_id=derived_id("pressed", task_id, event.user),  # one choice of each person
                conversation_key=f"group:{event.chat}" if event.chat else event.user,
                contact=Contact(event.user, member=True),
                text=pressed.label,
                received_at=self._clock.now(),
                sent_at=event.at,
                address=address,
                group=bool(event.chat),
                chosen=pressed.choice,
            )
            await self._reception.take(chosen)
        card = bot_cards.chosen_card(task_id, words)
        body = {"response_type": "update_template_card", "template_card": card}
        await link.request("aibot_respond_update_msg", body, req_id=req_id)

    async def _on_opinion(self, event: BotEvent) -> None:
        found = opinion(event)
        if found is None or self._rate is None:
            return
        rating = rating_of(found, channel=self._channel, contact=event.user, at=self._clock.now())
        for _ in range(TRIES):
            with suppress(Busy):
                await self._rate(rating)
                return
            await asyncio.sleep(TRY_S)
        log.error("channel.opinion_given_up", channel=self._channel)

    async def _give_up(self, message: InboundMessage) -> None:
        link = self._connection.link
        if isinstance(link, BotLink) and message.address.get("link") == link.id:
            self._answer_aside(self._sender.decline(link, message))

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(self._tidy_s)
            if isinstance(link := self._connection.link, BotLink):
                await self._guarded(self._sender.tidy(link))
