"""A database server that dies under load, and the synchronous standby that takes its place."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_worker.drills.ledger import Entry, Tally, count
from ai_worker.drills.load import Pace, Talk
from ai_worker.drills.scratch import WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import WecomWay, echo
from ai_worker.foundation.clock import SystemClock
from ai_worker.llm.scripted import ScriptedModel
from tests.postgres import Server, own_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DESK = WecomApplication()
MEMBERS, A_SECOND = 20, 20
BEFORE_S, GONE_S, AFTER_S = 2.0, 2.0, 4.0


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    primary = own_server("wal_level=replica")
    standby = primary.standby()
    yield primary, standby
    for server in (standby, primary):
        server.remove()


async def _fail_over(primary: Server, standby: Server) -> None:
    await asyncio.sleep(BEFORE_S)
    await asyncio.to_thread(primary.stop, signal.SIGKILL)
    await asyncio.sleep(GONE_S)
    await asyncio.to_thread(standby.promote)


async def test_the_standby_takes_over_and_everybody_is_answered_once(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    primary, standby = servers
    url = primary.url().replace("/postgres?", f",127.0.0.1:{standby.port}/postgres?") + "&target_session_attrs=primary"
    pace, seconds = Pace(), BEFORE_S + GONE_S + AFTER_S
    entries = [Entry(number, number % MEMBERS) for number in range(int(seconds * A_SECOND))]
    async with WecomWay(DESK, slow_sends=10_000) as way, ScriptedModel(echo) as model:
        settings = open_model(model.base_url) + DESK.settings(way.platform.api_base)
        async with Site(tmp_path, settings, storage_url=url) as site:
            await site.start()
            way.call(site)
            talk = Talk(way, entries, pace=pace, clock=SystemClock(), on_accept=lambda: None)
            async with asyncio.TaskGroup() as group:
                group.create_task(talk.run())
                group.create_task(pace.release(len(entries), over_s=seconds))
                group.create_task(_fail_over(primary, standby))
            async with asyncio.timeout(60):
                while count(entries, await way.look(entries)).lost:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(2.0)  # a second reply would come about now

            assert count(entries, await way.look(entries)) == Tally(
                accepted=len(entries), replied=len(entries), lost=0, duplicated=0, out_of_order=0
            )
            assert await site.stop() == 0
