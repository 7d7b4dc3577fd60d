"""Web chat: visitors of a page. They fetch their replies themselves, over a WebSocket of the API door."""

from collections.abc import Sequence
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
from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.learning.feedback import Mark, Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.files import KeptFile
from ai_worker.pipeline.sending import Limit, Need
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


PER_VISITOR = (10, 600.0)
TOGETHER = (100, 3_600.0)
"""Files that one visitor, and all visitors of a chat, may bring in so many seconds: anybody can be a visitor."""


class FilesUsedUp(Busy):
    """A visitor, or all visitors together, have brought as many files as they may in a while."""

    code = "web_chat.files_used_up"


class NotStarted(Busy):
    """The channel does not receive yet."""

    code = "channel.not_started"


class WebChannel(Channel):
    """One web chat."""

    kind: ClassVar[str] = "web"
    comfortable: ClassVar[int] = 800
    pull: ClassVar[bool] = True

    def __init__(self, name: str, settings: WebSettings, *, clock: Clock, store: ChannelStore) -> None:
        self.name = name
        self.origins = Origins(settings.allowed_origins)
        self._clock, self._store = clock, store
        self._receive: Receive | None = None
        self._rate: Rate | None = None
        self._last_inbound_at: datetime | None = None

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive."""
        self._receive, self._rate = receive, rate

    async def stop(self) -> None:
        """Receive no more."""
        self._receive = self._rate = None

    async def admit_file(self, visitor: str) -> None:
        """Count one file that a visitor brings.

        Raises:
            FilesUsedUp: This visitor, or all together, have brought enough for now.
        """
        own = Limit(f"files:{visitor}", *PER_VISITOR)
        (wait,) = await self._store.spend(self.name, [[Need(own), Need(Limit("files", *TOGETHER))]])
        if wait > 0:
            raise FilesUsedUp("Too many files have been brought just now", retry_after=wait)

    async def take(self, visitor: str, message_id: str, text: str, files: Sequence[KeptFile] = ()) -> Accepted:
        """Make one message of a visitor durable.

        Args:
            visitor: Who writes; also the key of the visitor's one conversation.
            message_id: Made by the visitor's browser, so that a second try is recognised.
            text: Cleaned; empty only where there are files.
            files: What the visitor has brought for it.

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
            parts=tuple(Part(file.kind, text=file.attachment.name, file=file.attachment.id) for file in files),
        )
        accepted = await self._receive(message)
        self._last_inbound_at = now
        return accepted

    async def rate(self, visitor: str, turn_id: str, mark: Mark) -> bool:
        """Make durable what a visitor thinks of an answer that was given to them.

        Returns:
            Whether there is such an answer.

        Raises:
            StoreBusy: It is not on disk.
            NotStarted: The channel does not receive.
        """
        if self._rate is None:
            raise NotStarted("The chat is not open")
        return await self._rate(Rating(turn_id, mark, self._clock.now(), self.name, visitor))

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse: no platform calls here."""
        return REFUSED

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return True: the visitor's page fetches the files, too."""
        return True

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Do nothing: the reply is on disk, and the visitor's page fetches it."""
        return Sent()

    def health(self) -> ChannelHealth:
        """Return that it is open, and when somebody last wrote."""
        if self._receive is None:
            return ChannelHealth("down", "not started")
        return ChannelHealth("ready", last_inbound_at=self._last_inbound_at)
