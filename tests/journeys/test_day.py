"""A customer service day, asserted turn by turn; and the same day with a model that fails for its second half."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.conversation.contacts import ContactKey
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication
from ai_worker.drills.site import Site
from ai_worker.foundation.clock import SystemClock
from ai_worker.llm.scripted import Asked, ScriptedModel
from ai_worker.storage.opening import Stores, open_stores
from tests.journeys.day import script
from tests.journeys.day.player import Player

pytestmark = pytest.mark.slow

DESK = WecomApplication()
COMPANY = Path(__file__).parent / "day" / "company"
OPEN = ("常见问题.csv", "产品价目表.csv", "门店列表.csv", "保养手册.md")
SETTINGS = f"""
[workers.xiaozhi]
display_name = "小澄"
merge_window_ms = 600
[handoff]
vip = ["{script.GU}"]
[[handoff.people]]
name = "李娜"
channel = "{CHANNEL}"
contact = "{script.LI}"
[[handoff.people]]
name = "韩梅梅"
channel = "{CHANNEL}"
contact = "{script.HAN}"
"""


def knows_leaks(asked: Asked) -> str:
    """What the model says: from the material about leaks; of all else something that no material says."""
    place = asked.last.partition("漏水处理")[0].rpartition('n="')[2].partition('"')[0]
    leaks = "漏水" in asked.last.rpartition("问题：")[2]
    return f"{script.LEAK}[{place}]" if leaks and place else "请参考产品说明书。"


@asynccontextmanager
async def company(folder: Path, settings: str = "") -> AsyncIterator[tuple[Site, SimulatedWecom]]:
    """Open 澄光家电: its knowledge, its members, its colleagues on duty, and the service itself."""
    async with DESK.platform() as platform:
        text = settings + DESK.settings(platform.api_base) + SETTINGS
        async with Site(folder, text) as site:
            for member, (name, department) in script.MEMBERS.items():
                platform.know(member, name=name, department=department)
            for words in (
                [str(COMPANY / name) for name in OPEN],
                [str(COMPANY / "采购内部.csv"), "--department", "采购部"],
            ):
                code, out, err = await site.command("knowledge", "add", *words)
                assert code == 0, out + err
            platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
            await site.start()
            yield site, platform


async def _department(stores: Stores, member: str) -> str | None:
    known = await stores.contacts.known(ContactKey(CHANNEL, member))
    return known.department if known else None


async def known(site: Site) -> None:
    """Wait until the directory has told who everybody is: what a department may read depends on it."""
    async with open_stores("sqlite:///ai-worker.db", data_dir=site.folder / "data", clock=SystemClock()) as stores:
        async with asyncio.timeout(60):
            for member in script.MEMBERS:
                while (await _department(stores, member)) is None:
                    await asyncio.sleep(0.05)


async def ended(site: Site, platform: SimulatedWecom, player: Player) -> None:
    """Let the service finish what it has begun; nobody was shown anything that no line expected."""
    assert await site.stop() == 0
    assert {who: len(platform.shown_to(who)) for who in script.MEMBERS} == {
        who: player.read[who] for who in script.MEMBERS
    }
    assert list(platform.counts.violations) == []
    assert (platform.counts.missed_deadlines, platform.counts.refused_callbacks) == (0, 0)


async def gaps_of(site: Site) -> set[str]:
    status, answer = await site.get("/api/v1/knowledge/gaps")
    assert status == 200
    return {gap["question"] for gap in answer["gaps"]}


async def test_a_day_without_a_model(tmp_path: Path) -> None:
    async with company(tmp_path) as (site, platform):
        player = Player(site, platform)
        await player.hour(script.HELLO)
        await known(site)
        for hour in (script.MORNING, script.NOON, script.AFTERNOON, script.EVENING):
            await player.hour(hour)

        assert player.turns >= 60
        assert await gaps_of(site) == {"积分怎么用", "供应商返点是多少", "供应商返点是多少 那联系人呢"}
        await ended(site, platform, player)


async def test_the_same_day_with_a_model_that_fails_for_its_second_half(tmp_path: Path) -> None:
    async with ScriptedModel(knows_leaks) as model:
        settings = f'[model]\nbase_url = "{model.base_url}"\nname = "scripted"\n'
        async with company(tmp_path, settings) as (site, platform):
            player = Player(site, platform, model)
            await player.hour(script.HELLO)
            await known(site)
            for hour in (script.MORNING, [script.WITH_MODEL], script.NOON):
                await player.hour(hour)
            model.misbehave = "500"
            for hour in (script.AFTERNOON, script.EVENING, script.MODEL_DOWN):
                await player.hour(hour)
            model.misbehave = None
            await player.later(script.MODEL_BACK)

            assert player.turns >= 60
            await ended(site, platform, player)
