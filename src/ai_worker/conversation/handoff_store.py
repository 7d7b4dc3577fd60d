"""The port through which the queue of those who wait for a person is kept, and who answers from a messenger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.message import Reply
from ai_worker.conversation.outlook import Wait
from ai_worker.foundation.errors import Conflict


class OtherConversation(Conflict):
    """A colleague wants to talk to a second contact from the messenger, where words can go to one only."""

    code = "handoff.other_conversation"
    hint = "Hand the first conversation back, or answer the second one in the console."


AWAKE = timedelta(hours=4)
"""After so long without a word from either side nobody can be sure any more whom a colleague means."""


class SeatAsleep(Conflict):
    """A colleague has not talked to the contact for so long that these words may be meant for somebody else."""

    code = "handoff.seat_asleep"
    hint = "Take the conversation over again, or hand it back."

    def __init__(self, message: str, conversation: Conversation) -> None:
        super().__init__(message)
        self.conversation = conversation


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody on the duty roster, as their messenger knows them."""

    person: str
    """What they are called where conversations are taken over."""

    channel: str
    contact_id: str


class HandoffStore(Protocol):
    """Keeps seats: a colleague who has one talks from their own messenger, to one contact at a time."""

    async def ahead(self, channel: str, key: str, *, first: bool) -> int:
        """Return how many conversations wait for a person that come before one that asks now, or has asked.

        Args:
            channel: Its channel.
            key: Its key in the channel.
            first: Whether it stands before all that are not.
        """
        ...

    async def waits(self, *, since: datetime, limit: int = 50) -> list[Wait]:
        """Return how long those waited who were seen to since then, the latest `limit`, latest first."""
        ...

    async def take_seat(self, colleague: Colleague, conversation_id: int, at: datetime) -> Conversation:
        """Let a colleague answer a conversation from the messenger; if they do already, they are awake again.

        Raises:
            AlreadyTaken: Another person answers it.
            OtherConversation: The colleague talks to somebody else from there.
            NoSuchConversation: There is none with this number.
        """
        ...

    async def seat(self, colleague: Colleague) -> Conversation | None:
        """Return the conversation that a colleague answers from the messenger; `None` if they answer none."""
        ...

    async def seated(self, conversation_id: int) -> Colleague | None:
        """Return who answers a conversation from a messenger; `None` if nobody does."""
        ...

    async def speak(self, colleague: Colleague, reply: Reply, at: datetime, *, turn_id: str) -> Conversation | None:
        """Make a colleague's words durable and due for delivery, once for each turn; return where they go.

        `None` if the colleague answers no conversation from there, and the turn has said nothing before.

        Raises:
            SeatAsleep: Neither side has said anything within `AWAKE`; nothing was said.
        """
        ...

    async def leave_seat(self, colleague: Colleague, at: datetime, *, turn_id: str) -> Conversation | None:
        """Let the worker answer again where a colleague did; return where.

        `None` if the colleague answered nowhere from there, and the turn is not the one by which they left.
        """
        ...
