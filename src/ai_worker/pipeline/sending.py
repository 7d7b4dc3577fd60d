"""What the pipeline needs of whoever carries a reply out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ai_worker.conversation.message import Attachment
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.pipeline.store import OutboundMessage


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform took the message."""

    platform_id: str = ""
    """The platform's id of it; empty when it gives none."""

    confirmed: bool = True
    """Whether the platform's word means it is visible to the contact (else it was just taken)."""


class SendFailed(AiWorkerError):
    """The platform did not take a message.

    `retry_after` says when a later try can succeed; `None` means never. `unsure` says that the
    platform may have taken it after all: the connection broke after the request had gone out.
    """

    code = "channel.send_failed"

    def __init__(
        self, platform: str, detail: str, *, retry_after: float | None, unsure: bool = False, blocks: str = ""
    ) -> None:
        super().__init__(f"{platform}: {detail}")
        self.retry_after = retry_after
        """Seconds; `None` when trying again is useless."""

        self.unsure = unsure
        self.blocks = blocks
        """Key of the `Limit` that the platform says is used up: nothing that counts to it is sent for
        `retry_after` seconds, on any node. Empty: only this message has to wait."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule of a platform: at most so many messages in so many seconds."""

    key: str
    """Whose messages are counted together, unique within the channel: `robot`, `member:zhangsan`."""

    most: int
    """Messages in any `seconds`; a little below the platform's own figure, whose clock is not ours."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Need:
    """What sending one message takes of a limit."""

    limit: Limit
    count: int = 1
    """In how many platform messages it goes out."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as far as it is written, shown where the final one will stand."""

    id: str
    """The id that the reply will have when it is delivered."""

    turn_id: str
    conversation_id: int
    channel: str
    address: Mapping[str, str]
    text: str
    """All of it so far, not only what is new."""

    holding: bool = False
    """These are words that ask for patience, not a beginning of the answer."""


class Deliverer(Protocol):
    """Sends one message to one contact: a channel, or the sender of signed callbacks.

    Whoever inherits from it need not speak of what it does not have.
    """

    merges: ClassVar[int] = 0
    """Up to how many UTF-8 bytes of waiting proactive messages may go out as one; 0: each goes alone."""

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send one message, in as many platform messages as its length needs.

        Raises:
            SendFailed: The platform did not take it.
        """
        ...

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return which of the platform's limits a message counts to; the sender waits until all have room."""
        return ()

    def reach(self, to: str) -> Mapping[str, str]:
        """Return the address for messages that nobody asked for.

        Args:
            to: Whom: a contact's id, or `group:` and a group's; empty where there is only one target.
        """
        group = to.removeprefix("group:")
        return {} if not to else {"user": to} if group == to else {"chat": group}

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return whether a file can go where a message goes; for one that cannot, words take its place."""
        return False

    def sends_here(self) -> bool:
        """Return whether this process can send now; False while the one connection is another node's."""
        return True
