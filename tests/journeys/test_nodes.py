"""Two real services on one PostgreSQL: one is killed, one is paused, and everybody is answered once."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, ScriptedModel
from tests.postgres import shared_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DESK = WecomApplication()
NUMBER = re.compile(r"编号 (\d+)")
USERS = [f"u{n}" for n in range(20)]
ONCE = Counter({str(number): 1 for number in range(40)})


def _echo(asked: Asked) -> str:
    return f"收到，编号 {NUMBER.findall(asked.last)[-1]}，已经登记。"


@asynccontextmanager
async def _nodes(folder: Path, model: ScriptedModel, platform: SimulatedWecom) -> AsyncIterator[tuple[Site, Site]]:
    """Run two services on one new schema."""
    url = shared_server().url()
    settings = open_model(model.base_url) + DESK.settings(platform.api_base) + f'[storage]\nurl = "{url}"\n'
    async with AsyncExitStack() as stack:
        sites = []
        for name in ("a", "b"):
            (folder / name).mkdir()
            sites.append(await stack.enter_async_context(Site(folder / name, settings)))
            await sites[-1].start()
        yield sites[0], sites[1]


async def _say(platform: SimulatedWecom, sites: tuple[Site, Site], place: int) -> None:
    """Every user says one thing; half of the callbacks reach either node."""
    for half, site in enumerate(sites):
        platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
        said = (
            platform.say(user, f"请登记，编号 {2 * n + place}")
            for n, user in enumerate(USERS)
            if (n + place) % 2 == half
        )
        assert all(one.acknowledged for one in await asyncio.gather(*said))


def _answered(platform: SimulatedWecom) -> Counter[str]:
    return Counter(
        number for user in USERS for shown in platform.shown_to(user) for number in NUMBER.findall(shown.text)
    )


async def _all_answered(platform: SimulatedWecom) -> None:
    async with asyncio.timeout(60):
        while len(_answered(platform)) < len(ONCE):
            await asyncio.sleep(0.1)


async def test_a_killed_nodes_conversations_are_answered_by_the_other(tmp_path: Path) -> None:
    async with (
        DESK.platform() as platform,
        ScriptedModel(_echo, delay_s=2.0) as model,
        _nodes(tmp_path, model, platform) as (one, two),
    ):
        await _say(platform, (one, two), 0)
        await _say(platform, (one, two), 1)

        await one.kill()
        model.delay_s = 0.0
        await _all_answered(platform)

        await asyncio.sleep(1.0)  # a second reply would come about now
        assert _answered(platform) == ONCE
        assert await two.stop() == 0


async def test_a_paused_node_says_nothing_when_it_wakes(tmp_path: Path) -> None:
    async with (
        DESK.platform() as platform,
        ScriptedModel(_echo, delay_s=2.0) as model,
        _nodes(tmp_path, model, platform) as (one, two),
    ):
        await _say(platform, (one, two), 0)
        await _say(platform, (one, two), 1)

        assert one.process is not None
        one.process.send_signal(signal.SIGSTOP)
        model.delay_s = 0.0
        await _all_answered(platform)
        one.process.send_signal(signal.SIGCONT)

        await asyncio.sleep(3.0)  # what it had in work would come out about now
        assert _answered(platform) == ONCE
        assert await one.stop() == 0
        assert await two.stop() == 0
