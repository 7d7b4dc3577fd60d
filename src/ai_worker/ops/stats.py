"""What the finished turns say about the service, and the port through which it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HourStats:
    """One hour of turns, standalone questions included."""

    start: datetime
    """The hour's first moment, aware and in UTC."""

    turns: int
    mean_response_ms: float
    """Accept to first visible words; 0 when `turns` is 0."""

    failed: int | None = None
    """Messages of the hour that were given up; `None` where it was not counted."""

    handoffs: int | None = None
    """Turns of the hour that asked for a person; `None` where it was not counted."""


@dataclass(frozen=True, slots=True)
class ServiceStats:
    """A window of time, summed up."""

    since: datetime
    until: datetime
    accepted: int
    """Messages accepted in the window."""

    answered: int
    """Of those, finished with a reply that went out or with a decision that needs none."""

    failed: int
    """Of those, given up: dead letters and undeliverable replies."""

    mean_response_ms: float | None
    """`None` when nothing was answered."""

    p95_response_ms: float | None
    p99_response_ms: float | None
    decisions: Mapping[str, int]
    """Turns by decision: answer, clarify, handoff, silent."""

    conversations: int
    """Conversations that had a turn."""

    waiting: int
    """Messages accepted and not finished, right now."""

    hours: tuple[HourStats, ...]
    """Every hour of the window, oldest first, the running one last."""

    by_channel: Mapping[str, int]
    """Messages accepted, by channel."""

    in_progress: int = 0
    """Turns that a living process works on right now, all processes together; of `waiting`."""


class StatsStore(Protocol):
    """Sums up what the store holds. Cheap enough to be asked every few seconds."""

    async def service(self, *, since: datetime, until: datetime) -> ServiceStats:
        """Return the window's sums. `since` is rounded down to the hour."""
        ...
