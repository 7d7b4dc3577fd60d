"""Feedback: whether an answer helped, in the contact's own view."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Mark = Literal["up", "down"]


LATELY = 5
"""So many of a conversation's latest turns are looked through for the answer that `没帮助` means."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody thinks of one answer."""

    turn_id: str
    """The turn that gave the answer."""

    mark: Mark
    at: datetime
    """When it was said, UTC."""

    channel: str = ""
    contact: str = ""
    """Who said it, as `Contact.id`; empty when it came over the API without saying."""

    reason: str = ""
    correct_answer: str = ""
    """What the answer should have been, if they say so."""

    withdrawn: bool = False
    """They take back what they have said of it before; `mark` then says nothing."""


class FeedbackStore(Protocol):
    """Keeps the latest rating that each contact gave each answer."""

    async def record(self, rating: Rating) -> bool:
        """Make a rating durable; the same contact's earlier one of that turn is replaced, or forgotten if withdrawn.

        Returns:
            Whether the turn is known; nothing is kept of an unknown one.

        Raises:
            Busy: It could not be kept now; the platform must be told to come again.
        """
        ...

    async def latest_answer(self, channel: str, conversation_key: str) -> str | None:
        """Return the turn of a conversation's latest answer that may be rated; `None` if it has none lately."""
        ...

    async def of_turn(self, turn_id: str) -> list[Rating]:
        """Return what was said about an answer, oldest first."""
        ...
