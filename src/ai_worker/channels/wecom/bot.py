"""A WeCom AI bot: over its long connection, by callbacks, or both."""

from collections.abc import Sequence
from typing import ClassVar

from ai_worker.channels.connection import PACE, Pace
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
from ai_worker.channels.wecom.bot_connection import BotConnection
from ai_worker.channels.wecom.bot_limits import limits
from ai_worker.channels.wecom.bot_link import ANSWER_S, PING_S
from ai_worker.channels.wecom.bot_sender import STREAM_BYTES, mention
from ai_worker.channels.wecom.bot_streams import LASTS_S
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomBotSettings
from ai_worker.channels.wecom.words import markdown_pieces
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
    ) -> None:
        self.name = name
        self._settings = settings
        self._seen = Seen(clock)
        self._started = False
        self._connection: BotConnection | None = None
        self._connects = False
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
        if self._connection is not None and connects:
            await self._connection.start(receive, rate)

    async def stop(self) -> None:
        """Close connections."""
        self._started = False
        if self._connection is not None and self._connects:
            await self._connection.stop()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse it: this bot is spoken to over its long connection."""
        return REFUSED

    async def resume(self) -> None:
        """Connect again after another instance took over."""
        if self._connection is not None:
            await self._connection.resume()

    def sends_here(self) -> bool:
        """Return whether this process holds the connection."""
        return self._connection is not None and self._connection.stands()

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return what a message takes of its conversation's limits."""
        pieces = markdown_pieces(message.reply.text, STREAM_BYTES, before=mention(message.address))
        return [Need(limit, max(1, len(pieces))) for limit in limits(message.address)]

    async def show(self, draft: Draft) -> None:
        """Show an answer while it is being written.

        Raises:
            SendFailed: It was not shown; the answer will be.
        """
        assert self._connection is not None
        await self._connection.show(draft)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send one message.

        Raises:
            SendFailed: The platform did not take it.
        """
        assert self._connection is not None
        try:
            sent = await self._connection.deliver(message)
        except SendFailed as failure:
            if self.sends_here():  # else the connection's own state says it
                self._seen.failed(failure)
            raise
        self._seen.outbound()
        return sent

    def health(self) -> ChannelHealth:
        """Return how the channel is doing."""
        if not self._started:
            return ChannelHealth("down", "not started")
        return self._seen.health(self._connection.health() if self._connection is not None else None)
