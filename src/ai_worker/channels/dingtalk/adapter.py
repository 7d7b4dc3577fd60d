"""The robot of a DingTalk application: messages in by Stream or HTTP, Markdown and cards out."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from ai_worker.channels.connection import PACE, ConnectFailed, Pace
from ai_worker.channels.contract import (
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Draft,
    Fetched,
    Need,
    Probe,
    Proof,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.dingtalk.address import GROUP_PREFIX, Address
from ai_worker.channels.dingtalk.card_calls import CARDS, CardCalls
from ai_worker.channels.dingtalk.cards import CardPace, Cards
from ai_worker.channels.dingtalk.chat import Chat
from ai_worker.channels.dingtalk.client import DingtalkClient
from ai_worker.channels.dingtalk.directory import Directory
from ai_worker.channels.dingtalk.frames import CARD_TOPIC, ROBOT_TOPIC
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.lines import SECOND_S, Lines
from ai_worker.channels.dingtalk.media import Media, carried
from ai_worker.channels.dingtalk.parts import send_parts
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.reception import Reception
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.channels.dingtalk.stream import Gateway, Pulse
from ai_worker.channels.dingtalk.words import pieces
from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import OutboundMessage

CARD_CALLS = 2
"""A whole answer on a card takes so many calls: the last words, then the buttons."""

_FIX = "Open the application on open-dev.dingtalk.com: {} Then try again."


class Dingtalk(Channel):
    """One robot of one application, whose answers are Markdown messages."""

    kind: ClassVar[str] = "dingtalk"
    pull: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        settings: DingtalkSettings,
        *,
        clock: Clock,
        store: ChannelStore,
        pulse: Pulse | None = None,
        pace: Pace = PACE,
        second_s: float = SECOND_S,
        card_pace: CardPace | None = None,
    ) -> None:
        """Prepare; nothing goes over the network before `start`.

        Args:
            name: The configured channel's name.
            settings: What it is told.
            clock: Tells the time.
            store: Remembers cards, and how far a long answer went out.
            pulse: How a Stream connection's life is watched.
            pace: How long connecting takes.
            second_s: How long after the first connection a second is opened.
            card_pace: When cards are updated and given up.
        """
        self.name = name
        self._settings, self._clock, self._store = settings, clock, store
        self._post = Post(timeout_s=settings.timeout_s)
        hosts = TrustedHosts([settings.api_base, settings.oapi_base])
        self._client = DingtalkClient(channel=name, settings=settings, post=self._post, clock=clock, store=store)
        self._directory = Directory(channel=name, settings=settings, post=self._post, clock=clock, store=store)
        self._chat = Chat(
            robot_code=settings.robot_code, post=self._post, client=self._client, hosts=hosts, clock=clock
        )
        self._media = Media(settings, post=self._post, client=self._client, old_token=self._directory.token)
        self._cards = self._with_cards(card_pace or CardPace())
        self._reception = Reception(channel=name, settings=settings, hosts=hosts, cards=self._cards, clock=clock)
        handlers = {ROBOT_TOPIC: self._reception.robot, CARD_TOPIC: self._reception.card}
        pulse = pulse or Pulse()
        self._gateway = Gateway(
            settings=settings, post=self._post, hosts=hosts, handlers=handlers, clock=clock, pulse=pulse
        )
        self._lines = Lines(
            name,
            self._gateway.dial,
            silent_s=2 * (pulse.ping_s + pulse.pong_s),
            second_s=second_s,
            pace=pace,
            clock=clock,
            store=store,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._started = self._connects = False
        self._last_outbound_at: datetime | None = None
        self._proved: dict[Proof, datetime] = {}
        self._last_error = ""

    def _with_cards(self, pace: CardPace) -> Cards | None:
        if not self._settings.card_template_id:
            return None
        template, robot = self._settings.card_template_id, self._settings.robot_code
        calls = CardCalls(template=template, robot_code=robot, client=self._client)
        return Cards(
            channel=self.name,
            calls=calls,
            has_buttons=self._settings.mode == "stream",
            store=self._store,
            clock=self._clock,
            pace=pace,
        )

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive; in Stream mode a process that `connects` opens a connection of its own."""
        self._post.open()
        self._reception.open(receive, rate)
        self._started = True
        self._connects = connects and self._settings.mode == "stream"
        if self._connects:
            self._tasks.append(asyncio.create_task(self._lines.run()))
        if self._cards is not None:
            self._tasks.append(asyncio.create_task(self._cards.watch()))

    async def stop(self) -> None:
        """Close connections; what has been pushed is made durable first."""
        if self._started:
            await self._gateway.finish()
        self._started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._reception.close()
        await self._client.close()
        await self._directory.close()
        await self._post.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer one HTTP callback; in Stream mode there are none."""
        return await self._reception.callback(request)

    def reach(self, to: str) -> Mapping[str, str]:
        """Return the address for messages that nobody asked for: a staff id's, or after `group:` a chat's."""
        if to.startswith(GROUP_PREFIX):
            return Address(conversation=to.removeprefix(GROUP_PREFIX), contact="", group=True).written()
        return Address(conversation="", contact=to, staff=to).written()

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return the limits: the organisation's calls a second, or those of the chat's session."""
        address, count = Address.read(message.address), len(pieces(message.reply.text))
        files = len(message.reply.attachments)
        if not count or not self._as_card(message, address):
            return self._chat.needs(address, count, files=files)
        return (Need(CARDS, CARD_CALLS), *self._chat.needs(address, count - 1, files=files))

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether the platform takes a file, and can bring it there: people outside the company get none."""
        address = Address.read(message.address)
        return carried(attachment) and bool(address.staff or (address.group and address.conversation))

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a part of a message names.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        return await self._media.fetch(part)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a reply: on its card where there can be one, else as one or more Markdown messages, in order.

        DingTalk recognises no repeated message. A card does no harm when it is sent again; of several
        messages those that went out are remembered.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        try:
            platform_id = await self._deliver(message)
        except SendFailed as failure:
            self._last_error = str(failure)
            raise
        self._last_outbound_at = self._proved["reply"] = self._proved["credentials"] = self._clock.now()
        self._last_error = ""
        return Sent(platform_id, confirmed=True)

    async def _deliver(self, message: OutboundMessage) -> str:
        address, texts, files = Address.read(message.address), pieces(message.reply.text), message.reply.attachments
        if not (texts or files) or not (address.conversation or address.contact):
            raise SendFailed("dingtalk", "there is nobody to send to, or nothing to say", retry_after=None)

        async def send(number: int, text: str) -> str:
            if number >= len(texts):
                file = files[number - len(texts)]
                return await self._chat.send_file(address, await self._media.message(file, message.contents[file.id]))
            if not number and await self._on_card(message, address, text):
                return message.id
            mention = address.group and not number and bool(address.contact)
            return await self._chat.send(address, text, mention=mention)

        named = [file.name for file in files]
        return await send_parts(message, [*texts, *named], send, store=self._store)

    def _as_card(self, message: OutboundMessage, address: Address) -> bool:
        """Return whether a message goes out on a card: answers do, what a person wrote or was pushed does not."""
        return self._cards is not None and message.kind == "reply" and Cards.possible(address)

    async def _on_card(self, message: OutboundMessage, address: Address, text: str) -> bool:
        if self._cards is None or not self._as_card(message, address):
            return False
        return await self._cards.deliver(message, text)

    async def probe(self) -> Probe:
        """Ask for a token and, in Stream mode, for a connection, which is not opened."""
        async with self._calling():
            try:
                await self._client.token()
            except SendFailed as failure:
                fix = _FIX.format("凭证与基础信息 has Client ID and Client Secret; copy both again.")
                return Probe(False, str(failure), fix)
            self._proved["credentials"] = self._clock.now()
            if self._settings.mode == "http":
                return Probe(True, "the credentials are good")
            try:
                await self._gateway.ticket()
            except ConnectFailed as failure:
                fix = "机器人 › 消息接收模式 has to be Stream模式, and 版本管理与发布 has to show a published version."
                return Probe(False, str(failure), _FIX.format(fix))
        return Probe(True, "the credentials are good, and the gateway opens connections")

    async def look_up(self, contact_id: str) -> Contact | None:
        """Return somebody's name and departments; people outside the company are in no directory."""
        if contact_id.startswith("$:"):
            return None
        async with self._calling():
            return await self._directory.look_up(contact_id)

    async def resume(self) -> None:
        """Connect now, not after the pause that a failure has led to."""
        await self._lines.resume()

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: its connection, and whether the latest send has failed."""
        if not self._started:
            return ChannelHealth("down", "not started")
        health = self._lines.health() if self._connects else ChannelHealth("ready")
        if health.state == "ready" and self._last_error:
            health = replace(
                health, state="degraded", detail="the last message could not be sent", last_error=self._last_error
            )
        seen: dict[Proof, datetime | None] = {
            **self._proved,
            "connection": self._lines.connected_at,
            "callback": self._reception.called_at,
            "message": self._reception.last_at,
        }
        return replace(
            health,
            last_inbound_at=self._reception.last_at,
            last_outbound_at=self._last_outbound_at,
            proofs={proof: at for proof, at in seen.items() if at is not None},
        )

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[None]:
        """Make calls possible for a channel that is not started: set-up asks before anything runs."""
        if self._post.is_open:
            yield
            return
        self._post.open()
        try:
            yield
        finally:
            await self._post.close()


class DingtalkWithCards(Dingtalk):
    """A robot with a card template: its answers grow on the contact's screen."""

    grows: ClassVar[bool] = True

    async def show(self, draft: Draft) -> None:
        """Show a draft on its card; words that ask for patience go out by themselves where no card can be.

        Raises:
            SendFailed: It was not shown.
        """
        address = Address.read(draft.address)
        if self._cards is not None and Cards.possible(address):
            await self._cards.show(draft)
        elif draft.holding:
            await self._chat.send(address, draft.text, mention=address.group)
        else:
            raise SendFailed("dingtalk", "people outside the company have no room for a card", retry_after=None)
