"""The connectors folder while a service runs: what changes in it takes effect, and what is broken does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.folder import ConnectorsFolder
from ai_worker.connectors.kind import Parts
from ai_worker.foundation.clock import SystemClock
from ai_worker.settings.references import resolver
from ai_worker.skills.tool import Called
from tests.console.erp import CONTRACT, Erp, describe, erp_running


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with erp_running() as running:
        yield running


def opened(root: Path, heard: list[Called] | None = None) -> ConnectorsFolder:
    hear = heard.append if heard is not None else None
    return ConnectorsFolder(root / "connectors", resolve=resolver(root, {}), parts=Parts(SystemClock()), heard=hear)


def rewrite(file: Path, former: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert former in text
    file.write_text(text.replace(former, new), "utf-8")


async def test_what_is_new_changed_or_gone_takes_effect(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    await folder.hub.start()
    assert await folder.look() == []

    file = describe(tmp_path, "erp", "http://127.0.0.1:9")
    assert await folder.look() == ["erp"]
    assert len(folder.hub.tools()) == 4
    kept = folder.hub.get("erp")
    assert await folder.look() == []
    assert folder.hub.get("erp") is kept

    rewrite(file, '"**"', '"get_order"')
    assert await folder.look() == ["erp"]
    assert [tool.name for tool in folder.hub.tools()] == ["erp.get_order"]
    paths = {"/orders/{id}": CONTRACT["paths"]["/orders/{id}"]}
    (file.parent / "openapi.json").write_text(json.dumps({**CONTRACT, "paths": paths}), "utf-8")
    assert await folder.look() == ["erp"]

    file.unlink()
    assert await folder.look() == ["erp"]
    assert folder.hub.ids() == []
    await folder.hub.close()


async def test_a_broken_file_keeps_what_worked_and_a_mended_one_takes_over(tmp_path: Path) -> None:
    file = describe(tmp_path, "erp", "http://127.0.0.1:9")
    folder = opened(tmp_path)
    await folder.hub.start()
    kept = folder.hub.get("erp")

    rewrite(file, "[auth]", "[auth")
    assert await folder.look() == []
    assert isinstance(folder.problems["erp"], ConnectorRefused)
    assert folder.hub.get("erp") is kept
    rewrite(file, "[auth", "[auth]")
    assert await folder.look() == ["erp"]
    assert folder.problems == {}

    rewrite(file, "enabled = true", "enabled = false")
    assert await folder.look() == ["erp"]
    assert (folder.hub.ids(), list(folder.switched_off)) == ([], ["erp"])
    await folder.hub.close()


async def test_a_secret_that_is_exchanged_in_its_file_takes_effect(tmp_path: Path, erp: Erp) -> None:
    secret = tmp_path / "key.txt"
    secret.write_text("old-key", "utf-8")
    rewrite(describe(tmp_path, "erp", erp.url), '"sesame-4711"', '"file:key.txt"')
    heard: list[Called] = []
    folder = opened(tmp_path, heard)
    await folder.hub.start()
    assert await folder.look() == []

    secret.write_text("new-key", "utf-8")
    assert await folder.look() == ["erp"]
    secret.unlink()
    assert await folder.look() == []
    assert "erp" in folder.problems
    await folder.hub.call("erp.list_orders", {}, idempotency_key="1", by="console/李娜")

    assert [(one.tool, one.code, one.asker) for one in heard] == [("erp.list_orders", "ok", "console/李娜")]
    await folder.hub.close()


async def test_a_call_in_progress_ends_on_the_connection_it_began_on(tmp_path: Path, erp: Erp) -> None:
    file = describe(tmp_path, "erp", erp.url)
    folder = opened(tmp_path)
    await folder.hub.start()
    erp.gate.clear()
    calling = asyncio.create_task(folder.hub.call("erp.list_orders", {}, idempotency_key="1"))
    await erp.arrived.wait()

    rewrite(file, '"**"', '"get_order"')
    await folder.look()
    assert [tool.name for tool in folder.hub.tools()] == ["erp.get_order"]
    erp.gate.set()

    assert (await calling).data[0]["id"] == "ORD12345"
    await folder.hub.close()


async def test_at_the_start_a_broken_file_is_refused(tmp_path: Path) -> None:
    rewrite(describe(tmp_path, "erp", "http://127.0.0.1:9"), '"**"', '"fly"')

    with pytest.raises(ConnectorRefused, match="fly"):
        opened(tmp_path)
