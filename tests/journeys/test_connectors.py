"""A business system that is connected, changed, broken, mended and removed while `ai-worker run` goes on."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ai_worker.drills.site import Site
from tests.console.erp import CONTRACT, Erp, erp_running

PATIENCE_S = 30.0
"""What is promised is 5 s; on a busy machine a test waits longer rather than fail."""

VERB = """
[[verbs]]
name = "order.status"
operation = "list_orders"
triggers = ["订单"]
template = "最近的订单：{id}。"
"""

QUESTION = "最近的订单是哪个？"


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with erp_running(one=True) as running:
        yield running


async def told(site: Site, *words: str) -> Any:
    code, out, err = await site.command("connectors", *words, "--json")
    assert code == 0, err
    return json.loads(out)


async def asked(site: Site) -> str:
    async with site.client.post("/api/v1/ask", json={"text": QUESTION}) as response:
        return str((await response.json())["text"])


async def ready(site: Site) -> dict[str, bool]:
    async with site.client.get("/readyz") as response:
        assert response.status == 200
        return {check["name"]: check["ok"] for check in (await response.json())["checks"]}


async def within(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_system_comes_changes_breaks_and_goes_without_a_restart(tmp_path: Path, erp: Erp) -> None:
    (tmp_path / "erp.json").write_text(json.dumps(CONTRACT), "utf-8")
    file = tmp_path / "connectors" / "erp" / "connector.toml"

    def rewrite(pattern: str, new: str) -> None:
        text = file.read_text("utf-8")
        assert re.search(pattern, text)
        file.write_text(re.sub(pattern, new, text), "utf-8")

    async def answers(words: str) -> bool:
        return words in await asked(site)

    async with Site(tmp_path, environ={"ERP_KEY": "sesame-4711"}) as site:
        await site.start()
        assert "ORD12345" not in await asked(site)

        auth = ("--auth", "header", "--auth", "secret=env:ERP_KEY", "--operations", "list_orders")
        await told(site, "add", "erp", "--contract", str(tmp_path / "erp.json"), "--base-url", erp.url, *auth)
        file.write_text(file.read_text("utf-8") + VERB, "utf-8")
        await within(lambda: answers("最近的订单：ORD12345。"))
        await within(lambda: looked_well(site, well=True))

        rewrite("最近的订单：", "现在的订单：")
        await within(lambda: answers("现在的订单：ORD12345。"))

        rewrite(r"\[auth\]", "[auth")
        await within(lambda: looked_well(site, well=False))
        assert await answers("现在的订单：ORD12345。")
        assert (await told(site, "list"))["connectors"][0]["state"] == "refused"
        rewrite(r"\[auth", "[auth]")
        await within(lambda: looked_well(site, well=True))

        await told(site, "disable", "erp")
        await within(lambda: gone(site))
        (row,) = (await told(site, "list"))["connectors"]
        assert (row["state"], row["calls_24h"] >= 3, row["failed_percent"]) == ("off", True, 0.0)
        async with site.client.get("/metrics") as response:
            assert 'ai_worker_connector_calls_total{connector="erp",outcome="ok"}' in await response.text()
        assert "sesame" not in site.log()


async def looked_well(site: Site, *, well: bool) -> bool:
    return (await ready(site)).get("connector.erp") is well


async def gone(site: Site) -> bool:
    return "ORD12345" not in await asked(site)
