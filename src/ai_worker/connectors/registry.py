"""The one list of connector kinds, and the hub that holds the configured ones."""

import asyncio
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.caldav.kind import KIND as CALDAV
from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import Connector, ConnectorRefused, Preview
from ai_worker.connectors.graphql.kind import KIND as GRAPHQL
from ai_worker.connectors.http.connect import make_caller
from ai_worker.connectors.kind import Caller, Kind, Options, Parts
from ai_worker.connectors.ldap.kind import KIND as LDAP
from ai_worker.connectors.manual.kind import KIND as MANUAL
from ai_worker.connectors.mcp.kind import KIND as MCP
from ai_worker.connectors.odata.kind import KIND as ODATA
from ai_worker.connectors.odoo.kind import KIND as ODOO
from ai_worker.connectors.openapi.kind import KIND as OPENAPI
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.connectors.sql.kind import KIND as SQL
from ai_worker.connectors.tryton.kind import KIND as TRYTON
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.skills.tool import Asker, Called, Tool, ToolFailed, ToolResult

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (OPENAPI, ODATA, GRAPHQL, TRYTON, ODOO, SQL, LDAP, CALDAV, MCP, MANUAL)
}

_ID = re.compile(r"(?!(?:add|catalogue|restore)\Z)[a-z][a-z0-9_-]{0,31}")
"""Three words stand for something else where the console has a connector's id in its addresses."""


class ConnectorHub:
    """All connectors of this installation: the toolbox of its workers."""

    def __init__(
        self,
        connectors: Sequence[Connector],
        *,
        heard: Callable[[Called], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Hold the connectors.

        Args:
            connectors: All of them.
            heard: Is told of every call that was made.
            clock: Times the calls; left out: the machine's.
        """
        self._heard = heard
        self._clock = clock or SystemClock()
        self._busy = Counter[str]()
        self._leaving: dict[str, list[Connector]] = {}
        self._hold(connectors)

    def _hold(self, connectors: Sequence[Connector]) -> None:
        self._connectors = {connector.id: connector for connector in connectors}
        self._tools = {tool.name: tool for connector in connectors for tool in connector.tools()}

    async def start(self) -> None:
        """Open the connection pools; calls nobody."""
        for connector in self._connectors.values():
            await connector.start()

    async def close(self) -> None:
        """Close the connection pools; calls in flight fail."""
        leaving = [connector for those in self._leaving.values() for connector in those]
        for connector in (*self._connectors.values(), *leaving):
            await connector.close()

    async def swap(self, connectors: Sequence[Connector]) -> None:
        """Hold these connectors from now on; those that are not among them any more are closed.

        One that is being called is closed after its last call: nobody loses an answer, and nobody is left
        unsure of an act, because an administrator has changed a file.
        """
        kept = {id(connector) for connector in connectors}
        gone = [connector for connector in self._connectors.values() if id(connector) not in kept]
        had = {id(connector) for connector in self._connectors.values()}
        for connector in connectors:
            if id(connector) not in had:
                await connector.start()
        self._hold(connectors)
        for connector in gone:
            if self._busy[connector.id]:
                self._leaving.setdefault(connector.id, []).append(connector)
            else:
                await connector.close()

    def ids(self) -> list[str]:
        """Return the connectors' ids."""
        return list(self._connectors)

    def connectors(self) -> list[Connector]:
        """Return the connectors."""
        return list(self._connectors.values())

    def get(self, connector_id: str) -> Connector | None:
        """Return one connector; `None` if there is none of this id."""
        return self._connectors.get(connector_id)

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        """Return the tools of the named connectors (`"*"` means all) that may be used for `asker`."""
        found = [tool for tool in self._tools.values() if "*" in connectors or tool.connector in connectors]
        if asker is None:
            return found
        of = self._connectors
        return [of[tool.connector].for_asker(tool, asker) for tool in found if of[tool.connector].allows(tool, asker)]

    def minds_departments(self) -> bool:
        """Return whether any of them wants to know the asker's department."""
        return any(connector.minds_departments() for connector in self._connectors.values())

    def preview(self, name: str, arguments: Mapping[str, Any]) -> Preview:
        """Return the request that a call would send; sends nothing.

        Raises:
            ToolFailed: It is unknown, or its arguments are wrong.
        """
        return self._of(name).preview(name, arguments)

    def shown(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `preview` as JSON has it."""
        return asdict(self.preview(name, arguments))

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Raise if a tool could not be called so; nothing is sent.

        Raises:
            ToolFailed: It is unknown, its arguments are wrong, or it is not for `asker`.
        """
        self._of(name).fits(name, arguments, asker=asker)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str,
        asker: Asker | None = None,
        by: str = "",
    ) -> ToolResult:
        """Call a tool once, for `asker`; `None`: for an administrator, who is called `by` in the history.

        Raises:
            ToolFailed: It is unknown, its arguments are wrong, or the system refused or failed.
        """
        connector, began = self._of(name), self._clock.monotonic()
        code = "ok"
        self._busy[connector.id] += 1
        try:
            return await connector.call(name, arguments, idempotency_key=idempotency_key, asker=asker)
        except ToolFailed as failed:
            code = failed.code
            raise
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            if self._heard is not None:
                ms = (self._clock.monotonic() - began) * 1000
                who, turn_id = (by, "") if asker is None else (f"{asker.channel}/{asker.id}", asker.turn_id)
                self._heard(Called(connector.id, name, code, round(ms, 1), self._clock.now(), who, turn_id))
            self._busy[connector.id] -= 1
            if not self._busy[connector.id]:
                for left in self._leaving.pop(connector.id, ()):
                    await left.close()

    def _of(self, name: str) -> Connector:
        tool = self._tools.get(name)
        if tool is None:
            raise ToolFailed(f"no connector has a tool called {name!r}")
        return self._connectors[tool.connector]


def load_connectors(
    folder: Path,
    *,
    resolve: Callable[[str], str],
    more: Sequence[Connector] = (),
    parts: Parts | None = None,
    heard: Callable[[Called], None] | None = None,
) -> ConnectorHub:
    """Return the hub of the connectors in `folder`: `<id>/connector.toml` or `<id>.toml`.

    Args:
        folder: Where they are; one that does not exist holds none.
        more: Connectors that no file describes.
        resolve: Turns `env:NAME` and `file:PATH` into what they stand for; raises ValueError.
        parts: What connections are made of besides; left out: the machine's clock and resolver.
        heard: Is told of every call that was made.

    Raises:
        ConnectorRefused: A file is broken; it names the file and the reason.
    """
    parts = parts or Parts(SystemClock())
    connectors: dict[str, Connector] = {connector.id: connector for connector in more}
    for file in connector_files(folder):
        connector_id = id_of(file)
        if connector_id in connectors:
            raise ConnectorRefused(file, f"another connector has the id {connector_id!r}")
        if (connector := load_connector(file, resolve=resolve, parts=parts)) is not None:
            connectors[connector_id] = connector
    return ConnectorHub(list(connectors.values()), heard=heard, clock=parts.clock)


def load_connector(file: Path, *, resolve: Callable[[str], str], parts: Parts) -> Connection | None:
    """Return the connection that a `connector.toml` describes; `None`: it is switched off. Touches no network.

    Raises:
        ConnectorRefused: The file or its contract cannot be used.
    """
    described = describe(file, resolve)
    return connect(described, parts) if described.settings.enabled else None


@dataclass(frozen=True, slots=True)
class Described:
    """What a `connector.toml` says, before its contract is looked at."""

    id: str
    file: Path
    kind: Kind
    settings: ConnectorSettings
    options: Options

    @property
    def contract(self) -> Path:
        """Where its contract lies; of a kind that needs none, its folder."""
        return self.file.parent / self.settings.contract


def describe(file: Path, resolve: Callable[[str], str]) -> Described:
    """Return what a `connector.toml` says, also of one that is switched off.

    Raises:
        ConnectorRefused: It cannot be read, or says what nobody understands.
    """
    connector_id = id_of(file)
    settings = read_settings(file, resolve)
    kind = KINDS[settings.kind]
    try:
        options = kind.options.model_validate(settings.options, context={"resolve": resolve})
    except ValidationError as error:
        raise ConnectorRefused(file, _first_of(error, "options")) from None
    return Described(connector_id, file, kind, settings, options)


def connect(described: Described, parts: Parts) -> Connection:
    """Return the connection that was described. Touches no network.

    Raises:
        ConnectorRefused: Its contract cannot be used, or does not have what the settings name.
    """
    connector_id, settings, options = described.id, described.settings, described.options
    kind = described.kind
    try:
        contract = kind.compile(described.contract, options)
        if kind.make_caller is None:
            caller: Caller = make_caller(connector_id, settings, contract, parts)
        else:
            caller = kind.make_caller(connector_id, settings, options, contract, parts)
        return Connection(connector_id, settings, contract, caller, check=kind.check)
    except (ContractRefused, ContractTooLarge, ValueError) as error:
        raise ConnectorRefused(described.file, str(error)) from None


def id_of(file: Path) -> str:
    """Return the id of the connector that a file describes.

    Raises:
        ConnectorRefused: It is no id.
    """
    connector_id = file.parent.name if file.name == "connector.toml" else file.stem
    if not is_id(connector_id):
        raise ConnectorRefused(file, no_id(connector_id))
    return connector_id


def is_id(text: str) -> bool:
    """Return whether a connector may be called so."""
    return _ID.fullmatch(text) is not None


def no_id(text: str) -> str:
    """Return why a connector may not be called so."""
    return f"{text!r} is no id: lower case letters, digits, `_` and `-`, at most 32; not add, catalogue or restore"


def connector_files(folder: Path) -> list[Path]:
    """Return the files that describe connectors."""
    if not folder.is_dir():
        return []
    alone = (file for file in folder.glob("*.toml") if file.name != "connector.toml")
    return sorted([*folder.glob("*/connector.toml"), *alone])


def read_settings(file: Path, resolve: Callable[[str], str]) -> ConnectorSettings:
    """Return what a `connector.toml` says.

    Raises:
        ConnectorRefused: It cannot be read, or says what nobody understands.
    """
    try:
        data = tomllib.loads(file.read_text("utf-8-sig"))
        settings = ConnectorSettings.model_validate(data, context={"resolve": resolve})
    except OSError as error:
        raise ConnectorRefused(file, str(error.strerror)) from None
    except ValidationError as error:
        raise ConnectorRefused(file, _first_of(error)) from None
    except ValueError as error:
        raise ConnectorRefused(file, str(error)) from None
    kind = KINDS.get(settings.kind)
    if kind is None:
        raise ConnectorRefused(file, f"kind: {settings.kind!r} is none of {', '.join(KINDS)}")
    named = {f"auths.{name}": auth for name, auth in settings.auths.items()}
    if kind.find_giver is None:
        named["auth"] = settings.auth
    for where, auth in named.items():
        if isinstance(auth, CodeAuth) and auth.found_out:
            raise ConnectorRefused(file, f"{where}.token_url: Field required")
    if kind.needs_base_url and not settings.base_url:
        raise ConnectorRefused(file, "base_url: Field required")
    if kind.needs_contract and not settings.contract:
        raise ConnectorRefused(file, "contract: Field required")
    return settings


def _first_of(error: ValidationError, *before: str) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, (*before, *first["loc"]))) or "the file"
    # The settings' resolver says only what a reference points to, not what is wrong with it.
    what = "cannot be read: " if first["type"].startswith("secret_") else ""
    return f"{where}: {what}{first['msg']}"
