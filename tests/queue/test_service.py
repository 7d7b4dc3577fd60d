"""The whole service with Kafka before its store: every door answers, kill -9 loses and doubles nothing."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, ScriptedModel

pytestmark = pytest.mark.slow

DESK = WecomApplication()
NUMBER = re.compile(r"编号 (\d+)")


def _echo(asked: Asked) -> str:
    return f"收到，编号 {NUMBER.findall(asked.last)[-1]}，已经登记。"


def queue(servers: str, topic: str) -> str:
    return f"""
[queue]
kafka = "{servers}"
kafka_topic = "{topic}"
[queue.kafka_options]
"fetch.wait.max.ms" = 20
"""


async def feeding(site: Site) -> None:
    """Wait until messages go by way of Kafka."""
    async with asyncio.timeout(20):
        while not any(c["name"] == "queue" and c["ok"] for c in (await site.get("/readyz"))[1]["checks"]):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def site_on(folder: Path, servers: str, topic: str, model: ScriptedModel, more: str = "") -> AsyncIterator[Site]:
    async with Site(folder, open_model(model.base_url) + more + queue(servers, topic)) as site:
        yield site


def _answers(platform: SimulatedWecom, users: list[str]) -> dict[str, list[int]]:
    return {
        user: [int(number) for shown in platform.shown_to(user) for number in NUMBER.findall(shown.text)]
        for user in users
    }


async def test_kills_under_load_lose_double_and_reorder_nothing(tmp_path: Path, servers: str, topic: str) -> None:
    chance = random.Random(20261122)
    users = [f"u{n}" for n in range(100)]  # the platform shows a user no more than 30 messages a minute
    acknowledged: dict[str, list[int]] = {user: [] for user in users}
    async with DESK.platform() as platform, ScriptedModel(_echo, delay_s=0.05) as model:
        channel = DESK.settings(platform.api_base)
        async with site_on(tmp_path, servers, topic, model, channel) as site:
            platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"

            async def talk(user: str, start: int) -> None:
                """Say one thing after another until one is not acknowledged."""
                for number in range(start, start + 6):
                    await asyncio.sleep(chance.uniform(0, 0.3))
                    if not (await platform.say(user, f"请登记，编号 {number}")).acknowledged:
                        return
                    acknowledged[user].append(number)

            for kill in range(4):
                await site.start()
                await feeding(site)
                talking = asyncio.gather(*(talk(user, 1_000 * n + 100 * kill) for n, user in enumerate(users)))
                await asyncio.sleep(chance.uniform(0.2, 0.8))
                await site.kill()
                await talking
            await site.start()
            accepted = sum(map(len, acknowledged.values()))
            async with asyncio.timeout(60):
                while any(not set(acknowledged[u]) <= set(said) for u, said in _answers(platform, users).items()):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)  # a second reply would come about now
            assert await site.stop() == 0

    assert accepted > 100
    for user, said in _answers(platform, users).items():
        assert said == sorted(set(said)), user
        assert set(acknowledged[user]) <= set(said)


async def test_every_door_that_waits_for_an_answer_gets_it(tmp_path: Path, servers: str, topic: str) -> None:
    async with (
        ScriptedModel(_echo) as model,
        site_on(tmp_path, servers, topic, model, "[channels.web]\nkind='web'\n") as site,
    ):
        await site.start()
        await feeding(site)

        asked = await site.post("/api/v1/ask", {"text": "请登记，编号 1"})
        body = {"message_id": "m1", "conversation_id": "c1", "contact": "crm", "text": "请登记，编号 2"}
        status, receipt = await site.post("/api/v1/messages", body)
        first_look = await site.get(f"/api/v1/turns/{receipt['turn_id']}")
        async with site.client.get("/api/v1/conversations/c1/events") as events:
            heard = events.status
        async with asyncio.timeout(10):
            while (turn := (await site.get(f"/api/v1/turns/{receipt['turn_id']}"))[1])["status"] != "done":
                await asyncio.sleep(0.02)
        async with site.client.ws_connect("/chat/web/ws", headers={"Origin": site.url}) as page:
            await page.send_json({"type": "hello"})
            assert (await page.receive_json(timeout=5))["type"] == "welcome"
            shown: list[dict[str, Any]] = []
            for number in (3, 4):
                await page.send_json({"type": "say", "id": f"say-000{number}", "text": f"请登记，编号 {number}"})
                while not shown or shown[-1]["type"] != "reply":
                    shown.append(await page.receive_json(timeout=10))
                shown.append({"type": "end"})
        assert await site.stop() == 0

    assert (asked[0], asked[1]["text"]) == (200, "收到，编号 1，已经登记。")
    assert (status, first_look[0], heard) == (202, 200, 200)
    assert turn["text"] == "收到，编号 2，已经登记。"
    assert [(each["type"], each.get("text")) for each in shown if each["type"] in ("reply", "end")] == [
        ("reply", "收到，编号 3，已经登记。"),
        ("end", None),
        ("reply", "收到，编号 4，已经登记。"),
        ("end", None),
    ]
