"""A circuit breaker: a model that is down is left alone, and asked now and then whether it is back."""

from ai_worker.foundation.clock import Clock

WINDOW_S = 30
SHARE = 0.5
LEAST_CALLS = 20
"""The share of failures counts once there were this many calls in the window."""

CONNECTION_FAILURES = 3
"""This many in a row open it at once: nobody is listening there."""

PROBE_EVERY_S = 10.0


class Circuit:
    """Counts how calls end, second by second, and says whether the next one may go out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = [0] * WINDOW_S
        self._good = [0] * WINDOW_S
        self._bad = [0] * WINDOW_S
        self._in_a_row = 0
        self._next_probe: float | None = None

    @property
    def closed(self) -> bool:
        """Whether calls go out freely."""
        return self._next_probe is None

    def admit(self) -> bool:
        """Return whether a call may go out now. While open, one probe in ten seconds may."""
        if self._next_probe is None:
            return True
        now = self._clock.monotonic()
        if now < self._next_probe:
            return False
        self._next_probe = now + PROBE_EVERY_S
        return True

    def succeeded(self) -> None:
        """Count a good call; the probe's success closes the circuit with a clean slate."""
        if self._next_probe is not None:
            self._next_probe = None
            self._seconds = [0] * WINDOW_S
        self._in_a_row = 0
        self._good[self._slot()] += 1

    def failed(self, *, connection: bool) -> None:
        """Count a failed call; open if there were too many.

        Args:
            connection: Not even a connection came about.
        """
        self._in_a_row = self._in_a_row + 1 if connection else 0
        self._bad[self._slot()] += 1
        if self._next_probe is None and (self._in_a_row >= CONNECTION_FAILURES or self._mostly_bad()):
            self._next_probe = self._clock.monotonic() + PROBE_EVERY_S

    def _slot(self) -> int:
        """Return the place of the present second, emptied if it still holds an older one."""
        second = int(self._clock.monotonic())
        slot = second % WINDOW_S
        if self._seconds[slot] != second:
            self._seconds[slot] = second
            self._good[slot] = self._bad[slot] = 0
        return slot

    def _mostly_bad(self) -> bool:
        oldest = int(self._clock.monotonic()) - WINDOW_S
        recent = [slot for slot, second in enumerate(self._seconds) if second > oldest]
        bad = sum(self._bad[slot] for slot in recent)
        calls = bad + sum(self._good[slot] for slot in recent)
        return calls >= LEAST_CALLS and bad >= SHARE * calls
