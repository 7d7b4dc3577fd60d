"""A business system on loopback that misbehaves on request, and a connector folder that leads to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from ai_worker.connectors.registry import ConnectorHub, load_connectors

KEY = "sesame-4711"

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "仓库", "version": "1"},
    "paths": {
        "/things/{name}": {
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "get_thing",
                "parameters": [
                    {"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 9}},
                    {"name": "colour", "in": "query", "schema": {"type": "string", "enum": ["红", "绿"]}},
                    {"name": "code", "in": "query", "schema": {"type": "string", "pattern": "^\\d{3}$"}},
                    {"name": "exact", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                ],
            },
            "delete": {"operationId": "delete_thing"},
        },
        "/by-tag": {
            "get": {
                "operationId": "by_tag",
                "parameters": [{"name": "tags", "in": "query", "required": True, "schema": {"type": "array"}}],
            }
        },
    },
}

CONNECTOR = """
name = "仓库"
contract = "openapi.json"
base_url = "{base}/api"
operations = ["get_thing"]
timeout_s = {timeout}
[auth]
kind = "{auth}"
secret = "env:KEY"
"""

Answer = Callable[[web.Request], Any]


class System:
    """Answers with whatever was asked for, and remembers what arrived."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b'{"ok": true}'
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.asked: list[web.Request] = []
        self.base = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.asked.append(request)
        await asyncio.sleep(self.delay)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


def resolve(text: str) -> str:
    """Stand in for the settings' resolver."""
    if text.startswith("env:") and text != "env:KEY":
        raise ValueError(f"{text} is not set")
    return KEY if text == "env:KEY" else text


def write(folder: Path, settings: str, document: object = DOCUMENT) -> Path:
    """Write a connector called `store`; return the folder of all connectors."""
    home = folder / "connectors" / "store"
    home.mkdir(parents=True)
    (home / "connector.toml").write_text(settings, "utf-8")
    (home / "openapi.json").write_text(json.dumps(document), "utf-8")
    return folder / "connectors"


@asynccontextmanager
async def connected(
    folder: Path, *, timeout_s: float = 15, auth: str = "header"
) -> AsyncIterator[tuple[System, ConnectorHub]]:
    """Start a system and a hub whose only connector, `store`, leads to it."""
    system = System()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", system.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    system.base = f"http://{host}:{port}"
    settings = CONNECTOR.format(base=system.base, timeout=timeout_s, auth=auth)
    hub = load_connectors(write(folder, settings), resolve=resolve)
    await hub.start()
    try:
        yield system, hub
    finally:
        await hub.close()
        await runner.cleanup()
