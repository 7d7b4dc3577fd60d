"""A model finds one operation among hundreds, reads about it and calls it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ai_worker.conversation.model import ToolCall
from ai_worker.conversation.steps.operations import DIRECT, looked_up, on_offer, search, unwrapped
from ai_worker.foundation.clock import FixedClock
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import build_model
from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel
from ai_worker.skills.tool import Asker, Tool, ToolResult, Verb
from ai_worker.storage.opening import open_stores
from tests.conversation.conftest import REFUND, Everything, Office, words
from tests.conversation.test_turn_that_acts import Paper

ANY = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
THINGS = ("invoice", "customer", "warehouse", "supplier", "contract", "payment", "leave", "meeting", "asset", "ticket")
DOES = {"get": "read", "list": "list all", "create": "create a new", "delete": "remove one"}


def many() -> list[Tool]:
    """Return forty tools, one of them with a verb."""
    tools = [
        Tool(
            f"erp.{verb}{thing.title()}", "erp", f"{does} {thing}", ANY, "read" if verb in ("get", "list") else "admin"
        )
        for thing in THINGS
        for verb, does in DOES.items()
    ]
    tools.append(Tool("erp.get_order", "erp", "查订单", ANY, verb=Verb("order.status", ("订单",), (), "")))
    tools.append(Tool("oa.leave_balance", "oa", "查询员工剩余年假天数", ANY, title="年假余额"))
    return tools


def test_few_tools_are_told_of_as_they_are() -> None:
    assert len(on_offer(many()[:DIRECT], may_ask=True)) == DIRECT


def test_of_many_tools_the_curated_ones_are_told_of_and_how_to_find_the_rest() -> None:
    assert [tool.name for tool in on_offer(many(), may_ask=True)] == [
        *("erp.get_order", "search_operations", "describe_operation", "call_operation"),
    ]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("delete a supplier", "erp.deleteSupplier"),
        ("list invoices", "erp.listInvoice"),
        ("我还有几天年假", "oa.leave_balance"),
        ("查一下订单", "erp.get_order"),
    ],
)
def test_a_search_finds_by_name_title_and_description(query: str, first: str) -> None:
    assert search({"query": query}, many())[0].name == first


def test_a_search_in_vain_says_so_and_a_broken_one_is_no_error() -> None:
    for arguments in ('{"query": "量子"}', "{", "[]", '{"query": null}'):
        found = looked_up(ToolCall("1", "search_operations", arguments), many())
        assert found is not None
        assert "nothing found" in found


def test_an_operation_is_described_with_its_arguments() -> None:
    found = looked_up(ToolCall("1", "describe_operation", '{"name": "oa.leave_balance"}'), many())
    assert found is not None
    assert json.loads(found)["arguments"] == ANY
    missing = looked_up(ToolCall("1", "describe_operation", '{"name": "oa.none"}'), many())
    assert missing is not None
    assert "no operation" in missing


def test_a_call_through_the_three_is_a_call_of_the_tool_itself() -> None:
    wanted = ToolCall("1", "call_operation", '{"name": "erp.getAsset", "arguments": {"id": "7"}}')
    assert unwrapped(wanted) == ToolCall("1", "erp.getAsset", '{"id": "7"}')
    assert unwrapped(ToolCall("1", "erp.getAsset", "{}")).name == "erp.getAsset"


class System:
    """A business system with many operations."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take any arguments."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        return many()

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        self.called.append(name)
        return ToolResult({"days": 4.5}, "OA")


async def test_a_turn_searches_reads_and_calls_and_a_write_asks_first(tmp_path: Path) -> None:
    def script(asked: Asked) -> Say:
        steps = [
            Call("search_operations", {"query": "年假 余额"}),
            Call("describe_operation", {"name": "oa.leave_balance"}),
            Call("call_operation", {"name": "oa.leave_balance", "arguments": {"id": "u1"}}),
        ]
        made = sum(message["role"] == "tool" for message in asked.messages)
        return Say(calls=(steps[made],)) if made < len(steps) else Say("您还有 4.5 天年假。")

    clock, system = FixedClock(), System()
    async with (
        open_stores("sqlite:///store.db", data_dir=tmp_path, clock=clock) as stores,
        ScriptedModel(script) as server,
    ):
        settings = ModelSettings(base_url=server.base_url, name="scripted", timeout_s=2)
        model = build_model(settings, max_concurrent=2, clock=clock)
        await model.start()
        office = Office(
            shelf=Everything([(REFUND, 0.1)]), erp=system, model=model, approvals=stores.approvals, clock=clock
        )
        try:
            told = await office.say("我还有几天年假", notebook=Paper())
        finally:
            await model.close()
    assert "4.5" in words(told)
    assert system.called == ["oa.leave_balance"]
