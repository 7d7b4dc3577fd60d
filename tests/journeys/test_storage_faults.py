"""A full disk and a locked database under load: refused in time, nothing acknowledged is lost, it mends itself."""

import asyncio
import resource
from pathlib import Path

import apsw
import pytest

from tests.journeys.talking import house

pytestmark = pytest.mark.slow

ROOM = 3_000_000
"""Bytes that a file may grow to while the disk is full: the database, and its log beside it."""


async def test_a_disk_that_fills_up_under_load_and_heals_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.site.start()
        pid = home.site.process.pid
        talk = home.talk(300, members=30)
        talking = asyncio.create_task(talk.run())
        await home.pace.release(100, over_s=1.5)

        used = max(file.stat().st_size for file in (tmp_path / "data").glob("ai-worker.db*"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(used + 20_000, ROOM), resource.RLIM_INFINITY))
        await home.pace.release(100, over_s=1.5)
        refused, unready = 0, False
        for number in range(40):
            body = {"message_id": f"x{number}", "conversation_id": f"x{number}", "contact": "crm", "text": "满" * 5000}
            async with home.site.client.post("/api/v1/messages", json=body) as answer:
                assert answer.status in (202, 503)
                if answer.status == 503:
                    refused += 1
                    assert int(answer.headers["Retry-After"]) >= 1
            unready = unready or not await home.site.ready()
        assert refused > 0, "the disk did not fill up"
        assert unready, "a store that cannot be written is not ready"

        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await home.pace.release(100, over_s=1.0)
        async with asyncio.timeout(60):
            await talking
        tally = await home.tally(talk)

        assert (tally.accepted, tally.lost, tally.duplicated, tally.out_of_order) == (300, 0, 0, 0)
        assert await home.site.ready()
        assert await home.site.stop() == 0


async def test_a_database_that_is_locked_for_five_seconds_refuses_and_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.site.start()
        talk = home.talk(200, members=20)
        talking = asyncio.create_task(talk.run())
        await home.pace.release(80, over_s=1.0)

        other = apsw.Connection(str(tmp_path / "data" / "ai-worker.db"))
        other.set_busy_timeout(2_000)
        other.execute("BEGIN IMMEDIATE")
        body = {"message_id": "x", "conversation_id": "x", "contact": "crm", "text": "在吗"}
        async with home.site.client.post("/api/v1/messages", json=body) as answer:
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        await home.pace.release(60, over_s=3.0)
        other.execute("ROLLBACK")
        other.close()

        await home.pace.release(60, over_s=1.0)
        async with asyncio.timeout(40):
            await talking
        tally = await home.tally(talk)
        assert (tally.accepted, tally.lost, tally.duplicated, tally.out_of_order) == (200, 0, 0, 0)
