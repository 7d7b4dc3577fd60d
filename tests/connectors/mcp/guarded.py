"""Peers of our MCP client over HTTP: a server of the official SDK behind doors that misbehave on demand."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult, ListToolsResult, TextContent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.connectors.mcp.example import TOOLS


class Door:
    """Stands before the server and counts who comes."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.hosts: list[str] = []
        self.good = ""
        """The one `Authorization` that is let in; empty: everybody is."""

        self.elsewhere = ""
        """Where everybody is sent instead of being answered."""

        self.tokens: list[dict[str, str]] = []
        """What was sent to the giver of tokens."""

        self.says = "已发货"
        self.refuses = False
        self.port = 0

    async def list_tools(self, _context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=TOOLS)

    async def call_tool(self, _context: Any, params: Any) -> CallToolResult:
        if params.name == "hang":
            raise RuntimeError("a defect")
        return CallToolResult(content=[TextContent(type="text", text=self.says)], is_error=self.refuses)


@asynccontextmanager
async def guarded() -> AsyncIterator[Door]:
    """Run the server on loopback; yield its door."""
    import asyncio

    door = Door()
    server: Server[Any] = Server("shop", on_list_tools=door.list_tools, on_call_tool=door.call_tool)
    inner = server.streamable_http_app(host="0.0.0.0")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        request = Request(scope, receive)
        door.paths.append(request.url.path)
        door.hosts.append(request.headers.get("host", ""))
        answer: Response | None = None
        if request.url.path == "/token":
            door.tokens.append({key: str(value) for key, value in (await request.form()).items()})
            number = len(door.tokens)
            door.good = f"Bearer access-{number}-token"
            answer = JSONResponse(
                {"access_token": f"access-{number}-token", "refresh_token": f"refresh-{number}", "expires_in": 3600}
            )
        elif door.elsewhere:
            answer = Response(status_code=307, headers={"Location": door.elsewhere})
        elif door.good and request.headers.get("authorization") != door.good:
            answer = Response(status_code=401)
        await (answer or inner)(scope, receive, send)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        door.port = listening.getsockname()[1]
        running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(running.serve([listening]))
        try:
            while not running.started:
                await asyncio.sleep(0.01)
            yield door
        finally:
            running.should_exit = True
            await task
