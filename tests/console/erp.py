"""Business systems for the console's tests: an ERP on loopback, and folders that describe it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

CONTRACT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "华星 ERP", "version": "2.4"},
    "servers": [{"url": "https://erp.huaxing.example/api"}],
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}},
    "paths": {
        "/orders": {
            "get": {
                "operationId": "list_orders",
                "summary": "列出订单",
                "parameters": [
                    {"name": "status", "in": "query", "schema": {"type": "string", "enum": ["PENDING", "SHIPPED"]}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "open", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                ],
            }
        },
        "/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "get_order", "summary": "查询订单"},
            "delete": {"operationId": "delete_order", "summary": "删除订单"},
        },
        "/refunds": {"post": {"operationId": "create_refund", "summary": "发起退款"}},
        "/elsewhere": {"post": {"operationId": "x", "$ref": "elsewhere.yaml"}},
    },
}

SETTINGS = """
kind = "openapi"
enabled = true
name = "{name}"
contract = "openapi.json"
base_url = "{url}"
operations = ["**"]
attempts = 1
[auth]
kind = "header"
secret = "sesame-4711"
"""


class Erp:
    """Answers orders, or fails; and remembers what it was asked."""

    def __init__(self, *, one: bool = False) -> None:
        self.one = one
        self.asked: list[str] = []
        self.down = False
        self.url = ""
        self.arrived, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.arrived.set()
        await self.gate.wait()
        if self.down:
            return web.json_response({"error": "维护中"}, status=500)
        order = {"id": "ORD12345", "key": request.headers.get("X-Api-Key", "")}
        return web.json_response(order if self.one else [order])


@asynccontextmanager
async def erp_running(*, one: bool = False) -> AsyncIterator[Erp]:
    """Yield an ERP on loopback; with `one`, it answers one order instead of a list of them."""
    erp = Erp(one=one)
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


def describe(root: Path, connector_id: str, url: str, *, name: str = "华星 ERP") -> Path:
    """Write a connector into `root/connectors`, and return its file."""
    home = root / "connectors" / connector_id
    home.mkdir(parents=True)
    (home / "openapi.json").write_text(json.dumps(CONTRACT), "utf-8")
    file = home / "connector.toml"
    file.write_text(SETTINGS.format(name=name, url=url), "utf-8")
    return file
