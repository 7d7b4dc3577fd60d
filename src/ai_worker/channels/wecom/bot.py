"""A WeCom AI bot: over its long connection, by callbacks, or both."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ai_worker.channels.connection import PACE, Pace
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
from ai_worker.channels.wecom import bot_media
from ai_worker.channels.wecom.bot_callbacks import PULL_WAIT_S, BotCallbacks
from ai_worker.channels.wecom.bot_connection import BotConnection
from ai_worker.channels.wecom.bot_limits import limits
from ai_worker.channels.wecom.bot_link import ANSWER_S, PING_S
from ai_worker.channels.wecom.bot_sender import STREAM_BYTES, mention
from ai_worker.channels.wecom.bot_streams import LASTS_S
from ai_worker.channels.wecom.http import Http
from ai_worker.channels.wecom.media import carried
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomBotSettings
from ai_worker.channels.wecom.words import markdown_pieces
from ai_worker.conversation.message import Attachment, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, Need
from ai_worker.pipeline.store import OutboundMessage


class WecomBot(Channel):
    """One AI bot."""

    kind: ClassVar[str] = "wecom-bot"
    pull: ClassVar[bool] = False
    grows: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        settings: WecomBotSettings,
        *,
        clock: Clock,
        store: ChannelStore,
        pace: Pace = PACE,
        ping_s: float = PING_S,
        answer_s: float = ANSWER_S,
        stream_s: float = LASTS_S,
        pull_wait_s: float = PULL_WAIT_S,
    ) -> None:
        """Prepare; nothing goes over the network before `start`.

        Args:
            name: The configured channel's name.
            settings: What the administrator told.
            clock: Tells the time.
            store: Where the nodes share what they know.
            pace: How long everything about the connection takes.
            ping_s: Between two pings.
            answer_s: How long a frame's answer is waited for.
            stream_s: For how long after its beginning an answer can grow.
            pull_wait_s: How long the end of an answer waits to be pulled.
        """
        self.name = name
        self._settings = settings
        self._seen = Seen(clock)
        self._started = False
        self._http = Http(settings.timeout_s)
        self._connection: BotConnection | None = None
        self._connects = False
        self._callbacks: BotCallbacks | None = None
        if settings.token:
            self._callbacks = BotCallbacks(
                name,
                settings,
                seen=self._seen,
                clock=clock,
                store=store,
                pulled_s=stream_s,
                pull_wait_s=pull_wait_s,
            )
        if settings.connects:
            self._connection = BotConnection(
                name,
                settings,
                seen=self._seen,
                clock=clock,
                store=store,
                pace=pace,
                ping_s=ping_s,
                answer_s=answer_s,
                stream_s=stream_s,
            )

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive; an unreachable platform is tried again in the background."""
        self._started, self._connects = True, connects
        self._http.open()
        if self._callbacks is not None:
            self._callbacks.start(receive, rate)
        if self._connection is not None and connects:
            await self._connection.start(receive, rate)

    async def stop(self) -> None:
        """Close connections."""
        if self._callbacks is not None and self._started:
            await self._callbacks.stop()
        if self._connection is not None and self._started and self._connects:
            await self._connection.stop()
        await self._http.close()
        self._started = False

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer a callback; refuse it if this bot is only spoken to over its long connection."""
        return REFUSED if self._callbacks is None else await self._callbacks.callback(request)

    async def resume(self) -> None:
        """Connect again after another instance took over."""
        if self._connection is not None:
            await self._connection.resume()

    def sends_here(self) -> bool:
        """Return whether this process can send: answers to callbacks always, else while it holds the connection."""
        return self._callbacks is not None or self._stands()

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return what a message takes of its conversation's limits."""
        pieces = markdown_pieces(message.reply.text, STREAM_BYTES, before=mention(message.address))
        count = max(1, len(pieces) + len(message.reply.attachments))
        return [Need(limit, count) for limit in limits(message.address)]

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether a file can go: only the long connection takes any."""
        pulled = self._callbacks is not None and "stream" in message.address
        return self._connection is not None and not pulled and carried(attachment)

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a part of a message names, and decrypt it.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        return await bot_media.fetch(self._http, part, self._settings)

    async def show(self, draft: Draft) -> None:
        """Show an answer while it is being written.

        Raises:
            SendFailed: It was not shown; the answer will be.
        """
        await self._way(draft.address).show(draft)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send one message.

        Raises:
            SendFailed: The platform did not take it.
        """
        try:
            sent = await self._way(message.address).deliver(message)
        except SendFailed as failure:
            if self.sends_here():  # else the connection's own state says it
                self._seen.failed(failure)
            raise
        self._seen.outbound()
        return sent

    async def probe(self) -> Probe:
        """Show that the platform accepts the bot; a bot that is called back can only wait for its first callback."""
        if self._connection is None:
            return Probe(ok=True, detail="the platform verifies the callback address when it is saved there")
        return await self._connection.probe()

    def health(self) -> ChannelHealth:
        """Return how the channel is doing."""
        if not self._started:
            return ChannelHealth("down", "not started")
        return self._seen.health(self._connection.health() if self._connection is not None else None)

    def _stands(self) -> bool:
        return self._connection is not None and self._connection.stands()

    def _way(self, address: Mapping[str, str]) -> BotConnection | BotCallbacks:
        """Return the way on which an address can be reached: the one on which its message came in."""
        if self._callbacks is not None and "stream" in address:
            return self._callbacks
        if self._connection is None:
            raise SendFailed("wecom", "without a long connection the bot can only answer", retry_after=None)
        return self._connection
