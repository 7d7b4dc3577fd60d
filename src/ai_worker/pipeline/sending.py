"""What the pipeline needs of whoever carries a reply out."""

from dataclasses import dataclass
from typing import Protocol

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

    def __init__(self, platform: str, detail: str, *, retry_after: float | None, unsure: bool = False) -> None:
        super().__init__(f"{platform}: {detail}")
        self.retry_after = retry_after
        """Seconds; `None` when trying again is useless."""

        self.unsure = unsure


class Deliverer(Protocol):
    """Sends one message to one contact: a channel, or the sender of signed callbacks."""

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send one message, in as many platform messages as its length needs.

        Raises:
            SendFailed: The platform did not take it.
        """
        ...
