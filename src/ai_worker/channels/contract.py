"""What every channel offers, and what it is given. No web framework in it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.sending import SendFailed as SendFailed
from ai_worker.pipeline.sending import Sent as Sent
from ai_worker.pipeline.store import Accepted, OutboundMessage

Receive = Callable[[InboundMessage], Awaitable[Accepted]]
"""Makes a message durable. Raises `StoreBusy`: then the platform must be told to come again."""


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """One HTTP request of a platform, body already read and within the size limit."""

    method: Literal["GET", "POST"]
    query: Mapping[str, str]
    """Parsed once; the first value of each name."""

    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """What the platform is told."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


REFUSED = CallbackResponse(status=403, body=b"refused")
"""The one answer to everything forged, stale, broken or foreign: it tells an attacker nothing."""


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """How a channel is doing, for /readyz, metrics and the console."""

    state: Literal["ready", "connecting", "degraded", "down"]
    detail: str = ""
    """One short phrase for people; never a secret."""

    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_error: str = ""


class ChannelSettings(BaseModel):
    """What every channel can be told; each kind adds its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: str
    """Which kind of channel it is, for example `wecom-app`."""

    max_callback_age_s: float = 600.0
    """A signed callback this many seconds older or newer than now is refused."""


class Channel(Protocol):
    """One configured connection to a platform."""

    kind: ClassVar[str]
    name: str
    pull: ClassVar[bool]
    """Contacts fetch replies themselves (web chat, API): nothing is delivered to them."""

    async def start(self, receive: Receive) -> None:
        """Begin to receive. Must not wait for the platform: an unreachable one never stops the start."""
        ...

    async def stop(self) -> None:
        """Close connections; called after the pipeline has drained."""
        ...

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer one HTTP callback: verify, decode, make durable, acknowledge. Never raises for bad input."""
        ...

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send one message, in as many platform messages as its length needs.

        Raises:
            SendFailed: The platform did not take it.
        """
        ...

    def health(self) -> ChannelHealth:
        """Return how the channel is doing now."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel that a platform's folder offers."""

    name: str
    settings: type[ChannelSettings]
    build: Callable[[str, ChannelSettings, Clock], Channel]
    """Makes the channel from its configured name; touches no network until `start`."""
