"""SIGTERM under load: unready at once, done within thirty seconds with exit code 0, and nothing is lost."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.journeys.talking import house

pytestmark = pytest.mark.slow

PROMISED_S = 30.0


async def test_a_service_that_is_stopped_under_load_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, delay_s=0.5) as home:
        await home.site.start()
        talk = home.talk(300, members=30)
        talking = asyncio.create_task(talk.run())
        pace = asyncio.create_task(home.pace.release(300, over_s=6.0))
        await asyncio.sleep(2.0)

        began = time.monotonic()
        stopping = asyncio.create_task(home.site.stop())
        await asyncio.sleep(0.5)
        assert not await home.site.ready()
        assert await stopping == 0
        assert time.monotonic() - began <= PROMISED_S
        assert '"app.stopped"' in home.site.log()

        await home.site.start()
        await pace
        async with asyncio.timeout(30):
            await talking
        tally = await home.tally(talk)
        assert (tally.accepted, tally.lost, tally.duplicated, tally.out_of_order) == (300, 0, 0, 0)
        assert not home.platform.counts.violations
