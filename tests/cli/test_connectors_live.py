"""`ai-worker connectors` on a business system: adding it, looking at it, calling it, changing it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.cli.calling import Called, call
from tests.cli.terminal import Terminal

CONTRACT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "华星 ERP", "version": "1"},
    "servers": [{"url": "https://erp.example.com"}],
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}},
    "paths": {
        "/orders": {"get": {"operationId": "list_orders", "summary": "列出订单"}},
        "/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "get_order", "summary": "查询订单"},
            "delete": {"operationId": "delete_order", "summary": "删除订单"},
        },
    },
}

KEY = "sesame-4711"

Run = Callable[..., Awaitable[Called]]


class Erp:
    """A small ERP on loopback, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if request.headers.get("X-Api-Key") != KEY:
            return web.json_response({"error": "key"}, status=401)
        if self.down:
            return web.json_response({"error": "维护中"}, status=500)
        if request.path.endswith("ORD404"):
            return web.json_response({"error": "没有这个订单"}, status=404)
        return web.json_response([{"id": "ORD12345"}] if request.path == "/orders" else {"id": "ORD12345"})


@asynccontextmanager
async def served() -> AsyncIterator[Erp]:
    erp = Erp()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", erp.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        erp.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield erp
    finally:
        await runner.cleanup()


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with served() as running:
        yield running


@pytest.fixture
def run(site: Path) -> Run:
    """`ai-worker connectors WORDS`, while the ERP goes on answering."""
    (site / "erp.json").write_text(json.dumps(CONTRACT), "utf-8")

    async def run(*words: str, **environ: str) -> Called:
        return await asyncio.to_thread(call, site, "connectors", *words, ERP_KEY=KEY, **environ)

    return run


async def added(run: Run, erp: Erp, *more: str) -> Called:
    auth = ("--auth", "header", "--auth", "header=X-Api-Key", "--auth", "secret=env:ERP_KEY")
    words = ("add", "erp", "--contract", "erp.json", "--base-url", erp.url, *auth, "--operations", "**")
    return await run(*words, *more, "--json")


async def test_a_system_is_added_tried_and_called(run: Run, erp: Erp, site: Path) -> None:
    done = await added(run, erp)

    assert (done.code, done.json["tools"], done.json["writes"]) == (0, 3, 1), done.err
    text = (site / "connectors" / "erp" / "connector.toml").read_text("utf-8")
    assert 'secret = "env:ERP_KEY"' in text
    assert KEY not in text
    assert "# 系统的地址" in text
    tested = await run("test", "erp", "--json")
    assert (tested.code, tested.json["ok"], tested.json["detail"]) == (0, True, "GET /orders: 1 items")
    found = await run("call", "erp.get_order", "id=ORD12345", "--json")
    assert (found.code, found.json["data"]) == (0, {"id": "ORD12345"})
    (listed,) = (await run("list", "--json")).json["connectors"]
    assert {key: listed[key] for key in ("id", "name", "kind", "tools", "writes", "state", "calls_24h")} == {
        "id": "erp",
        "name": "华星 ERP",
        "kind": "openapi",
        "tools": 3,
        "writes": 1,
        "state": "ready",
        "calls_24h": 1,
    }
    (made,) = (await run("history", "erp", "--json")).json["calls"]
    assert (made["code"], made["asker"].partition("/")[0], made["turn_id"]) == ("ok", "cli", "")
    assert made["asker"] != "cli/"
    told = (await run("show", "erp")).out
    assert "删除订单" in told
    assert "不可撤销的写" in told


async def test_adding_says_why_no_conversation_can_use_the_system_yet(run: Run, erp: Erp) -> None:
    words = ("--contract", "erp.json", "--base-url", erp.url, "--operations", "*")

    assert "[[verbs]]" in (await run("add", "erp", *words)).err
    assert "[options.queries]" in (await run("add", "db", "--kind", "sql", "--option", "url=sqlite:////tmp/none")).err


async def test_the_history_of_what_is_not_there_is_refused(run: Run, erp: Erp) -> None:
    await added(run, erp)

    assert (await run("history", "erp")).code == 0
    assert "connector.unknown" in (await run("history", "crm")).err


async def test_a_write_is_shown_first_and_sent_only_when_somebody_says_yes(run: Run, erp: Erp) -> None:
    await added(run, erp)

    shown = await run("call", "erp.delete_order", "id=ORD1", "--dry-run")
    assert (shown.code, shown.out.splitlines()[0]) == (0, f"DELETE {erp.url}/orders/ORD1")
    unasked = await run("call", "erp.delete_order", "id=ORD1")
    assert unasked.code == 2
    assert "connectors.write_unconfirmed" in unasked.err
    assert erp.asked == []

    assert (await run("call", "erp.delete_order", "--args", '{"id": "ORD1"}', "--yes")).code == 0
    assert erp.asked == ["DELETE /orders/ORD1"]


async def test_the_exit_code_says_who_has_to_act(run: Run, erp: Erp) -> None:
    await added(run, erp)

    codes = {
        "no such order": await run("call", "erp.get_order", "id=ORD404"),
        "wrong arguments": await run("call", "erp.get_order", "nummer=1"),
        "no such tool": await run("call", "erp.fly"),
        "unreadable": await run("call", "erp.get_order", "--args", "{"),
    }
    assert {name: called.code for name, called in codes.items()} == {
        "no such order": 4,
        "wrong arguments": 2,
        "no such tool": 1,
        "unreadable": 2,
    }
    erp.down = True
    assert (await run("call", "erp.get_order", "id=ORD12345")).code == 3
    down = await run("test", "erp", "--json")
    assert (down.code, down.json["ok"]) == (3, False)
    assert (await run("test", "erp")).err.startswith("✗ 业务系统拒绝了、失败了，或没有回答。")
    (listed,) = (await run("list", "--json")).json["connectors"]
    assert listed["state"] == "down"
    assert listed["check"]["fix"]


async def test_nothing_is_written_that_does_not_load_and_no_secret_is_taken_in_the_open(
    run: Run, erp: Erp, site: Path
) -> None:
    open_secret = await run("add", "erp", "--contract", "erp.json", "--auth", "bearer", "--auth", "secret=abc")
    assert (open_secret.code, "secret_in_the_open" in open_secret.err) == (2, True)
    no_address = await run("add", "erp", "--contract", "erp.json")
    assert (no_address.code, "connectors.add_incomplete" in no_address.err) == (2, True)
    unknown = await run("add", "erp", "--contract", "erp.json", "--base-url", erp.url, "--operations", "fly")
    assert (unknown.code, "connector.bad" in unknown.err) == (4, True)
    assert not (site / "connectors" / "erp").exists()

    await added(run, erp)
    again = await added(run, erp)
    assert (again.code, "connector.exists" in again.err) == (1, True)
    assert [one.name for one in (site / "connectors").iterdir()] == ["erp"]


async def test_a_new_contract_is_compared_before_it_is_put_in_place(run: Run, erp: Erp, site: Path) -> None:
    await added(run, erp)
    paths = CONTRACT["paths"]
    orders = {**paths["/orders"]["get"], "summary": "所有订单"}
    newer = {"/orders": {"get": orders}, "/stock": {"get": {"operationId": "list_stock"}}}
    (site / "newer.json").write_text(json.dumps({**CONTRACT, "paths": newer}), "utf-8")
    changes = {
        "same": False,
        "added": ["list_stock"],
        "removed": ["get_order", "delete_order"],
        "changed": ["list_orders"],
    }

    unasked = await run("refresh", "erp", "--contract", "newer.json", "--json")
    assert (unasked.code, "refresh_unconfirmed" in unasked.err) == (2, True)
    looked = await run("refresh", "erp", "--contract", "newer.json", "--dry-run", "--json")
    assert looked.json["written"] is False
    assert {key: looked.json[key] for key in changes} == changes
    assert (await run("refresh", "erp", "--contract", "newer.json", "--yes")).code == 0

    assert (await run("refresh", "erp", "--contract", "newer.json", "--json")).json["same"] is True
    unfetched = await run("refresh", "erp")
    assert (unfetched.code, "nothing_to_fetch" in unfetched.err) == (2, True)


async def test_what_is_switched_off_or_removed_can_be_had_again(run: Run, erp: Erp, site: Path) -> None:
    await added(run, erp)
    file = site / "connectors" / "erp" / "connector.toml"
    former = file.read_text("utf-8")

    assert (await run("disable", "erp")).code == 0
    assert (await run("list", "--json")).json["connectors"][0]["state"] == "off"
    assert (await run("enable", "erp")).code == 0
    assert file.read_text("utf-8") == former

    assert (await run("remove", "erp")).code == 0
    assert (await run("list", "--json")).json == {"connectors": []}
    assert (await run("test", "erp")).code == 1
    assert (await run("restore", "erp")).code == 0
    assert file.read_text("utf-8") == former
    assert (await run("restore", "erp")).code == 1


async def test_at_a_terminal_it_asks_and_what_is_typed_as_a_secret_goes_into_a_file(
    run: Run, erp: Erp, site: Path
) -> None:
    def typed() -> int:
        with Terminal(site, "connectors", "add", "erp", "--contract", "erp.json") as terminal:
            terminal.until("给人看的名称")
            terminal.type("")
            terminal.until("系统的地址")
            terminal.type(erp.url)
            terminal.until("凭据")
            terminal.type("")
            terminal.until("密钥")
            terminal.type(KEY)
            terminal.until("哪些操作")
            terminal.type("list_orders，get_order")
            code = terminal.end()
            assert KEY not in terminal.seen
            return code

    assert await asyncio.to_thread(typed) == 0
    secret = site / "secrets" / "connector-erp.secret"
    assert secret.read_text("utf-8").strip() == KEY
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (await run("test", "erp")).code == 0
    assert len((await run("tools", "erp", "--json")).json["tools"]) == 2


async def test_a_running_system_is_asked_for_its_contract_where_nobody_brings_one(run: Run, site: Path) -> None:
    with sqlite3.connect(site / "erp.db") as database:
        database.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT)")
    database.close()
    address = f"url=sqlite:///{site}/erp.db"

    added = await run("add", "stock", "--kind", "sql", "--option", address, "--option", "query=true", "--json")

    assert (added.code, added.json["tools"]) == (0, 2)
    assert (site / "connectors/stock/tables.json").is_file()
    gone = await run("add", "erp", "--kind", "tryton", "--base-url", "http://127.0.0.1:9", "--option", "database=erp")
    assert (gone.code, "options.user: Field required" in gone.err) == (2, True)
