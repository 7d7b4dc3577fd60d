"""A minute of questions through the simulated platform: many contacts, a bounded number at once."""

import asyncio
import itertools
import math
from dataclasses import dataclass, field

from ai_worker.demo.company import LOAD_QUESTIONS
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.foundation.clock import Clock

IN_FLIGHT = 20
"""Questions that the load keeps under way at once."""

PATIENCE_S = 10.0
"""A question without a reply for this long counts as failed."""


@dataclass(slots=True)
class Load:
    """How a minute of questions went."""

    began: float
    """Monotonic seconds."""

    now: float
    sent: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)
    """One for each reply; bounded by the minute that a load lasts."""

    @property
    def per_second(self) -> float:
        """Questions answered per second."""
        return len(self.seconds) / max(self.now - self.began, 0.001)

    def percentile(self, share: float) -> float:
        """Return the seconds within which `share` (0..1) of the replies came; 0 when none did."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1] if ordered else 0.0


async def press(platform: SimulatedWecom, *, seconds: float, clock: Clock, load: Load) -> None:
    """Keep `IN_FLIGHT` questions under way for `seconds`, each from a contact of its own.

    Counts into `load` as it goes, so that it can be watched, and cancelled at any time.
    """
    numbers = itertools.count(1)

    async def one_after_another() -> None:
        while clock.monotonic() - load.began < seconds:
            number = next(numbers)
            contact = f"load-{load.began:.0f}-{number}"
            text = LOAD_QUESTIONS[number % len(LOAD_QUESTIONS)]
            began = clock.monotonic()
            load.sent += 1
            said = await platform.say(contact, text)
            try:
                await platform.reply_to(contact, after=said, timeout=PATIENCE_S)
            except TimeoutError:
                load.failed += 1
            else:
                load.seconds.append(clock.monotonic() - began)
            load.now = clock.monotonic()

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(one_after_another())
