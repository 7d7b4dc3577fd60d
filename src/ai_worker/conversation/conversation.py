"""Conversations: messages with one contact or group, and who is answering them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Who answers a conversation now."""

    WORKER = "worker"
    """The worker answers."""

    WAITING = "waiting"
    """The worker has asked for a person; nobody has taken over yet."""

    HUMAN = "human"
    """A person has taken over; the worker is silent."""

    CLOSED = "closed"
    """Over. The next message opens it again."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as it stands."""

    id: int
    """Shown as `c-<id>`."""

    channel: str
    key: str
    contact_id: str
    """Of a group, who spoke last."""

    contact_name: str | None
    """By the platform's directory; else as the messages had it. Of a group, whose who spoke last."""

    worker: str
    state: State
    handoff_reason: str
    """Why a person was asked for: a `handoff.Reason` value; empty when none was."""

    waiting_since: datetime | None
    """Since when the contact has waited for a person; `None` unless `state` is `WAITING`."""

    opened_at: datetime
    last_at: datetime
    last_text: str
    """The latest message or reply, one line, for lists."""

    unread: int
    """Messages of the contact since a person or the worker last answered."""

    person: str = ""
    """Who has taken over; empty unless `state` is `HUMAN`, or where the store does not tell."""

    department: str | None = None
    """The contact's; `None` where the platform's directory does not say."""

    group: bool = False
    """It is a group's: several contacts share it."""

    group_name: str = ""
    """What the group is called; empty where the platform does not say."""

    first_in_queue: bool = False
    """While it waits: it comes before those that are not."""

    @property
    def label(self) -> str:
        """The id as people see it: `c-2041`."""
        return f"c-{self.id}"
