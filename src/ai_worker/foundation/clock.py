"""The one clock. Everything else asks it for the time, so that a test can hold it still."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day and measures durations; the two never mix."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC. It may step when the system's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start. It never steps back: for durations only."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the system's time of day, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the system's monotonic seconds."""
        return time.monotonic()


class FixedClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 11, 22, 6, 24, tzinfo=UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that advance with `advance` alone."""
        return self._monotonic

    def advance(self, step: timedelta) -> None:
        """Move both clocks forward by `step`."""
        self._now += step
        self._monotonic += step.total_seconds()


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC, the form in which times are stored.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a stored time must be timezone-aware")
    return round(moment.timestamp() * 1_000_000)


def from_micros(micros: int) -> datetime:
    """Return the aware UTC time that `to_micros` stored."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
