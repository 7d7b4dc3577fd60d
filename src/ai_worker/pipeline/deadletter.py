"""Dead letters: what was given up, in either direction, kept visible until a person decides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ai_worker.foundation.errors import NotFound

LetterKind = Literal["message", "reply"]

LetterState = Literal["dead", "failed", "unknown", "expired"]
"""`dead`: a message that failed every time it was tried. The others say how a reply's delivery ended."""


class NoSuchDeadLetter(NotFound):
    """No dead letter has this id; it may have been resubmitted or dropped in the meantime."""

    code = "deadletters.not_found"
    hint = "ai-worker deadletters list"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed every time it was tried, or a reply that did not reach its contact for certain.

    Holding notices are none: nobody is helped by one that comes late.
    """

    turn_id: str
    """Of the message, or of the message that the reply answers; empty for a person's own words."""

    channel: str
    conversation_id: int
    contact_id: str
    contact_name: str | None
    text: str
    """As a person reads it: what the contact said, or what the reply says."""

    error: str
    """Why the last attempt failed."""

    attempts: int
    received_at: datetime
    """When the message was accepted, or the reply was made."""

    kind: LetterKind = "message"
    state: LetterState = "dead"
    outbound_id: str = ""
    """Of a reply; empty for a message."""

    @property
    def id(self) -> str:
        """What the letter is called: a message by its turn, a reply by its own id."""
        return self.outbound_id or self.turn_id


class DeadLetterStore(Protocol):
    """Reads dead letters, and puts them back or away."""

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        ...

    async def count(self) -> int:
        """Return how many dead letters there are."""
        ...

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        """Return one dead letter.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...

    async def resubmit(self, letter_id: str, *, now: datetime) -> None:
        """Let it be tried again from its first attempt.

        A message goes back to its place in its conversation, which is due at once unless it is being
        worked on. Later messages of the conversation may have been answered meanwhile; its answer comes
        after theirs. A reply goes out once nothing of its conversation is being sent, lives as long as a
        new one, and stays unsure if its outcome was unknown.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...

    async def drop(self, letter_id: str) -> None:
        """Put it away for good: it stays in its thread and in the sums, and is no dead letter any more.

        Raises:
            NoSuchDeadLetter: There is none with this id.
        """
        ...
