"""How often a system is called, and when it is left alone."""

import asyncio
from collections.abc import Awaitable, Callable

from ai_worker.foundation.clock import Clock
from ai_worker.skills.tool import ToolFailed


class Rate:
    """A token bucket: so many calls at once, so many a second on average."""

    def __init__(self, per_second: float, burst: int, clock: Clock) -> None:
        self._per_second = per_second
        self._burst = float(max(burst, 1))
        self._clock = clock
        self._left = self._burst
        self._counted = clock.monotonic()

    def take(self, *, at_most_s: float) -> float | None:
        """Take one call's room and return how long to wait first, in seconds.

        Returns:
            `None` if the wait would be longer than `at_most_s`; nothing was taken then.
        """
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._counted) * self._per_second)
        self._counted = now
        wait = max(0.0, (1.0 - self._left) / self._per_second)
        if wait > at_most_s:
            return None
        self._left -= 1.0
        return wait


class Breaker:
    """Leaves a system alone after failures in a row; after a rest one call tries it."""

    def __init__(self, failures: int, rest_s: float, clock: Clock) -> None:
        self._failures = failures
        self._rest_s = rest_s
        self._clock = clock
        self._row = 0
        self._shut_until: float | None = None

    def remaining(self) -> float:
        """Return seconds for which the system is left alone; 0: it may be called.

        Whoever is told 0 after a rest is the one that tries: the others wait another rest for its news.
        """
        if self._shut_until is None:
            return 0.0
        now = self._clock.monotonic()
        if now < self._shut_until:
            return self._shut_until - now
        self._shut_until = now + self._rest_s
        return 0.0

    def worked(self) -> None:
        """Note that the system answered."""
        self._row = 0
        self._shut_until = None

    def failed(self) -> None:
        """Note that it failed or could not be reached."""
        self._row += 1
        if self._row >= self._failures:
            self._shut_until = self._clock.monotonic() + self._rest_s


async def wait_for_room(
    name: str,
    rate: Rate,
    breaker: Breaker,
    *,
    at_most_s: float,
    called: str = "system",
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until a system may be called once more.

    Args:
        name: The operation's, for the error.
        rate: How often it may be called.
        breaker: Whether it is left alone.
        at_most_s: The longest wait, in seconds.
        called: What the system is called in the error: `database`.
        sleep: Waits so many seconds.

    Raises:
        ToolFailed: It is left alone, or the wait would be longer; nothing was sent.
    """
    if (seconds := breaker.remaining()) > 0:
        raise ToolFailed(f"{name}: the {called} failed too often and is left alone for {seconds:.0f} s")
    wait = rate.take(at_most_s=at_most_s)
    if wait is None:
        raise ToolFailed(f"{name}: more calls wait for this {called} than it may be sent")
    if wait > 0:
        await sleep(wait)
