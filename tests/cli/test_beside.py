"""Commands beside a running service: on the same data, in effect without a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_worker.drills.site import Site

PROMISED_S = 5.0
"""Within this a command is in effect in a running service."""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path) as running:
        await running.start()
        yield running


async def told(site: Site, *words: str) -> Any:
    code, out, err = await site.command(*words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.slow
async def test_added_knowledge_is_answered_from_without_a_restart(site: Site, tmp_path: Path) -> None:
    faq = tmp_path / "faq.csv"
    faq.write_text("id,question,aliases,answer\nwifi,访客无线网密码是什么？,,前台有当天的密码。\n", encoding="utf-8")

    await told(site, "knowledge", "add", str(faq))

    answer: dict[str, Any] = {}
    async with asyncio.timeout(PROMISED_S):
        while answer.get("answer_id") != "wifi":
            async with site.client.post("/api/v1/ask", json={"text": "访客无线网密码是什么"}) as response:
                answer = await response.json()
            await asyncio.sleep(0.1)
    assert "前台" in answer["text"]


@pytest.mark.slow
async def test_keys_and_links_made_beside_it_work_and_revoked_keys_do_not(site: Site) -> None:
    made = await told(site, "keys", "create", "crm")
    link = await told(site, "console")

    async with aiohttp.ClientSession() as stranger:
        headers = {"Authorization": f"Bearer {made['key']}"}
        async with stranger.get(f"{site.url}/v1/models", headers=headers) as response:
            assert response.status == 200
        async with stranger.get(link["url"], allow_redirects=False) as response:
            assert response.status in (302, 303, 200)
        await told(site, "keys", "revoke", made["id"])
        async with asyncio.timeout(PROMISED_S):
            while True:
                async with stranger.get(f"{site.url}/v1/models", headers=headers) as response:
                    if response.status == 401:
                        break
                await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_second_service_on_the_same_data_is_refused(site: Site) -> None:
    code, out, err = await site.command("run")

    assert (code, out) == (4, "")
    assert "app.already_running" in err


@pytest.mark.slow
async def test_the_service_logs_json_lines_and_no_key(site: Site) -> None:
    await told(site, "keys", "create", "crm")

    assert await site.stop() == 0

    events = [json.loads(line)["event"] for line in site.log().splitlines()]
    assert {"app.ready", "app.draining", "app.stopped"} <= set(events)
    assert "aiw_live_" not in site.log()
