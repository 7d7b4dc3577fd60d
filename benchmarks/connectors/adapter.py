"""Connectors from outside: one JSON line on stdout answers each on stdin.

    python -m benchmarks.connectors.adapter

    {"op": "connect", "spec": FILE, "base_url": URL, "credentials": {SCHEME: {...}}}
        -> {"tools": [{"name", "method", "path", "input_schema"}]} or {"error"}
    {"op": "call", "tool": NAME, "args": {...}} -> {"status": int} or {"error"}

Every request goes to `base_url`; the judge's own network is open. Writes count as approved.
"""

import asyncio
import gzip
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ai_worker.connectors.http.authenticate import ApiKey, Basic, Bearer, Credential
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.openapi.compile import compile_contract
from ai_worker.connectors.operation import Contract, Operation
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.secret import Secret

INSIDE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
PLACES: Mapping[Any, Literal["header", "query", "cookie"]] = {"header": "header", "query": "query", "cookie": "cookie"}


class Judged:
    """One connection at a time."""

    def __init__(self) -> None:
        self._caller: HttpCaller | None = None
        self._operations: dict[str, Operation] = {}

    async def connect(self, contract: Contract, base_url: str, credentials: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Close the connection before, open this one, and return its tools."""
        await self.close()
        profile = Profile(
            base_url, networks=INSIDE, timeout_s=20, per_second=10_000, burst=10_000, attempts=1, failures_to_open=10**6
        )
        given = {name: made for name, entry in credentials.items() if (made := credential(entry)) is not None}
        self._caller = HttpCaller("judged", profile, schemes=contract.schemes, credentials=given, clock=SystemClock())
        await self._caller.start()
        self._operations = {operation.name: operation for operation in contract.operations}
        return [
            {"name": one.name, "method": one.method, "path": one.path, "input_schema": one.input_schema}
            for one in contract.operations
        ]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> int:
        """Call a tool and return the status of the answer."""
        if self._caller is None or tool not in self._operations:
            raise LookupError(f"there is no tool called {tool!r}")
        return (await self._caller.exchange(self._operations[tool], arguments)).status

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._caller is not None:
            await self._caller.close()


def read_contract(file: Path) -> Contract:
    """Return a contract from its file, packed or not."""
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return compile_contract(data, name=file.name, folder=file.parent)


def credential(entry: Any) -> Credential | None:
    """Return a credential as the judge writes it; `None`: of a type that it does not name."""
    match entry:
        case {"type": "apiKey", "value": value}:
            return ApiKey(Secret(str(value)), PLACES.get(entry.get("in"), ""), str(entry.get("name") or ""))
        case {"type": "http", "username": username, "password": password}:
            return Basic(str(username), Secret(str(password)))
        case {"type": "http", "token": token} | {"type": "oauth2" | "openIdConnect", "access_token": token}:
            return Bearer(Secret(str(token)))
    return None


async def answer(judged: Judged, line: bytes) -> dict[str, Any]:
    """Return the answer to one line."""
    try:
        asked: Any = msgspec.json.decode(line)
        match asked:
            case {"op": "connect", "spec": str(spec), "base_url": str(base_url)}:
                contract = await asyncio.to_thread(read_contract, Path(spec))
                credentials = asked.get("credentials")
                given = credentials if isinstance(credentials, dict) else {}
                return {"tools": await judged.connect(contract, base_url, given)}
            case {"op": "call", "tool": str(tool)}:
                arguments = asked.get("args")
                if not isinstance(arguments, dict | None):
                    return {"error": "the arguments are no object"}
                return {"status": await judged.call(tool, arguments or {})}
            case _:
                return {"error": "neither a connect nor a call"}
    except AiWorkerError as error:
        return {"error": f"{error.code}: {error}"}
    except Exception as error:  # noqa: BLE001  (a task boundary: one bad line must not end the others)
        return {"error": f"{type(error).__name__}: {error}"}


async def main() -> None:
    judged = Judged()
    try:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            if line.strip():
                sys.stdout.buffer.write(msgspec.json.encode(await answer(judged, line)) + b"\n")
                sys.stdout.buffer.flush()
    finally:
        await judged.close()


if __name__ == "__main__":
    asyncio.run(main())
