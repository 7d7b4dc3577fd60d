"""Our MCP client over HTTP calls where its connection may, as often as it may, and says no secret back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.gate import AddressRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.mcp.caller import McpCaller
from ai_worker.connectors.mcp.kind import McpOptions, compile_tools
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed, ToolRefused
from tests.connectors.http.names import name_server
from tests.connectors.mcp.guarded import Door, guarded

SECRET = "sesame-4711-opens"


@asynccontextmanager
async def calling(door: Door, host: str = "127.0.0.1", parts: Parts | None = None, **settings: Any) -> Any:
    given = {"kind": "mcp", "name": "商店", "operations": ["*"], "timeout_s": 5, **settings}
    told = ConnectorSettings.model_validate(
        {**given, "base_url": f"http://{host}:{door.port}/mcp"}, context={"resolve": lambda text: text}
    )
    caller = McpCaller("shop", told, McpOptions(), parts=parts or Parts(SystemClock()))
    try:
        yield caller
    finally:
        await caller.close()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with guarded() as one:
        yield one


@pytest.fixture
async def order(door: Door, tmp_path: Path) -> Operation:
    file = tmp_path / "tools.json"
    async with calling(door) as caller:
        file.write_bytes(await caller.tools())
    door.paths.clear()
    door.hosts.clear()
    return next(one for one in compile_tools(file, McpOptions()).operations if one.name == "get_order")


ARGUMENTS = {"order_id": "1"}


async def test_a_name_is_resolved_once_and_moving_it_inside_gains_nothing(door: Door, order: Operation) -> None:
    async with name_server(["127.0.0.1"], ["127.0.0.2"]) as (server, resolver):
        parts = Parts(SystemClock(), resolver=resolver)
        async with calling(door, "shop.example", parts, networks=["127.0.0.1/32"]) as caller:
            for _ in range(3):
                assert (await caller.call(order, ARGUMENTS)).data == "已发货"
            assert server.questions == 1
            assert set(door.hosts) == {f"shop.example:{door.port}"}
        async with calling(door, "shop.example", parts, networks=["127.0.0.1/32"]) as caller:
            with pytest.raises(AddressRefused, match=r"127\.0\.0\.2"):
                await caller.call(order, ARGUMENTS)


async def test_a_name_inside_is_not_called_unless_its_network_is_open(door: Door, order: Operation) -> None:
    async with (
        name_server(["127.0.0.1"]) as (_, resolver),
        calling(door, "shop.example", Parts(SystemClock(), resolver=resolver)) as caller,
    ):
        with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
            await caller.call(order, ARGUMENTS)
    assert door.paths == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_redirect_to_another_host_is_not_followed(door: Door, order: Operation, host: str) -> None:
    async with guarded() as other:
        port = other.port if host == "127.0.0.1" else door.port
        door.elsewhere = f"http://{host}:{port}/stolen"
        async with calling(door) as caller:
            with pytest.raises(ToolFailed):
                await caller.call(order, ARGUMENTS)
        assert other.paths == []
    assert "/stolen" not in door.paths


async def test_what_the_server_says_back_holds_no_secret(door: Door, order: Operation) -> None:
    door.good = f"Bearer {SECRET}"
    door.says = f'{{"authorization": "Bearer {SECRET}", "phone": "13800000000"}}'
    async with calling(door, auth={"kind": "bearer", "secret": SECRET}, masked=["phone"]) as caller:
        assert (await caller.call(order, ARGUMENTS)).data == {"authorization": "Bearer ***", "phone": "***"}
        door.refuses = True
        with pytest.raises(ToolRefused) as refused:
            await caller.call(order, ARGUMENTS)
        assert SECRET not in str(refused.value)
        assert "13800000000" not in str(refused.value)


async def test_more_calls_than_the_settings_allow_are_not_sent(door: Door, order: Operation) -> None:
    async with calling(door, per_second=0.001, burst=1) as caller:
        await caller.call(order, ARGUMENTS)
        sent = len(door.paths)
        with pytest.raises(ToolFailed, match="more calls wait"):
            await caller.call(order, ARGUMENTS)
        assert len(door.paths) == sent


async def test_a_server_that_fails_again_and_again_is_left_alone(door: Door, order: Operation) -> None:
    door.good = "Bearer nobody has this"
    async with calling(door) as caller:
        for _ in range(5):
            with pytest.raises(ToolFailed):
                await caller.call(order, ARGUMENTS)
        sent = len(door.paths)
        with pytest.raises(ToolFailed, match="left alone"):
            await caller.call(order, ARGUMENTS)
        assert len(door.paths) == sent


async def test_an_answer_without_an_end_is_not_read_to_it(door: Door, order: Operation) -> None:
    door.says = "长" * 3 * 1024 * 1024
    async with calling(door) as caller:
        with pytest.raises(ToolFailed, match="larger than"):
            await caller.call(order, ARGUMENTS)


async def test_a_refused_token_is_renewed_once_with_the_kept_refresh_token(door: Door, order: Operation) -> None:
    kept = [Secret("refresh-0")]

    async def remember(_name: str, token: Secret) -> None:
        kept.append(token)

    async def recall(_name: str) -> Secret | None:
        return kept[-1]

    parts = Parts(SystemClock(), remember=remember, recall=recall)
    door.good = "Bearer not yet given"
    auth = {
        "kind": "oauth2-code",
        "authorize_url": f"http://127.0.0.1:{door.port}/authorize",
        "token_url": f"http://127.0.0.1:{door.port}/token",
        "client_id": "ai-worker",
        "resource": f"http://127.0.0.1:{door.port}/mcp",
    }
    async with calling(door, parts=parts, auth=auth) as caller:
        assert (await caller.call(order, ARGUMENTS)).data == "已发货"
        door.good = "Bearer revoked meanwhile"
        door.says = "access-2-token"
        assert (await caller.call(order, ARGUMENTS)).data == "***"
    assert [one["refresh_token"] for one in door.tokens] == ["refresh-0", "refresh-1"]
    assert {one["resource"] for one in door.tokens} == {f"http://127.0.0.1:{door.port}/mcp"}
    assert kept[-1].reveal() == "refresh-2"
