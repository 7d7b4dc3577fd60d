"""What the journeys share: one installation, its platform and its model, and members who talk at a steady pace."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.ledger import Entry, Tally, count
from ai_worker.drills.load import Pace, Talk
from ai_worker.drills.scratch import WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import WecomWay, echo, numbers
from ai_worker.foundation.clock import SystemClock
from ai_worker.llm.scripted import ScriptedModel

DESK = WecomApplication()


class House:
    """One installation with its surroundings."""

    def __init__(self, site: Site, way: WecomWay, model: ScriptedModel) -> None:
        self.site, self.way, self.model = site, way, model
        self.platform: SimulatedWecom = way.platform

    def talk(self, messages: int, members: int) -> Talk:
        """Return members who will say so many messages, at the pace of `pace`."""
        entries = [Entry(number, number % members) for number in range(messages)]
        self.pace = Pace()
        return Talk(self.way, entries, pace=self.pace, clock=SystemClock(), on_accept=lambda: None)

    async def tally(self, talk: Talk, *, within_s: float = 60.0) -> Tally:
        """Return the count once everything that was accepted is answered, or the time is up."""
        try:
            async with asyncio.timeout(within_s):
                while count(talk.entries, await self.way.look(talk.entries)).lost:
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass
        await asyncio.sleep(1.5)  # a second reply would come about now
        return count(talk.entries, await self.way.look(talk.entries))

    def shown(self, user: str) -> Counter[int]:
        """Return how often each number was answered to `user`."""
        return Counter(number for one in self.platform.shown_to(user) for number in numbers(one.text))


@asynccontextmanager
async def house(
    folder: Path, *, delay_s: float = 0.05, environ: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    """Open one; nothing is started yet."""
    async with WecomWay(DESK) as way, ScriptedModel(echo, delay_s=delay_s) as model:
        text = open_model(model.base_url) + DESK.settings(way.platform.api_base)
        async with Site(folder, text, environ) as site:
            way.call(site)
            yield House(site, way, model)
