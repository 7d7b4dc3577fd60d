"""MCP as a kind of business system: over streamable HTTP, or a program on this machine (stdio).

The contract is the server's own list of tools, fetched once and kept as a file: a server that offers
something else tomorrow has changed its contract, and an administrator looks before it counts.
"""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, model_validator

from ai_worker.connectors.kind import Caller, ConsentGiver, Kind, Options, Parts, Trusts
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge, Operation, Skipped
from ai_worker.connectors.plain import cut
from ai_worker.connectors.risk import risk_of
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.secret import TextField
from ai_worker.skills.tool import Risk, ToolFailed

MAX_BYTES = 8 * 1024 * 1024
MAX_TOOLS = 2_000
MAX_SCHEMA = 64 * 1024
"""Bytes of one tool's schema."""

NAMES = 40
"""Characters of a description that names a tool without a title; a longer one explains."""


class McpOptions(Options):
    """How the server is reached: `base_url` over HTTP, or a command on this machine."""

    command: str = ""
    """A program that speaks MCP on its standard input and output; empty: `base_url` is called."""

    args: tuple[str, ...] = ()
    env: Mapping[str, TextField] = Field(default_factory=dict)
    """What the program finds in its environment; `env:NAME` and `file:PATH` are filled in."""

    @model_validator(mode="after")
    def _a_program_or_none(self) -> "McpOptions":
        if (self.args or self.env) and not self.command:
            raise ValueError("args and env need a command")
        return self


def compile_tools(path: Path, options: McpOptions) -> Contract:
    """Return the contract that a server's list of tools is; touches no network.

    Raises:
        ContractTooLarge: There are more than 2,000 tools, or 8 MB.
        ContractRefused: It is no list of tools.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ContractRefused(f"{path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ContractTooLarge(f"{path.name}: larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise ContractRefused(f"{path.name}: not JSON; `ai-worker connectors refresh ID` fetches it") from None
    tools = document.get("tools") if isinstance(document, Mapping) else None
    if not isinstance(tools, list):
        raise ContractRefused(f"{path.name}: it has no list of tools")
    if len(tools) > MAX_TOOLS:
        raise ContractTooLarge(f"{path.name}: more than {MAX_TOOLS:,} tools")
    made: dict[str, Operation] = {}
    skipped: list[Skipped] = []
    for tool in tools:
        name = tool.get("name") if isinstance(tool, Mapping) else None
        if not isinstance(name, str) or not name:
            skipped.append(Skipped("?", "it has no name"))
        elif (why := _unfit(tool, made)) is not None:
            skipped.append(Skipped(name[:100], why))
        else:
            operation = _operation(name, tool)
            made[operation.name] = operation
    server = document.get("server")
    about = server if isinstance(server, Mapping) else {}
    return Contract(
        kind="mcp",
        title=cut(about.get("name"), 120) or "MCP",
        version=cut(about.get("version"), 60),
        sha256=hashlib.sha256(data).hexdigest(),
        operations=tuple(made.values()),
        skipped=tuple(skipped),
    )


def _unfit(tool: Mapping[str, Any], made: Mapping[str, Operation]) -> str | None:
    schema = tool.get("inputSchema")
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        return "its arguments are not an object"
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA:
        return f"the schema of its arguments is larger than {MAX_SCHEMA // 1024} kB"
    if _plain(str(tool["name"])) in made:
        return "another tool has this name"
    return None


def _operation(name: str, tool: Mapping[str, Any]) -> Operation:
    hints = tool.get("annotations") if isinstance(tool.get("annotations"), Mapping) else {}
    assert isinstance(hints, Mapping)
    described = cut(tool.get("description"), 600)
    short = described if len(described) <= NAMES else ""
    title = cut(tool.get("title") or hints.get("title"), 120) or short or cut(name.replace("_", " "), 120)
    return Operation(
        name=_plain(name),
        method="GET" if hints.get("readOnlyHint") is True else "POST",
        path=f"/{name}",
        title=title,
        description=described or title,
        input_schema={"type": "object", **tool["inputSchema"]},
        risk=_risk(name, title, hints),
        transport="mcp",
        extra={"tool": name, "idempotent": hints.get("idempotentHint") is True},
    )


def _risk(name: str, title: str, hints: Mapping[str, Any]) -> Risk:
    """Return how dangerous a tool is.

    Hints of a server are not to be trusted (MCP, tool annotations): that a tool only reads counts unless its
    words say otherwise, and what is not said to be harmless counts as destroying, the protocol's default.
    """
    reads = hints.get("readOnlyHint") is True
    by_words = risk_of("GET" if reads else "POST", name=name, path=f"/{name}", title=title)
    if not reads and by_words == "write-reversible" and hints.get("destructiveHint") is not False:
        return "write-irreversible"  # the protocol's default: what is not said to be harmless destroys
    return by_words


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)


def _make(connection: str, settings: ConnectorSettings, options: Any, contract: Contract, parts: Parts) -> Caller:
    from ai_worker.connectors.mcp.caller import McpCaller

    return McpCaller(connection, settings, options, parts=parts)


async def _fetch(settings: ConnectorSettings, options: Any, parts: Parts) -> bytes:
    from ai_worker.connectors.mcp.caller import McpCaller

    caller = McpCaller(parts.connection or "fetch", settings, options, parts=parts)
    try:
        return await caller.tools()
    finally:
        await caller.close()


async def _find_giver(
    connection: str, settings: ConnectorSettings, parts: Parts, trusts: Trusts, anew: bool
) -> ConsentGiver:
    if find_spec("mcp") is None:
        raise ToolFailed("MCP is not installed: pip install 'ai-worker[mcp]'")
    from ai_worker.connectors.mcp.discovery import find_giver

    return await find_giver(connection, settings, parts, trusts=trusts, anew=anew)


KIND = Kind(
    "mcp",
    compile_tools,
    options=McpOptions,
    make_caller=_make,
    fetch=_fetch,
    needs_base_url=False,
    find_giver=_find_giver,
)
