"""Web chat: visitors of a page. They fetch their replies themselves, over a WebSocket of the API door."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    ChannelSettings,
    Rate,
    Receive,
    Sent,
)
from ai_worker.channels.web.origin import Origins, origin_problem
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.store import Accepted, OutboundMessage


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if problem := origin_problem(origin):
            raise PydanticCustomError("origin", "{problem}", {"problem": problem})
    return origins


class WebSettings(ChannelSettings):
    """A web chat."""

    allowed_origins: Annotated[tuple[str, ...], AfterValidator(_origins)] = ()
    """Web sites (`https://www.example.com`) that may show the chat inside their pages, and public
    names under which the chat itself is served."""


class NotStarted(Busy):
    """The channel does not receive yet."""

    code = "channel.not_started"


class WebChannel(Channel):
    """One web chat."""

    kind: ClassVar[str] = "web"
    comfortable: ClassVar[int] = 800
    pull: ClassVar[bool] = True

    def __init__(self, name: str, settings: WebSettings, *, clock: Clock) -> None:
        self.name = name
        self.origins = Origins(settings.allowed_origins)
        self._clock = clock
        self._receive: Receive | None = None
        self._last_inbound_at: datetime | None = None

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive."""
        self._receive = receive

    async def stop(self) -> None:
        """Receive no more."""
        self._receive = None

    async def take(self, visitor: str, message_id: str, text: str) -> Accepted:
        """Make one message of a visitor durable.

        Args:
            visitor: Who writes; also the key of the visitor's one conversation.
            message_id: Made by the visitor's browser, so that a second try is recognised.
            text: Cleaned, not empty.

        Raises:
            StoreBusy: It is not on disk.
            NotStarted: The channel does not receive.
        """
        if self._receive is None:
            raise NotStarted("The chat is not open")
        now = self._clock.now()
        message = InboundMessage(
            channel=self.name,
            message_id=f"{visitor}/{message_id}",
            conversation_key=visitor,
            contact=Contact(visitor),
            text=text,
            received_at=now,
        )
        accepted = await self._receive(message)
        self._last_inbound_at = now
        return accepted

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse: no platform calls here."""
        return REFUSED

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Do nothing: the reply is on disk, and the visitor's page fetches it."""
        return Sent()

    def health(self) -> ChannelHealth:
        """Return that it is open, and when somebody last wrote."""
        if self._receive is None:
            return ChannelHealth("down", "not started")
        return ChannelHealth("ready", last_inbound_at=self._last_inbound_at)
