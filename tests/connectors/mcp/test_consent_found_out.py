"""A server that says itself who gives its tokens: from its refusal to the first call, and to the end of the consent.

The official SDK's server and authorization server run as a process of their own; the test is the person's browser.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from ai_worker.connectors.http.tokens import ConsentNeeded
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.mcp.caller import McpCaller
from ai_worker.connectors.mcp.kind import McpOptions, compile_tools
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import FixedClock
from tests.cli.calling import call
from tests.cli.conftest import SETTINGS

CONNECTOR = """
kind = "mcp"
name = "商店"
contract = "tools.json"
base_url = "http://127.0.0.1:{server}/mcp"
operations = ["*"]
[auth]
kind = "oauth2-code"
redirect = "http://127.0.0.1:{back}/back"
"""
ARGUMENTS = {"order_id": "ORD12345"}


class Peer:
    """The running server, its giver of tokens, and the port that our command listens on."""

    def __init__(self, ports: list[int]) -> None:
        self.server, self.giver, self.back = ports

    async def ask(self, path: str, method: str = "GET") -> Any:
        async with aiohttp.request(method, f"http://127.0.0.1:{self.giver}{path}") as answer:
            return await answer.json()


@pytest.fixture
async def peer(unused_tcp_port_factory: Any) -> AsyncIterator[Peer]:
    made = Peer([unused_tcp_port_factory() for _ in range(3)])
    words = ("-m", "tests.connectors.mcp.consenting", str(made.server), str(made.giver))
    process = await asyncio.create_subprocess_exec(sys.executable, *words)
    try:
        async with asyncio.timeout(60):
            for port in (made.server, made.giver):
                while not await _listens(port):
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
        yield made
    finally:
        process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "ai-worker.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def folder(site: Path, peer: Peer) -> Path:
    folder = site / "connectors" / "shop"
    folder.mkdir(parents=True)
    told = CONNECTOR.format(server=peer.server, back=peer.back)
    (folder / "connector.toml").write_text(told, "utf-8")
    return folder


async def authorize(site: Path, peer: Peer, *words: str) -> dict[str, str]:
    """Run the command and be its browser; return what the person was asked."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ai_worker", "connectors", "authorize", "shop"),
        *("--trust", f"127.0.0.1:{peer.giver}", *words),
        cwd=site,
        env={**os.environ, "AI_WORKER_CONFIG": str(site / "ai-worker.toml"), "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    asked = (await process.stdout.readline()).decode().strip()
    if asked:
        async with asyncio.timeout(60):
            while not await _listens(peer.back):
                assert process.returncode is None
                await asyncio.sleep(0.05)
            async with aiohttp.ClientSession() as browser, browser.get(asked) as last:
                assert last.status == 200
                assert last.url.port == peer.back
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return {key: values[0] for key, values in parse_qs(urlsplit(asked).query).items()}


@asynccontextmanager
async def calling(site: Path, peer: Peer, clock: FixedClock) -> AsyncIterator[McpCaller]:
    settings = ConnectorSettings.model_validate(
        {
            "kind": "mcp",
            "name": "商店",
            "base_url": f"http://127.0.0.1:{peer.server}/mcp",
            "operations": ["*"],
            "auth": {"kind": "oauth2-code"},
        }
    )
    caller = McpCaller("shop", settings, McpOptions(), parts=Parts.kept_in(site / "data", clock))
    try:
        yield caller
    finally:
        await caller.close()


async def test_from_the_first_refusal_to_the_end_of_the_consent(site: Path, folder: Path, peer: Peer) -> None:
    clock = FixedClock()
    async with calling(site, peer, clock) as caller:
        with pytest.raises(ConsentNeeded, match="connectors authorize"):
            await caller.tools()
        asked = await authorize(site, peer)
        assert asked["code_challenge_method"] == "S256"
        assert (asked["scope"], asked["resource"]) == ("orders", f"http://127.0.0.1:{peer.server}/mcp")
        fetched = await asyncio.to_thread(call, site, "connectors", "refresh", "shop", "--yes")
        assert fetched.code == 0, fetched.err
        order = next(
            one for one in compile_tools(folder / "tools.json", McpOptions()).operations if one.name == "get_order"
        )
        assert (await caller.call(order, ARGUMENTS)).data["status"] == "已发货"
        clock.advance(timedelta(hours=2))  # past the token's life: renewed before it is sent
        await caller.call(order, ARGUMENTS)
        await peer.ask("/forget/access", "POST")  # refused before its time: renewed once
        await caller.call(order, ARGUMENTS)
        seen = await peer.ask("/seen")
        assert seen["given"] == ["code", *["refresh"] * 4], (
            "one for each process, one when it ran out, one when it was refused"
        )
        assert seen["clients"] == [{"name": "ai-worker", "redirects": [f"http://127.0.0.1:{peer.back}/back"]}]
        assert set(seen["resources"]) == {f"http://127.0.0.1:{peer.server}/mcp"}
        assert seen["scopes"] == ["orders"]

        await peer.ask("/forget/all", "POST")
        for _ in range(2):
            with pytest.raises(ConsentNeeded, match="invalid_grant") as over:
                await caller.call(order, ARGUMENTS)
        assert "authorize" in str(over.value.hint)
        await authorize(site, peer)
        assert (await caller.call(order, ARGUMENTS)).data["id"] == "ORD12345", "without a restart"
        assert len((await peer.ask("/seen"))["clients"]) == 1, "we are registered once"
    sealed = b"".join(file.read_bytes() for file in (site / "data" / "secrets" / "connectors").iterdir())
    assert b"token_url" not in sealed


def test_a_host_that_the_server_names_is_not_called_before_somebody_agrees(
    site: Path, folder: Path, peer: Peer
) -> None:
    called = call(site, "connectors", "authorize", "shop")
    assert called.code != 0
    assert "connector.nobody_to_agree" in called.err
    assert f"127.0.0.1:{peer.giver}" in called.err
