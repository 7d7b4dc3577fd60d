"""A connector folder for a system of models, its contract read from the running system, and a hub on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import KINDS, ConnectorHub, load_connectors, read_settings
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import Asker, ToolResult

Resolve = Callable[[str], str]


def as_it_is(text: str) -> str:
    """Stand in for the settings' resolver: nothing is a reference."""
    return text


async def fetched(file: Path, resolve: Resolve = as_it_is) -> bytes:
    """Return the contract as the running system tells it, and write it beside the settings."""
    settings = read_settings(file, resolve)
    kind = KINDS[settings.kind]
    options = kind.options.model_validate(settings.options, context={"resolve": resolve})
    assert kind.fetch is not None
    content = await kind.fetch(settings, options, Parts(SystemClock()))
    (file.parent / settings.contract).write_bytes(content)
    return content


@asynccontextmanager
async def connected(
    folder: Path, resolve: Resolve = as_it_is, *, parts: Parts | None = None
) -> AsyncIterator[ConnectorHub]:
    """Open all connectors in a folder."""
    hub = load_connectors(folder, resolve=resolve, parts=parts)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


async def call(hub: ConnectorHub, tool: str, asker: Asker | None = None, /, **arguments: Any) -> ToolResult:
    """Call a tool."""
    return await hub.call(tool, arguments, idempotency_key="t-1", asker=asker)
