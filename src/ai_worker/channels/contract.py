"""What every channel offers, and what it is given. No web framework in it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.files import Fetched as Fetched
from ai_worker.pipeline.sending import Draft as Draft
from ai_worker.pipeline.sending import Limit as Limit
from ai_worker.pipeline.sending import Need as Need
from ai_worker.pipeline.sending import SendFailed as SendFailed
from ai_worker.pipeline.sending import Sent as Sent
from ai_worker.pipeline.store import Accepted, OutboundMessage

Receive = Callable[[InboundMessage], Awaitable[Accepted]]
"""Makes a message durable. Raises `StoreBusy`: then the platform must be told to come again."""

Rate = Callable[[Rating], Awaitable[bool]]
"""Makes a contact's opinion of an answer durable; returns whether the answer is known. Raises `Busy`."""

Proof = Literal["credentials", "callback", "connection", "message", "reply"]
"""What shows that a part of the set-up is right: the platform gave a token; it verified our callback
address; a long connection was accepted; a message came in; a reply was taken."""


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
    proofs: Mapping[Proof, datetime] = field(default_factory=dict)
    """When each was seen last by this process, UTC."""

    connected_at: datetime | None = None
    """Since when the long connection stands; `None` without one."""

    displaced: bool = False
    """Another instance took the long connection over; this one waits for the operator's word (`resume`)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the platform said when it was asked whether the set-up is right."""

    ok: bool
    detail: str = ""
    """What it said, for people; never a secret."""

    fix: str = ""
    """What to do about it; empty when `ok`."""


class GroupSettings(BaseModel):
    """How one group is to be served."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: Literal["mentioned", "all", "never"] = "mentioned"
    """`mentioned`: only what mentions the worker; `all`: everything it gets to hear; `never`: nothing."""


class ChannelSettings(BaseModel):
    """What every channel can be told; each kind adds its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    kind: str
    """Which kind of channel it is, for example `wecom-app`."""

    max_callback_age_s: float = 600.0
    """A signed callback this many seconds older or newer than now is refused."""


class Channel(Protocol):
    """One configured connection to a platform.

    Channels inherit from it, so that what a platform does not have needs no words in its folder.
    """

    kind: ClassVar[str]
    name: str
    pull: ClassVar[bool]
    """Contacts fetch replies themselves (web chat, API): nothing is delivered to them."""

    grows: ClassVar[bool] = False
    """Whether `show` can show an answer while it is being written."""

    comfortable: ClassVar[int] = 500
    """Characters of an answer that read well here in a private conversation; a group takes fewer. 0: any number.
    The model is told, and an answer of more than twice as many is cut at the end of a sentence."""

    merges: ClassVar[int] = 0
    """Up to how many UTF-8 bytes of waiting proactive messages may go out as one; 0: each goes alone."""

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive. Must not wait for the platform: an unreachable one never stops the start.

        Args:
            receive: Makes a message durable.
            rate: Makes a contact's opinion of an answer durable.
            connects: Whether this process may hold the platform's long connection. A process that only
                serves doors does not: what is sent over the connection is sent by a runner.
        """
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

    def reach(self, to: str) -> Mapping[str, str]:
        """Return the address for messages that nobody asked for.

        Args:
            to: Whom: a contact's id, or `group:` and a group's; empty where there is only one target.
        """
        group = to.removeprefix("group:")
        return {} if not to else {"user": to} if group == to else {"chat": group}

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether a file can go where a message goes; for one that cannot, words take its place.

        A message that is delivered carries only such ones, with their `contents`.
        """
        return False

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a part of a message names: only from the platform's own hosts, or a configured base.

        Raises:
            SendFailed: It could not be had; `retry_after` is `None` if it never can be.
            FileTooLarge: There is more of it than is kept.
        """
        raise SendFailed(self.kind, "what people send here cannot be fetched", retry_after=None)

    def sends_here(self) -> bool:
        """Return whether this process can send now; False while the one connection is another node's."""
        return True

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return which of the platform's limits a message counts to; the sender waits until all have room."""
        return ()

    def limits(self) -> Sequence[Limit]:
        """Return the limits that all messages of the channel share, for people to see how much is used up.

        Those of single contacts or chats are not among them.
        """
        return ()

    async def show(self, draft: Draft) -> None:
        """Show an answer as far as it is written, in place of what was shown of it before.

        Best effort, and only called where `grows`: never more than one call for a draft at a time; the
        whole answer comes by `deliver` with the same id, and must then stand where the draft stood,
        also after a restart in between.

        Raises:
            SendFailed: It was not shown; the answer will be.
        """
        raise SendFailed(self.kind, "answers do not grow here", retry_after=None)

    async def probe(self) -> Probe:
        """Ask the platform whether the credentials are good, for set-up, `channels test` and doctor."""
        return Probe(ok=True)

    async def look_up(self, contact_id: str) -> Contact | None:
        """Return a contact's name and department from the platform's directory; `None` if it does not say.

        Raises:
            SendFailed: The platform could not be asked now.
        """
        return None

    async def resume(self) -> None:
        """Connect again after another instance took over (`displaced`): the operator's word."""
        return

    def health(self) -> ChannelHealth:
        """Return how the channel is doing now."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel that a platform's folder offers."""

    name: str
    settings: type[ChannelSettings]
    build: Callable[[str, ChannelSettings, Clock, ChannelStore], Channel]
    """Makes the channel from its configured name; touches no network until `start`."""
