"""Dead letters: messages that were given up, kept visible until a person decides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ai_worker.foundation.errors import NotFound


class NoSuchDeadLetter(NotFound):
    """No dead letter has this turn id; it may have been resubmitted or dropped in the meantime."""

    code = "deadletters.not_found"
    hint = "ai-worker deadletters list"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that failed every time it was tried."""

    turn_id: str
    channel: str
    conversation_id: int
    contact_id: str
    contact_name: str | None
    text: str
    """As a person reads it."""

    error: str
    """Why the last attempt failed."""

    attempts: int
    received_at: datetime


class DeadLetterStore(Protocol):
    """Reads dead letters, and puts them back or away."""

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        ...

    async def count(self) -> int:
        """Return how many dead letters there are."""
        ...

    async def dead_letter(self, turn_id: str) -> DeadLetter:
        """Return one dead letter.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...

    async def resubmit(self, turn_id: str, *, now: datetime) -> None:
        """Let the message be tried again from its first attempt, in its place in the conversation.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...

    async def drop(self, turn_id: str) -> None:
        """Put the message away for good: it stays in its thread, and is no dead letter any more.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...
