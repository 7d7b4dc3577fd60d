"""The model-outage drill: the model dies under load and comes back; everybody is told, and answered once."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ai_worker.drills.ledger import Entry, Tally, count
from ai_worker.drills.load import Pace, Talk, lanes_of
from ai_worker.drills.scratch import WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import WecomWay, echo, numbers
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.llm.scripted import ScriptedModel

BEFORE_S = 3.0
AFTER_S = 3.0
"""Load goes on so long before and after the outage."""

EACH = 8
"""Messages of one member: with a notice each still below the 30 a minute that the platform shows."""

TOLD_WITHIN_S = 10.0
"""A contact hears something within this time, if only that the answer will come."""

PATIENCE_S = 60.0
STRAGGLERS_S = 2.0


@dataclass(frozen=True, slots=True)
class OutageReport:
    """What the drill found."""

    tally: Tally
    messages: int
    down_s: float
    held: int
    """Messages for which a holding notice went out."""

    held_twice: int
    """Messages for which more than one did."""

    slowest_word_s: float
    """The longest that the contact of a first message waited for a notice or an answer."""

    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everybody was told once at most, and answered once and in order."""
        told = not self.held_twice and self.slowest_word_s <= TOLD_WITHIN_S
        return self.tally.clean and told and self.tally.accepted == self.messages

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        more = {name: value for name, value in asdict(self).items() if name != "tally"}
        rounded = {"seconds": round(self.seconds, 1), "slowest_word_s": round(self.slowest_word_s, 1)}
        return asdict(self.tally) | more | rounded


class OutageDrill:
    """One run of the drill, in a folder of its own.

    Args:
        seconds: How long the model is down.
        messages: How many messages come in before, while and after it is.
        storage_url: A scratch database; empty means a SQLite file in the scratch folder.
        report: Hears how many messages are accepted and how many answered, now and then.
    """

    def __init__(
        self,
        *,
        seconds: float,
        messages: int,
        storage_url: str = "",
        report: Callable[[int, int], None] = lambda accepted, replied: None,
        clock: Clock | None = None,
    ) -> None:
        self._down_s, self._messages = seconds, messages
        self._storage_url = storage_url
        self._report = report
        self._clock = clock or SystemClock()
        self._pace = Pace()

    async def run(self) -> OutageReport:
        """Run the drill.

        Raises:
            SiteFailed: The scratch installation did not start.
        """
        began = self._clock.monotonic()
        application = WecomApplication()
        with tempfile.TemporaryDirectory(prefix="ai-worker-drill-") as folder:
            async with WecomWay(application) as way, ScriptedModel(echo) as model:
                settings = open_model(model.base_url) + application.settings(way.platform.api_base)
                async with Site(Path(folder), settings, storage_url=self._storage_url) as site:
                    way.call(site)
                    await site.start()
                    talk = self._talk(way)
                    await self._cut(talk, model)
                    tally = await self._settled(talk)
                    await site.stop()
                lanes = [self._heard(way, lane) for lane in lanes_of(talk.entries)]
        return OutageReport(
            tally,
            messages=self._messages,
            down_s=self._down_s,
            held=sum(lane.notices for lane in lanes),
            held_twice=sum(lane.again for lane in lanes),
            slowest_word_s=max((lane.slowest_word_s for lane in lanes), default=0.0),
            seconds=self._clock.monotonic() - began,
        )

    def _talk(self, way: WecomWay) -> Talk:
        members = max(1, self._messages // EACH)
        entries = [Entry(number, number % members) for number in range(self._messages)]
        return Talk(way, entries, pace=self._pace, clock=self._clock, on_accept=lambda: None)

    async def _cut(self, talk: Talk, model: ScriptedModel) -> None:
        """Let everybody talk, with the model down in the middle of it."""
        over_s = BEFORE_S + self._down_s + AFTER_S
        talking = asyncio.create_task(talk.run())
        releasing = asyncio.create_task(self._pace.release(self._messages, over_s=over_s))
        await asyncio.sleep(BEFORE_S)
        model.misbehave = "dead"
        await self._wait(talk, self._down_s)
        model.misbehave = None
        await releasing
        await asyncio.wait({talking}, timeout=PATIENCE_S)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)

    async def _wait(self, talk: Talk, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            await self._look(talk)
            await asyncio.sleep(min(0.3, left))

    async def _look(self, talk: Talk) -> Tally:
        tally = count(talk.entries, await talk.way.look(talk.entries))
        self._report(tally.accepted, tally.replied)
        return tally

    async def _settled(self, talk: Talk) -> Tally:
        """Wait until everything is answered, or nothing has been for a long time; return the final count."""
        last, moved_at = -1, self._clock.monotonic()
        while (tally := await self._look(talk)).lost and self._clock.monotonic() - moved_at < PATIENCE_S:
            if tally.replied != last:
                last, moved_at = tally.replied, self._clock.monotonic()
            await asyncio.sleep(0.2)
        await asyncio.sleep(STRAGGLERS_S)
        return await self._look(talk)

    def _heard(self, way: WecomWay, lane: Sequence[Entry]) -> "_Heard":
        """Return what one member heard, told from what the member said."""
        wall = self._clock.now().timestamp() - self._clock.monotonic()
        shown = [(one.at.timestamp() - wall, bool(numbers(one.text))) for one in way.shown_to(lane[0].conversation)]
        slowest = 0.0
        for place, entry in enumerate(lane):
            if entry.accepted_at is None:
                continue
            answered = sum(answer for at, answer in shown if at < entry.accepted_at)
            later = [at for at, _ in shown if at >= entry.accepted_at]
            if answered == place and later:  # the member was waiting for nothing else
                slowest = max(slowest, later[0] - entry.accepted_at)
        answers = [answer for _, answer in shown]
        again = sum(not first and not second for first, second in pairwise(answers))
        return _Heard(notices=answers.count(False), again=again, slowest_word_s=slowest)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one member heard."""

    notices: int
    again: int
    """Notices that came while the member had been told already."""

    slowest_word_s: float
