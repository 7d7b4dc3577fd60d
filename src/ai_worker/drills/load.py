"""Load: conversations that talk at the pace they are given, and come again until they are acknowledged."""

import asyncio
import random
from collections.abc import Callable, Sequence

from ai_worker.drills.ledger import Entry
from ai_worker.drills.ways import Way
from ai_worker.foundation.clock import Clock

AGAIN_S = 0.1
"""How long a sender waits that was not acknowledged."""

REPEATED = 0.05
"""Share of the messages that come once more after they were acknowledged, as platforms do."""

REPEAT_WITHIN_S = 1.5
STEPS_PER_S = 20


class Pace:
    """Lets so many messages through, spread over a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(0)

    async def permit(self) -> None:
        """Wait for one message's turn."""
        await self._free.acquire()

    async def release(self, messages: int, *, over_s: float) -> None:
        """Let `messages` through, evenly over `over_s` seconds."""
        steps = max(1, int(over_s * STEPS_PER_S))
        for step in range(steps):
            for _ in range((step + 1) * messages // steps - step * messages // steps):
                self._free.release()
            await asyncio.sleep(over_s / steps)


class Talk:
    """All conversations of one way in. Within a conversation a message begins once the one before is acknowledged."""

    def __init__(
        self, way: Way, entries: Sequence[Entry], *, pace: Pace, clock: Clock, on_accept: Callable[[], None]
    ) -> None:
        self.way = way
        self.entries = entries
        self.repeated = 0
        """Messages that were sent again although they had been acknowledged."""

        self._pace = pace
        self._clock = clock
        self._on_accept = on_accept
        self._chance = random.Random()  # noqa: S311  (spreads load, guards nothing)

    async def run(self) -> None:
        """Send everything, until all of it is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for lane in lanes_of(self.entries):
                group.create_task(self._converse(lane, group))

    async def _converse(self, lane: Sequence[Entry], group: asyncio.TaskGroup) -> None:
        for entry in lane:
            await self._pace.permit()
            entry.began_at = self._clock.monotonic()
            await self._deliver(entry)
            entry.accepted_at = self._clock.monotonic()
            self._on_accept()
            if self._chance.random() < REPEATED:
                group.create_task(self._repeat(entry))

    async def _repeat(self, entry: Entry) -> None:
        await asyncio.sleep(self._chance.uniform(0, REPEAT_WITHIN_S))
        self.repeated += 1
        await self._deliver(entry)

    async def _deliver(self, entry: Entry) -> None:
        """Come again until it is acknowledged."""
        while True:
            if await self.way.send(entry):
                return
            await asyncio.sleep(AGAIN_S)


def lanes_of(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the messages of each conversation, in the order in which they are sent."""
    lanes: dict[int, list[Entry]] = {}
    for entry in entries:
        lanes.setdefault(entry.conversation, []).append(entry)
    return list(lanes.values())
