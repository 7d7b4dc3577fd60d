"""Two real services on one PostgreSQL, under load: one is paused for half a minute, the other one is killed."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.drills.ledger import Entry, Tally, count
from ai_worker.drills.load import Pace, Talk, lanes_of
from ai_worker.drills.scratch import WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import WecomWay, echo
from ai_worker.foundation.clock import SystemClock
from ai_worker.llm.scripted import Asked, Say, ScriptedModel
from tests.postgres import shared_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DESK = WecomApplication()
MEMBERS, A_SECOND = 30, 10
BEFORE_S, PAUSE_S, AFTER_S = 3.0, 30.0, 4.0
ALONE_S = 2.0
"""How long before the end of the pause the other node is killed: nobody works then."""

NOTICED_S = 1.0
"""After this time a load balancer sends nothing more to a node that does not answer."""

LONGEST_TURN_S = 2.0
RESUME_S = 15.0
"""Within this time somebody else works on what a dead or paused node had in work."""


async def _answered(way: WecomWay, entries: list[Entry], *, within_s: float) -> None:
    """Return once all of these are answered.

    Raises:
        TimeoutError: They are not, after so many seconds.
    """
    async with asyncio.timeout(within_s):
        while count(entries, await way.look(entries)).lost:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _nodes(folder: Path, way: WecomWay, model: ScriptedModel) -> AsyncIterator[tuple[Site, Site]]:
    """Run two services on one new schema."""
    settings, url = open_model(model.base_url) + DESK.settings(way.platform.api_base), shared_server().url()
    async with AsyncExitStack() as stack:
        sites = list[Site]()
        for name in ("one", "two"):
            (folder / name).mkdir()
            sites.append(await stack.enter_async_context(Site(folder / name, settings, storage_url=url)))
        await asyncio.gather(*(site.start() for site in sites))
        way.call(*sites)
        yield sites[0], sites[1]


async def _first_unanswered(way: WecomWay, talk: Talk) -> list[Entry]:
    """Return, for each conversation, the message that is in work or would be next."""
    shown = await way.look(talk.entries)
    waiting = [entry for entry in talk.entries if entry.accepted_at is not None and entry.number not in shown]
    return [lane[0] for lane in lanes_of(waiting)]


async def _taken_over(way: WecomWay, stuck: list[Entry]) -> float:
    """Return how long it took until all of these were answered; fails if somebody was not in time."""
    began = time.monotonic()
    assert stuck, "nothing was in work at that moment: the load is too small"
    await _answered(way, stuck, within_s=RESUME_S + LONGEST_TURN_S)
    return time.monotonic() - began


async def _through_a_pause_and_a_kill(way: WecomWay, one: Site, two: Site, talk: Talk) -> None:
    """Pause node two under load, kill node one before it wakes."""
    await asyncio.sleep(BEFORE_S)
    two.process.send_signal(signal.SIGSTOP)
    taken_over = asyncio.create_task(_taken_over(way, await _first_unanswered(way, talk)))
    await asyncio.sleep(NOTICED_S)
    way.call(one)
    await asyncio.sleep(PAUSE_S - ALONE_S - NOTICED_S)
    print(f"a paused node's conversations were answered after {await taken_over:.1f} s")

    await one.kill()
    taken_over = asyncio.create_task(_taken_over(way, await _first_unanswered(way, talk)))
    await asyncio.sleep(ALONE_S)
    two.process.send_signal(signal.SIGCONT)
    way.call(two)
    print(f"a dead node's conversations were answered after {await taken_over:.1f} s")


async def test_of_two_nodes_one_is_paused_and_one_dies_and_everybody_is_answered_once(tmp_path: Path) -> None:
    chance, pace = random.Random(), Pace()
    seconds = BEFORE_S + PAUSE_S + AFTER_S
    entries = [Entry(number, number % MEMBERS) for number in range(int(seconds * A_SECOND))]

    def rule(asked: Asked) -> Say:
        return Say(echo(asked), delay_s=chance.uniform(0, LONGEST_TURN_S))

    async with (
        WecomWay(DESK, slow_sends=10_000) as way,
        ScriptedModel(rule) as model,
        _nodes(tmp_path, way, model) as (one, two),
    ):
        talk = Talk(way, entries, pace=pace, clock=SystemClock(), on_accept=lambda: None)
        async with asyncio.TaskGroup() as group:
            group.create_task(talk.run())
            group.create_task(pace.release(len(entries), over_s=seconds))
            group.create_task(_through_a_pause_and_a_kill(way, one, two, talk))
        await _answered(way, entries, within_s=60)
        await asyncio.sleep(2.0)  # a second reply would come about now

        assert count(entries, await way.look(entries)) == Tally(
            accepted=len(entries), replied=len(entries), lost=0, duplicated=0, out_of_order=0
        )
        assert '"runner.lease_lost"' in two.log(), "the paused node had nothing in work: the load is too small"
        assert await two.stop() == 0
