"""The adapter that lets anybody judge the connectors from outside."""

import asyncio
import json as plain
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from benchmarks.connectors.adapter import Judged, answer, credential

from ai_worker.connectors.http.authenticate import ApiKey, Basic, Bearer
from ai_worker.foundation.secret import Secret
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

    async def serve(request: web.Request) -> web.Response:
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

    async with served(serve) as port:
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


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"type": "apiKey", "value": "k"}, ApiKey(Secret("k"))),
        ({"type": "apiKey", "in": "cookie", "name": "sid", "value": 4711}, ApiKey(Secret("4711"), "cookie", "sid")),
        ({"type": "apiKey", "in": "nowhere", "name": None, "value": "k"}, ApiKey(Secret("k"))),
        ({"type": "http", "scheme": "Basic", "username": "王芳", "password": ""}, Basic("王芳", Secret(""))),
        ({"type": "http", "scheme": "Bearer", "token": "t"}, Bearer(Secret("t"))),
        ({"type": "oauth2", "access_token": "t"}, Bearer(Secret("t"))),
        ({"type": "openIdConnect", "access_token": "t"}, Bearer(Secret("t"))),
        ({"type": "mutualTLS"}, None),
        ({"type": "apiKey"}, None),
        (None, None),
        (["apiKey"], None),
    ],
    ids=str,
)
def test_credentials_are_read_as_they_come(entry: object, expected: object) -> None:
    made = credential(entry)

    assert type(made) is type(expected)
    if made is not None:
        assert {name: getattr(made, name) for name in made.__slots__ if name not in ("value", "password", "token")} == {
            name: getattr(expected, name) for name in made.__slots__ if name not in ("value", "password", "token")
        }


@pytest.mark.parametrize(
    "line",
    [b"not json", b"{}", b"[]", b'"x"', b"\xff", b'{"op":"connect"}', b'{"op":"connect","spec":5,"base_url":7}',
     b'{"op":"call"}', b'{"op":"call","tool":"a","args":[1]}', b'{"op":"call","tool":"a"}'],
    ids=str,
)  # fmt: skip
async def test_a_line_that_means_nothing_is_answered_with_an_error(line: bytes) -> None:
    assert [*await answer(Judged(), line)] == ["error"]


async def test_a_credential_with_a_line_end_never_leaves(tmp_path: Path) -> None:
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    spec = tmp_path / "contract.json"
    spec.write_text(plain.dumps(CONTRACT), "utf-8")
    judged = Judged()
    async with served(serve) as port:
        credentials = {"key": {"type": "apiKey", "value": "sesame\r\nX-Evil: 1"}, "list": [1], "none": None}
        line = {"op": "connect", "spec": str(spec), "base_url": f"http://127.0.0.1:{port}", "credentials": credentials}
        (tool,) = (await answer(judged, plain.dumps(line).encode()))["tools"]
        told = await answer(judged, plain.dumps({"op": "call", "tool": tool["name"], "args": {"id": "1"}}).encode())
        await judged.close()

    assert told["error"].startswith("tool.failed")
    assert asked == []
