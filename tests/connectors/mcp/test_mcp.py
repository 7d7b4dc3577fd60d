"""Our MCP client against servers of the official SDK: over stdio and over HTTP, and against the official example."""

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ai_worker.connectors.contract import Announces, ArgumentsRefused, ConnectorRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.mcp.kind import KIND, McpOptions
from ai_worker.connectors.registry import ConnectorHub, load_connectors, read_settings
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

HERE = Path(__file__).parent
STDIO = f"""
kind = "mcp"
name = "商店"
contract = "tools.json"
operations = ["**"]
masked = ["phone"]
timeout_s = 5
[options]
command = "{sys.executable}"
args = ["{HERE / "example.py"}", "stdio"]
"""


async def snapshot(folder: Path, settings: str) -> Path:
    """Write a connector, fetch its contract, and return the folder of all connectors."""
    home = folder / "connectors" / "shop"
    home.mkdir(parents=True)
    (home / "connector.toml").write_text(settings, "utf-8")
    told = read_settings(home / "connector.toml", lambda text: text)
    assert KIND.fetch is not None
    fetched = await KIND.fetch(told, McpOptions.model_validate(told.options), Parts(SystemClock()))
    (home / "tools.json").write_bytes(fetched)
    return folder / "connectors"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[ConnectorHub]:
    hub = load_connectors(folder, resolve=lambda text: text)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


async def call(hub: ConnectorHub, name: str, order: str = "ORD12345") -> Any:
    return (await hub.call(f"shop.{name}", {"order_id": order}, idempotency_key="k")).data


async def test_a_program_is_listed_and_called_and_its_refusals_are_ours(tmp_path: Path) -> None:
    async with opened(await snapshot(tmp_path, STDIO)) as hub:
        tools = {tool.name: tool for tool in hub.tools()}
        titles = [tools[f"shop.{name}"].title for name in ("get_order", "cancel_order", "rename")]
        assert titles == ["查订单", "Cancel an order", "rename"]
        assert {name: tool.risk for name, tool in tools.items()} == {
            "shop.get_order": "read",
            "shop.cancel_order": "write-irreversible",
            "shop.rename": "write-reversible",
            "shop.hang": "read",
            "shop.die": "write-irreversible",
        }
        assert await call(hub, "get_order") == {"id": "ORD12345", "status": "已发货", "phone": "***"}
        with pytest.raises(ToolRefused, match="没有这个订单"):
            await call(hub, "get_order", "ORD99999")
        with pytest.raises(ArgumentsRefused):
            await hub.call("shop.get_order", {}, idempotency_key="k")
        preview = hub.preview("shop.get_order", {"order_id": "1"})
        assert msgspec.json.decode(preview.body)["params"] == {"name": "get_order", "arguments": {"order_id": "1"}}


async def test_a_server_that_says_that_its_tools_have_changed_is_heard_and_nothing_is_taken_over(
    tmp_path: Path,
) -> None:
    async with opened(await snapshot(tmp_path, STDIO)) as hub:
        (shop,) = hub.connectors()
        assert isinstance(shop, Announces)
        before = hub.tools()
        await call(hub, "get_order")
        assert not shop.announced()

        async with asyncio.timeout(20):
            while not shop.announced():  # until the subscription stands, nobody is told
                await call(hub, "rename")

        assert hub.tools() == before


async def test_a_server_that_dies_in_a_call_leaves_its_end_unknown_and_the_next_call_starts_it_anew(
    tmp_path: Path,
) -> None:
    async with opened(await snapshot(tmp_path, STDIO)) as hub:
        with pytest.raises(ToolUnsure):
            await call(hub, "die")
        assert (await call(hub, "get_order"))["status"] == "已发货"


async def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with opened(await snapshot(tmp_path, STDIO.replace("timeout_s = 5", "timeout_s = 1.5"))) as hub:
        with pytest.raises(ToolFailed) as failure:
            await call(hub, "hang")
        assert not isinstance(failure.value, ToolUnsure), "it only reads"


async def test_over_http_with_a_key(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "example.py"), str(port))
    settings = f"""
kind = "mcp"
name = "商店"
contract = "tools.json"
base_url = "http://127.0.0.1:{port}/mcp"
operations = ["get_order"]
[auth]
kind = "bearer"
secret = "sesame-4711"
"""
    try:
        for _ in range(300):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.1)
        async with opened(await snapshot(tmp_path, settings)) as hub:
            assert (await call(hub, "get_order"))["status"] == "已发货"
            connection = hub.get("shop")
            assert connection is not None
            assert "sesame-4711" not in repr(connection.__dict__)
            server.terminate()
            await server.wait()
            with pytest.raises(ToolFailed):
                await call(hub, "get_order")
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


async def test_an_address_inside_is_not_called_unless_it_was_named(tmp_path: Path) -> None:
    settings = STDIO.split("[options]")[0] + 'base_url = "http://metadata.localhost.test:9/mcp"\n'
    with pytest.raises(ToolFailed):
        await snapshot(tmp_path, settings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ('{"tools": {}}', "no list of tools"),
        ('{"tools": [{"name": "a", "inputSchema": {"type": "string"}}]}', "not an object"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    home = tmp_path / "shop"
    home.mkdir()
    (home / "connector.toml").write_text(STDIO.replace('["**"]', '["a"]'), "utf-8")
    (home / "tools.json").write_text(content, "utf-8")
    with pytest.raises(ConnectorRefused, match=words):
        load_connectors(tmp_path, resolve=lambda text: text)


EVERYTHING = shutil.which("mcp-server-everything")


@pytest.mark.skipif(EVERYTHING is None, reason="npm package @modelcontextprotocol/server-everything is not installed")
async def test_the_official_example_server_is_listed_and_called(tmp_path: Path) -> None:
    settings = STDIO.split("[options]")[0] + f'[options]\ncommand = "{EVERYTHING}"\nargs = ["stdio"]\n'
    async with opened(await snapshot(tmp_path, settings)) as hub:
        names = {tool.name for tool in hub.tools()}
        assert "shop.echo" in names
        told = (await hub.call("shop.echo", {"message": "你好"}, idempotency_key="k")).data
    assert "你好" in str(told)
