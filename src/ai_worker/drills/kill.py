"""The kill drill: SIGKILL at random moments under load, and not one message lost, doubled or out of order."""

import asyncio
import random
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ai_worker.drills.ledger import Entry, Tally, count
from ai_worker.drills.load import Pace, Talk
from ai_worker.drills.scratch import WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import ApiWay, WecomWay, echo
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.llm.scripted import Asked, Say, ScriptedModel

Through = Literal["wecom", "api", "both"]

A_SECOND = 100
"""Messages offered a second: enough that something is in every stage at every moment."""

SHORTEST_PHASE_S = 1.0
EACH = 15
"""Messages of one conversation: with repeats and notices well below the 30 a minute of WeCom's members."""

LONGEST_TURN_S = 0.3
PATIENCE_S = 40.0
"""Longer than any lease or pause after which the service goes on by itself."""

STRAGGLERS_S = 2.0
"""A second reply would come within this time."""


@dataclass(frozen=True, slots=True)
class KillReport:
    """What the drill found."""

    tally: Tally
    messages: int
    kills: int
    hit_accept: int
    """Messages whose sender was waiting for the acknowledgement when a kill came."""

    hit_later: int
    """Messages that were acknowledged and not yet answered when a kill came, summed over the kills."""

    repeated: int
    """Acknowledged messages that were sent once more."""

    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything that was sent was accepted, and answered once and in order."""
        return self.tally.clean and self.tally.accepted == self.messages

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        more = {name: value for name, value in asdict(self).items() if name != "tally"}
        return asdict(self.tally) | more | {"seconds": round(self.seconds, 1)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the drill is."""

    kills: int
    accepted: int
    replied: int


class KillDrill:
    """One run of the drill, in a folder of its own.

    Args:
        kills: How often the process is killed.
        messages: How many messages are sent while that goes on.
        through: Which ways in.
        storage_url: A scratch database; empty means a SQLite file in the scratch folder.
        nodes: So many services on that database, which must be PostgreSQL if it is more than one. Each
            kill hits one of them.
        environ: More environment variables for the process that is killed.
        patience_s: The drill ends when nothing was answered for so long: what is missing then is lost.
        report: Hears how far it is, several times a second.
    """

    def __init__(
        self,
        *,
        kills: int,
        messages: int,
        through: Through = "both",
        storage_url: str = "",
        nodes: int = 1,
        environ: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
        report: Callable[[Progress], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._kills, self._messages, self._through = kills, messages, through
        self._storage_url, self._nodes, self._environ = storage_url, nodes, environ
        self._patience_s = patience_s
        self._report = report
        self._clock = clock or SystemClock()
        self._chance = random.Random()  # noqa: S311  (picks moments, guards nothing)
        self._pace = Pace()
        self._killed = self._accepted = self._replied = 0
        self._hit_accept = self._hit_later = 0

    async def run(self) -> KillReport:
        """Run the drill.

        Raises:
            SiteFailed: The scratch installation did not start.
        """
        began = self._clock.monotonic()
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ai-worker-drill-")))
            wecom = await stack.enter_async_context(WecomWay(_DESK, slow_sends=self._messages))
            model = await stack.enter_async_context(ScriptedModel(self._rule))
            settings = open_model(model.base_url) + _DESK.settings(wecom.platform.api_base)
            sites = [await stack.enter_async_context(site) for site in self._sites(folder, settings)]
            wecom.call(*sites)
            api = await stack.enter_async_context(ApiWay(*sites))
            talks = self._talks(wecom, api)
            await asyncio.gather(*(site.start() for site in sites))
            await self._under_load(sites, talks)
            tally = await self._settled(talks)
            await asyncio.gather(*(site.stop() for site in sites))
        return KillReport(
            tally,
            messages=self._messages,
            kills=self._killed,
            hit_accept=self._hit_accept,
            hit_later=self._hit_later,
            repeated=sum(talk.repeated for talk in talks),
            seconds=self._clock.monotonic() - began,
        )

    def _sites(self, folder: Path, settings: str) -> list[Site]:
        """Return the nodes, which share everything but their folders and ports."""
        key, sites = secrets.token_hex(24), list[Site]()
        for number in range(self._nodes):
            own = folder / f"node-{number + 1}"
            own.mkdir()
            sites.append(Site(own, settings, self._environ, storage_url=self._storage_url, key=key))
        return sites

    def _rule(self, asked: Asked) -> Say:
        return Say(echo(asked), delay_s=self._chance.uniform(0, LONGEST_TURN_S))

    def _talks(self, wecom: WecomWay, api: ApiWay) -> list[Talk]:
        """Share the messages out among the ways, and each way's among its conversations, in turn."""
        ways = [way for way, name in ((wecom, "wecom"), (api, "api")) if self._through in (name, "both")]
        talks = []
        for place, way in enumerate(ways):
            mine = range(place, self._messages, len(ways))
            lanes = max(1, len(mine) // EACH, min(20, len(mine)))
            entries = [Entry(number, place * self._messages + n % lanes) for n, number in enumerate(mine)]
            talks.append(Talk(way, entries, pace=self._pace, clock=self._clock, on_accept=self._count_accepted))
        return talks

    def _count_accepted(self) -> None:
        self._accepted += 1

    async def _under_load(self, sites: Sequence[Site], talks: Sequence[Talk]) -> None:
        """Kill and restart again and again while messages keep coming; return once all are acknowledged."""
        share = self._messages // (self._kills + 1)
        phase_s = max(SHORTEST_PHASE_S, share / A_SECOND)
        sending = [asyncio.create_task(talk.run()) for talk in talks]
        watching = asyncio.create_task(self._watch(talks))
        feeding: list[asyncio.Task[None]] = []
        try:
            for _ in range(self._kills):
                feeding.append(asyncio.create_task(self._pace.release(share, over_s=phase_s)))
                await asyncio.sleep(self._chance.uniform(0.05, phase_s))
                self._count_hits(talks)
                site = self._chance.choice(sites)
                await site.kill()
                self._killed += 1
                await site.start()
            await self._pace.release(self._messages - self._kills * share, over_s=phase_s)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*sending)
        except TimeoutError:  # what was never acknowledged is not in the count of the accepted
            pass
        finally:
            for task in (*sending, *feeding, watching):
                task.cancel()
            await asyncio.gather(*sending, *feeding, watching, return_exceptions=True)

    def _count_hits(self, talks: Sequence[Talk]) -> None:
        entries = [entry for talk in talks for entry in talk.entries]
        self._hit_accept += sum(bool(entry.began_at) and entry.accepted_at is None for entry in entries)
        self._hit_later += max(0, self._accepted - self._replied)

    async def _watch(self, talks: Sequence[Talk]) -> None:
        while True:
            await self._look(talks)
            await asyncio.sleep(0.3)

    async def _look(self, talks: Sequence[Talk]) -> Tally:
        entries: list[Entry] = []
        shown: dict[int, Sequence[float]] = {}
        for talk in talks:
            entries += talk.entries
            shown |= await talk.way.look(talk.entries)
        tally = count(entries, shown)
        self._replied = tally.replied
        self._report(Progress(self._killed, tally.accepted, tally.replied))
        return tally

    async def _settled(self, talks: Sequence[Talk]) -> Tally:
        """Wait until everything is answered, or nothing has been for a long time; return the final count."""
        last, moved_at = -1, self._clock.monotonic()
        while self._clock.monotonic() - moved_at < self._patience_s:
            tally = await self._look(talks)
            if tally.lost == 0:
                break
            if tally.replied != last:
                last, moved_at = tally.replied, self._clock.monotonic()
            await asyncio.sleep(0.2)
        await asyncio.sleep(STRAGGLERS_S)
        return await self._look(talks)


_DESK = WecomApplication()
