"""GraphQL over real sockets, against graphql-core executing a schema; and schemas that mean no good."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.graphql.compile import compile_schema
from ai_worker.connectors.graphql.kind import KIND
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract, ContractRefused
from ai_worker.connectors.registry import load_connector, read_settings
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure
from tests.connectors.graphql.server import SDL, Shop, served

CONNECTOR = """kind = "graphql"
name = "商城"
base_url = "{base}"
contract = "schema.json"
operations = ["**"]
{more}"""


@asynccontextmanager
async def connected(folder: Path, more: str = "") -> AsyncIterator[tuple[Shop, Connection]]:
    """Fetch the schema by introspection, compile it, and connect."""
    async with served() as (root, base):
        file = folder / "shop.toml"
        file.write_text(CONNECTOR.format(base=base, more=more), "utf-8")
        parts = Parts(SystemClock())
        assert KIND.fetch is not None
        (folder / "schema.json").write_bytes(await KIND.fetch(read_settings(file, str), KIND.options(), parts))
        connection = load_connector(file, resolve=str, parts=parts)
        assert connection is not None
        await connection.start()
        try:
            yield root, connection
        finally:
            await connection.close()


async def call(connection: Connection, name: str, arguments: dict[str, Any]) -> Any:
    return (await connection.call(f"shop.{name}", arguments, idempotency_key="k")).data


def compiled(text: str, **selections: str) -> Contract:
    return compile_schema(text.encode(), path="/graphql", selections=selections)


async def test_a_query_brings_single_fields_to_the_second_level(tmp_path: Path) -> None:
    async with connected(tmp_path) as (_, connection):
        assert await call(connection, "order", {"id": "O1"}) == {
            "id": "O1",
            "state": "OPEN",
            "total": 12.5,
            "placed": "2026-11-22T10:00:00Z",
            "broken": None,
            "customer": {"id": "C1", "name": "华星"},
            "lines": [{"product": "键盘", "count": 2}],
        }
        assert await call(connection, "order", {"id": "O2"}) is None


async def test_a_connection_is_asked_for_a_number_of_items_and_seen_through(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        found = await call(connection, "orders", {"state": "OPEN"})
        assert root.asked[0]["variables"] == {"first": 20, "state": "OPEN"}
        assert found["edges"][0]["node"]["customer"] == {"id": "C1", "name": "华星"}
        assert found["pageInfo"] == {"hasNextPage": True, "endCursor": "abc"}


async def test_a_union_brings_each_kind_by_its_own_fields(tmp_path: Path) -> None:
    async with connected(tmp_path) as (_, connection):
        order, customer = await call(connection, "find", {"text": "张三"})
        assert (order["__typename"], order["id"]) == ("Order", "O1")
        assert customer == {"__typename": "Customer", "id": "C1", "name": "张三", "boss": None}


async def test_an_administrator_chooses_the_fields(tmp_path: Path) -> None:
    more = '[options]\nselections = { order = "lines { product }" }\n'
    async with connected(tmp_path, more) as (_, connection):
        assert await call(connection, "order", {"id": "O1"}) == {"lines": [{"product": "键盘"}]}


async def test_errors_in_an_answer_of_200_are_refusals(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        with pytest.raises(ToolRefused, match="没有这个订单"):
            await call(connection, "changeAddress", {"id": "O9", "address": "新址"})
        with pytest.raises(ToolRefused, match="订单没有明细"):
            await call(connection, "createOrder", {"input": {"customer": "C1", "lines": []}})
        with pytest.raises(ToolFailed, match="log in first") as failed:
            await call(connection, "forbidden", {})
        assert not isinstance(failed.value, ToolRefused)
        assert root.changed == []


async def test_a_mutation_that_was_done_is_no_refusal_because_a_field_is_missing(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        changed = await call(connection, "changeAddress", {"id": "O1", "address": "新址"})
        assert (changed["id"], changed["broken"]) == ("O1", None)
        assert root.changed == [("O1", "新址")]


async def test_a_mutation_whose_answer_was_lost_is_unsure(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        with pytest.raises(ToolUnsure, match="stock service"):
            await call(connection, "ship", {"id": "O1"})
        assert root.shipped == ["O1"]


async def test_arguments_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        for name, arguments in (
            ("order", {}),
            ("orders", {"state": "LOST"}),
            ("createOrder", {"input": {"customer": "C1", "lines": [{"product": "键盘"}]}}),
        ):
            with pytest.raises(ToolFailed):
                await call(connection, name, arguments)
        assert root.asked == []


async def test_a_system_that_does_not_describe_itself_is_said(tmp_path: Path) -> None:
    async with served() as (root, base):
        root.introspects = False
        file = tmp_path / "shop.toml"
        file.write_text(CONNECTOR.format(base=base, more=""), "utf-8")
        assert KIND.fetch is not None
        with pytest.raises(ContractRefused, match="introspection"):
            await KIND.fetch(read_settings(file, str), KIND.options(), Parts(SystemClock()))


def test_queries_read_and_mutations_act() -> None:
    contract = compiled(SDL)
    assert {one.name: one.risk for one in contract.operations} == {
        "order": "read",
        "orders": "read",
        "find": "read",
        "forbidden": "read",
        "changeAddress": "write-reversible",
        "createOrder": "write-reversible",
        "ship": "write-reversible",
    }
    assert contract.operations[0].title == "按编号查订单"


def test_types_that_turn_in_circles_end(tmp_path: Path) -> None:
    contract = compiled(SDL)
    made = next(one for one in contract.operations if one.name == "createOrder")
    assert len(json.dumps(made.input_schema)) < 2_500
    circle = "type Query { a: A } type A { a: A nodes: [A!]! edges: [A!]! }"
    [operation] = compiled(circle).operations
    assert operation.extra["graphql"]["document"] == "query a { a { __typename } }"


def test_a_schema_of_many_fields_asks_for_a_bounded_number() -> None:
    fields = " ".join(f"f{number}: String" for number in range(5_000))
    inputs = " ".join(f"i{number}: String" for number in range(5_000))
    text = f"type Query {{ a(x: X): A }} type A {{ {fields} }} input X {{ {inputs} }}"
    [operation] = compiled(text).operations
    assert operation.extra["graphql"]["document"].count(" f") == 60
    assert len(json.dumps(operation.input_schema)) <= 2_500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"data": {"other": 1}}', "__schema"),
        ('{"__schema": {"types": 7}}', "no GraphQL schema"),
        ("type Query { a: " + "[" * 5_000 + "Int" + "]" * 5_000 + " }", "too deep"),
        ("<html>", "no GraphQL schema"),
        ("type Other { a: Int }", "neither"),
    ],
)
def test_what_is_no_schema_is_refused(text: str, words: str) -> None:
    with pytest.raises(ContractRefused, match=words):
        compiled(text)


def test_a_selection_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ContractRefused, match="nonsense"):
        compiled(SDL, order="nonsense")
    with pytest.raises(ContractRefused, match="no query or mutation 'gone'"):
        compiled(SDL, gone="id")
    with pytest.raises(ContractRefused):
        compiled(SDL, order="id } } mutation x { ship(id: 1) { id")


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphql", None)
    with pytest.raises(ContractRefused, match=r"ai-worker\[graphql\]"):
        compiled(SDL)


async def test_a_dry_run_shows_the_document_and_its_variables(tmp_path: Path) -> None:
    async with connected(tmp_path) as (root, connection):
        shown = connection.preview("shop.order", {"id": "O1"})
        assert (shown.method, shown.address.endswith("/graphql")) == ("POST", True)
        assert json.loads(shown.body)["variables"] == {"id": "O1"}
        assert root.asked == []
