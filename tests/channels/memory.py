"""A `ChannelStore` that forgets when the test ends, for tests that are about something else."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ai_worker.foundation.clock import Clock, FixedClock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import Usage
from ai_worker.pipeline.sending import Limit, Need


class Memory:
    """Keeps everything in one process; several channels over one `Memory` are the nodes of one installation."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or FixedClock()
        self.values: dict[tuple[str, str], tuple[str, datetime | None]] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.blocked: list[tuple[str, str, float]] = []
        self.busy = False
        """Every call is refused, as by a store that cannot write now."""

    async def recall(self, channel: str, key: str) -> str | None:
        self._ready()
        value, until = self.values.get((channel, key), (None, None))
        return None if until is not None and until <= self._clock.now() else value

    async def remember(self, channel: str, key: str, value: str, *, until: datetime | None = None) -> None:
        self._ready()
        self.values[channel, key] = (value, until)

    async def forget(self, channel: str, key: str) -> None:
        self._ready()
        self.values.pop((channel, key), None)

    async def own(self, name: str, *, owner: str, lease: timedelta) -> bool:
        self._ready()
        holder, until = self.leases.get(name, (owner, 0.0))
        if holder != owner and until > self._clock.monotonic():
            return False
        self.leases[name] = (owner, self._clock.monotonic() + lease.total_seconds())
        return True

    async def disown(self, name: str, *, owner: str) -> None:
        self._ready()
        if self.leases.get(name, ("", 0.0))[0] == owner:
            del self.leases[name]

    async def usage(self, channel: str, limits: Sequence[Limit]) -> list[Usage]:
        return [Usage(limit, 0, 0.0) for limit in limits]

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        self._ready()
        return [0.0 for _ in needs]

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        self._ready()
        self.blocked.append((channel, key, seconds))

    def _ready(self) -> None:
        if self.busy:
            raise Busy("the store is slow")
