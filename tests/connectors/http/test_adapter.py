"""The adapter that lets anybody judge the connectors from outside."""

import asyncio
import json as plain
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.connectors.http.business import served

ROOT = Path(__file__).parents[3]

CONTRACT = {
    "swagger": "2.0",
    "info": {"title": "仓库", "version": "1"},
    "host": "never-called.example.com",
    "basePath": "/",
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "security": [{"key": []}],
    "paths": {
        "/things/{id}": {
            "get": {
                "operationId": "getThing",
                "parameters": [{"name": "id", "in": "path", "required": True, "type": "string"}],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


async def test_the_adapter_answers_each_line(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("X-Key")))
        return web.json_response({}, status=418)

    spec = tmp_path / "contract.json"
    spec.write_text(plain.dumps(CONTRACT), "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.connectors.adapter", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    async def says(line: object) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(plain.dumps(line).encode() + b"\n")
        return plain.loads(await process.stdout.readline())

    async with served(answer) as port:
        credentials = {"key": {"type": "apiKey", "in": "header", "name": "X-Key", "value": "sesame"}}
        connected = await says(
            {"op": "connect", "spec": str(spec), "base_url": f"http://127.0.0.1:{port}/v1", "credentials": credentials}
        )
        (tool,) = connected["tools"]
        assert (tool["method"], tool["path"]) == ("GET", "/things/{id}")
        assert await says({"op": "call", "tool": tool["name"], "args": {"id": "a b"}}) == {"status": 418}
        assert "required" in (await says({"op": "call", "tool": tool["name"], "args": {}}))["error"]
        assert "error" in await says({"op": "connect", "spec": str(tmp_path / "none.json"), "base_url": "http://x"})
        assert "error" in await says(["nonsense"])
        process.stdin.close()
        assert await process.wait() == 0
    assert asked == [("/v1/things/a b", "sesame")]
