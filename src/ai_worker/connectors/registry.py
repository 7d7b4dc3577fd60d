"""The one list of connector kinds, and the hub that holds the configured ones."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ai_worker.connectors.contract import Connector, ConnectorRefused, ConnectorSettings
from ai_worker.connectors.openapi.connector import build as build_openapi
from ai_worker.skills.tool import Tool, ToolFailed, ToolResult

Build = Callable[[str, ConnectorSettings, Path], Connector]

KINDS: Mapping[str, Build] = {"openapi": build_openapi}

_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class ConnectorHub:
    """All connectors of this installation: the toolbox of its workers."""

    def __init__(self, connectors: Sequence[Connector]) -> None:
        self._connectors = {connector.id: connector for connector in connectors}
        self._tools = {tool.name: tool for connector in connectors for tool in connector.tools()}

    async def start(self) -> None:
        """Open the connection pools; calls nobody."""
        for connector in self._connectors.values():
            await connector.start()

    async def close(self) -> None:
        """Close the connection pools; calls in flight fail."""
        for connector in self._connectors.values():
            await connector.close()

    def ids(self) -> list[str]:
        """Return the connectors' ids."""
        return list(self._connectors)

    def tools(self, connectors: Sequence[str] = ("*",)) -> list[Tool]:
        """Return the tools of the named connectors; `"*"` means all."""
        return [tool for tool in self._tools.values() if "*" in connectors or tool.connector in connectors]

    async def call(self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str) -> ToolResult:
        """Call a tool once.

        Raises:
            ToolFailed: It is unknown, its arguments are wrong, or the system refused or failed.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise ToolFailed(f"no connector has a tool called {name!r}")
        return await self._connectors[tool.connector].call(name, arguments, idempotency_key=idempotency_key)


def load_connectors(folder: Path, *, resolve: Callable[[str], str], more: Sequence[Connector] = ()) -> ConnectorHub:
    """Return the hub of the connectors in `folder`: `<id>/connector.toml` or `<id>.toml`.

    Args:
        folder: Where they are; one that does not exist holds none.
        more: Connectors that no file describes.
        resolve: Turns `env:NAME` and `file:PATH` into what they stand for; raises ValueError.

    Raises:
        ConnectorRefused: A file is broken; it names the file and the reason.
    """
    connectors = {connector.id: connector for connector in more}
    for file in _files(folder):
        connector_id = file.parent.name if file.name == "connector.toml" else file.stem
        if not _ID.fullmatch(connector_id):
            raise ConnectorRefused(file, f"{connector_id!r} is no id: lower case letters, digits, `_` and `-`")
        if connector_id in connectors:
            raise ConnectorRefused(file, f"another connector has the id {connector_id!r}")
        settings = _settings(file, resolve)
        connectors[connector_id] = KINDS[settings.kind](connector_id, settings, file)
    return ConnectorHub(list(connectors.values()))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    alone = (file for file in folder.glob("*.toml") if file.name != "connector.toml")
    return sorted([*folder.glob("*/connector.toml"), *alone])


def _settings(file: Path, resolve: Callable[[str], str]) -> ConnectorSettings:
    try:
        data = tomllib.loads(file.read_text("utf-8-sig"))
        return ConnectorSettings.model_validate(data, context={"resolve": resolve})
    except OSError as error:
        raise ConnectorRefused(file, str(error.strerror)) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        # The settings' resolver says only what a reference points to, not what is wrong with it.
        what = "cannot be read: " if first["type"].startswith("secret_") else ""
        raise ConnectorRefused(file, f"{where}: {what}{first['msg']}") from None
    except ValueError as error:
        raise ConnectorRefused(file, str(error)) from None
