"""Sliding windows: how much of a platform's limits is spent, the same for every database.

A limit of up to `EXACT` messages is counted exactly: the moment of each message of the last `seconds`
is kept. Of a larger one the moments are rounded up to the next of `SLICES` slices of its time, so that
a row stays small: what was spent then comes back up to a slice later than it could, never earlier.
"""

import struct
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ai_worker.pipeline.channel_store import Usage
from ai_worker.pipeline.sending import Limit, Need

EXACT = 100
SLICES = 50

SECOND, HOUR = 1_000_000, 3_600_000_000
"""Microseconds."""

_ENTRY = struct.Struct("<qI")


@dataclass(slots=True)
class Window:
    """What is known of one limit. Moments are microseconds of one clock, the database's."""

    spent: list[tuple[int, int]] = field(default_factory=list)
    """Moments, oldest first, and how many messages went out then."""

    blocked_at: int = 0
    blocked_for: int = 0
    """From when, and for how many microseconds, the platform lets nothing through."""

    changed: bool = False
    """Whether it differs from what is stored."""

    ends_at: int = 0
    """When nothing of it counts any more."""

    _promised: list[tuple[int, int]] = field(default_factory=list)
    """What messages that have to wait will take, so that those behind them are not told the same moment."""

    def look(self, limit: Limit, now: int) -> None:
        """Forget what is past; what lies in the future was written before the clock was set back, and is of now."""
        latest, over = _rounded(limit, now), now - _span(limit)
        kept = [(min(at, latest), count) for at, count in self.spent if at > over]
        if self.blocked_at > now:
            self.blocked_at, self.changed = now, True
        if kept != self.spent:
            self.spent, self.changed = kept, True

    def opens_at(self, limit: Limit, count: int) -> int:
        """Return from when `count` more fit; more than the limit ever allows have to find it unused."""
        room, until = limit.most - min(count, limit.most), self.blocked_at + self.blocked_for
        for at, taken in chain(reversed(self._promised), reversed(self.spent)):
            room -= taken
            if room < 0:
                return max(until, at + _span(limit))
        return until

    def take(self, limit: Limit, count: int, now: int) -> None:
        """Count messages that go out now."""
        at = _rounded(limit, now)
        if self.spent and self.spent[-1][0] == at:
            count += self.spent.pop()[1]
        self.spent.append((at, count))
        self.changed = True
        self.ends_at = max(self.ends_at, at + _span(limit))

    def promise(self, count: int, at: int) -> None:
        """Leave room for messages that can go out at a later moment."""
        insort(self._promised, (at, count))

    def block(self, now: int, length: int) -> None:
        """Let nothing through for so many microseconds; a block that ends later stays."""
        if now + length > min(self.blocked_at, now) + self.blocked_for:
            self.blocked_at, self.blocked_for = now, length
        self.changed = True
        self.ends_at = max(self.ends_at, self.blocked_at + self.blocked_for)

    @property
    def idle_at(self) -> int:
        """From when its row may be forgotten, rounded up to hours: the index over it seldom changes."""
        return -(-max(self.ends_at, self.blocked_at + self.blocked_for) // HOUR) * HOUR


def spend(windows: Mapping[str, Window], needs: Sequence[Sequence[Need]], now: int) -> list[float]:
    """Take what there is room for, in order; return for each message 0.0, or the seconds it has to wait.

    A message that has to wait keeps its place: one behind it does not take the room that it waits for.

    Args:
        windows: By the key of their limit: one for every limit that is named.
        needs: What each message takes; of all its limits, or of none.
        now: The moment, in microseconds.
    """
    for limit in {need.limit for message in needs for need in message}:
        windows[limit.key].look(limit, now)
    return [_spend_one(windows, message, now) for message in needs]


def _spend_one(windows: Mapping[str, Window], message: Sequence[Need], now: int) -> float:
    at = max((windows[need.limit.key].opens_at(need.limit, need.count) for need in message), default=now)
    for need in message:
        if at <= now:
            windows[need.limit.key].take(need.limit, need.count, now)
        else:
            windows[need.limit.key].promise(need.count, at)
    return max(0.0, (at - now) / SECOND)


def usage(windows: Mapping[str, Window], limits: Sequence[Limit], now: int) -> list[Usage]:
    """Return how much of each limit is used up at a moment, in microseconds."""
    found = []
    for limit in limits:
        window = windows[limit.key]
        window.look(limit, now)
        used = sum(count for _, count in window.spent)
        found.append(Usage(limit, used, max(0, window.blocked_at + window.blocked_for - now) / SECOND))
    return found


def packed(window: Window) -> bytes:
    """Return the moments and counts as they are stored."""
    return b"".join(_ENTRY.pack(at, count) for at, count in window.spent)


def unpacked(spent: bytes, blocked_at: int, blocked_for: int) -> Window:
    """Return a window as it was stored."""
    return Window(list(_ENTRY.iter_unpack(spent)), blocked_at, blocked_for)


def _span(limit: Limit) -> int:
    return round(limit.seconds * SECOND)


def _rounded(limit: Limit, now: int) -> int:
    """Return the moment under which what goes out now is counted: now, or the end of its slice."""
    if limit.most <= EXACT:
        return now
    grain = max(1, _span(limit) // SLICES)
    return -(-now // grain) * grain
