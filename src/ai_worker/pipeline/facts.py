"""Facts that the pipeline publishes on the event bus."""

from dataclasses import dataclass
from datetime import datetime

from ai_worker.conversation.turn import TurnResult


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A new message is on disk (duplicates are not told)."""

    channel: str
    conversation_id: int
    turn_id: str
    at: datetime
    contact_id: str = ""
    """Who wrote it, as `Contact.id`."""


@dataclass(frozen=True, slots=True)
class DuplicateReceived:
    """A message came again and was recognised."""

    channel: str
    turn_id: str


@dataclass(frozen=True, slots=True)
class TurnCompleted:
    """A turn is finished and on disk."""

    channel: str
    conversation_id: int
    turn_id: str
    result: TurnResult
    response_ms: float
    """Accept to first visible words."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TurnGivenUp:
    """A message became a dead letter."""

    channel: str
    conversation_id: int
    turn_id: str
    error: str


@dataclass(frozen=True, slots=True)
class MessageResubmitted:
    """A dead letter is a waiting message again."""

    channel: str
    conversation_id: int
    turn_id: str


@dataclass(frozen=True, slots=True)
class ReplySettled:
    """A delivery ended."""

    channel: str
    conversation_id: int
    outbound_id: str
    state: str
    seconds: float
    """From the row's creation to the end of its delivery."""


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation was taken over, handed back, or a person said something in it."""

    conversation_id: int
