"""A count of failures by address, so that guessing is noticed and slowed down."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_network

from ai_worker.foundation.clock import Clock
from ai_worker.keys.network import parse_address

WINDOW_S = 60.0


class FailureThrottle:
    """Counts failures of each address within a minute; the addresses that fail least recently are forgotten.

    An IPv6 caller owns a whole /64, so those addresses are counted together.
    """

    def __init__(self, *, clock: Clock, limit: int = 60, capacity: int = 10_000) -> None:
        self._clock = clock
        self._limit = limit
        self._capacity = capacity
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def failed(self, address: str) -> float | None:
        """Count a failure; return seconds until the next is welcome, `None` while below the limit."""
        group = _group(address)
        now = self._clock.monotonic()
        since, count = self._failures.pop(group, (now, 0))
        if now - since >= WINDOW_S:
            since, count = now, 0
        self._failures[group] = (since, count + 1)
        if len(self._failures) > self._capacity:
            self._failures.popitem(last=False)
        return since + WINDOW_S - now if count >= self._limit else None


def _group(address: str) -> str:
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed), 64), strict=False))
    return str(parsed)
