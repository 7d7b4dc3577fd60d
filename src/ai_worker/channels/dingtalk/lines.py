"""Two Stream connections for one robot, so that one carries on while the other is replaced.

A connection that the platform rotates, or that breaks, is silent until the next one stands; what is
pushed in that moment to nobody is lost. The platform pushes each message over a random one of an
application's connections, so a second one closes the gap. It is opened later than the first, because
connections of the same age are rotated at the same time.
"""

import asyncio
from datetime import datetime

from ai_worker.channels.connection import PACE, Dial, LongConnection, Pace
from ai_worker.channels.contract import ChannelHealth
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore

SECOND_S = 30.0


class Lines:
    """Keeps both connections of one process."""

    def __init__(
        self,
        channel: str,
        dial: Dial,
        *,
        silent_s: float,
        second_s: float = SECOND_S,
        pace: Pace = PACE,
        clock: Clock,
        store: ChannelStore,
    ) -> None:
        """Prepare; nothing goes over the network before `run`.

        Args:
            channel: The configured channel's name.
            dial: Opens a connection.
            silent_s: A connection from which nothing was heard for so long is dead.
            second_s: How many seconds after the first connection the second is opened.
            pace: How long everything takes.
            clock: Tells the time.
            store: Where nodes agree who connects.
        """
        self._second_s = second_s
        self._first, self._second = (
            LongConnection(channel, dial, silent_s=silent_s, single=False, clock=clock, store=store, pace=pace)
            for _ in range(2)
        )

    @property
    def connected_at(self) -> datetime | None:
        """Since when at least one connection stands."""
        since = [line.connected_at for line in (self._first, self._second) if line.connected_at is not None]
        return min(since, default=None)

    async def run(self) -> None:
        """Keep both up until cancelled."""
        await asyncio.gather(self._first.run(), self._run_second())

    async def resume(self) -> None:
        """Connect now, not after the pause that a failure has led to."""
        await self._first.resume()
        await self._second.resume()

    def health(self) -> ChannelHealth:
        """Return how it is: as good as the better of the two."""
        first, second = self._first.health(), self._second.health()
        return second if first.state != "ready" and second.state == "ready" else first

    async def _run_second(self) -> None:
        await asyncio.sleep(self._second_s)
        await self._second.run()
