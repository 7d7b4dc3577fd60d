"""The worker as a tool of other agents: the official client lists and calls what its key is good for."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from ai_worker.api.settings import ApiSettings
from ai_worker.skills.tool import Asker, Tool, ToolRefused, ToolResult
from tests.api.world import World, open_world
from tests.conversation.conftest import REFUND, Everything


@asynccontextmanager
async def agent(world: World, key: str) -> AsyncIterator[Client]:
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http,
        Client(streamable_http_client(f"{world.url}/mcp", http_client=http)) as client,
    ):
        yield client


def said(result: Any) -> str:
    (content,) = result.content
    return str(content.text)


class Erp:
    """One order, one tool that reads it and one that cancels it."""

    def __init__(self) -> None:
        self.askers: list[Asker | None] = []

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take any arguments."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        schema = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
        return [
            Tool("erp.get_order", "erp", "Look an order up", schema),
            Tool("erp.cancel_order", "erp", "Cancel an order", schema, "write-irreversible"),
            Tool("crm.get_lead", "crm", "Look a lead up", schema),
        ]

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        self.askers.append(asker)
        if arguments["order_id"] != "ORD12345":
            raise ToolRefused("erp.get_order: no such order")
        return ToolResult({"id": "ORD12345", "status": "已发货"}, "ERP")


@pytest.fixture
async def erp() -> Erp:
    return Erp()


@pytest.fixture
async def door(tmp_path: Path, erp: Erp) -> AsyncIterator[World]:
    settings = ApiSettings(mcp_tools=("erp.*",))
    shelf = Everything([(REFUND, 0.8)])
    async with open_world(tmp_path, settings=settings, retriever=shelf, toolbox=erp) as opened:
        yield opened


async def test_the_official_client_lists_what_a_key_is_good_for(door: World) -> None:
    async with agent(door, door.key) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["ask", "search_knowledge"]
    assert tools[0].input_schema["required"] == ["question"]
    async with agent(door, await door.another_key("agent", "chat", "tools")) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["ask", "search_knowledge", "erp.get_order"], "what acts, and what is not offered, is not there"
    async with agent(door, await door.another_key("agent", "tools")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["erp.get_order"]


async def test_a_question_is_answered_and_a_conversation_goes_on(door: World) -> None:
    async with agent(door, door.key) as client:
        first = json.loads(said(await client.call_tool("ask", {"question": "你好", "conversation_id": "c-1"})))
        person = json.loads(said(await client.call_tool("ask", {"question": "人工", "conversation_id": "c-1"})))
    assert first["decision"] == "answer"
    assert person["decision"] == "handoff"
    assert [given.message.conversation_key for given in door.turns.seen] == ["erp/c-1", "erp/c-1"]


@pytest.mark.parametrize("name", ["c" * 129, "c\x00-1"], ids=["too long", "with a NUL"])
async def test_a_conversation_has_a_name_that_every_store_can_keep(door: World, name: str) -> None:
    async with agent(door, door.key) as client:
        result = await client.call_tool("ask", {"question": "你好", "conversation_id": name})
    assert result.is_error
    assert door.turns.seen == []


async def test_knowledge_is_searched_as_anybody(door: World) -> None:
    async with agent(door, door.key) as client:
        (found,) = json.loads(said(await client.call_tool("search_knowledge", {"query": "退款多久到账"})))
    assert found["text"] == REFUND.text


async def test_a_business_system_is_asked_for_the_keys_owner_and_says_no_in_words(door: World, erp: Erp) -> None:
    async with agent(door, await door.another_key("agent", "chat", "tools")) as client:
        good = await client.call_tool("erp.get_order", {"order_id": "ORD12345"})
        unknown = await client.call_tool("erp.get_order", {"order_id": "ORD99999"})
        acts = await client.call_tool("erp.cancel_order", {"order_id": "ORD12345"})
    assert json.loads(said(good))["status"] == "已发货"
    assert unknown.is_error
    assert "no such order" in said(unknown)
    assert acts.is_error
    assert "no tool called" in said(acts)
    assert [asker.id if asker else "" for asker in erp.askers] == ["agent/agent"] * 2


@pytest.mark.parametrize(
    ("scopes", "tool"),
    [
        (("chat",), "erp.get_order"),  # not this key's
        (("tools",), "ask"),
        (("tools",), "search_knowledge"),
        (("chat", "tools"), "crm.get_lead"),  # not offered
    ],
)
async def test_what_a_key_is_not_shown_it_cannot_call_by_name(
    door: World, erp: Erp, scopes: tuple[str, ...], tool: str
) -> None:
    async with agent(door, await door.another_key("agent", *scopes)) as client:
        result = await client.call_tool(tool, {"order_id": "ORD12345", "question": "你好", "query": "退款"})
    assert result.is_error
    assert "no tool called" in said(result)
    assert erp.askers == []
    assert door.turns.seen == []


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), ("metrics", 403)])
async def test_without_a_good_key_nobody_comes_in(door: World, key: str, status: int) -> None:
    presented = await door.another_key("other", "metrics") if key == "metrics" else key
    async with door.client(presented or "none") as client:
        told = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert told.status_code == status


async def test_what_is_no_protocol_is_refused_and_the_door_stays_open(door: World) -> None:
    async with door.client() as client:
        for content in (b"{", b"[]", b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}'):
            headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
            told = await client.post("/mcp", content=content, headers=headers)
            assert told.status_code < 500
    async with agent(door, door.key) as again:
        assert (await again.list_tools()).tools
