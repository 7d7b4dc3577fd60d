"""A business system behind an OpenAPI contract: its reads as tools, called over HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import structlog
from yarl import URL

from ai_worker.connectors.contract import (
    ArgumentsRefused,
    BearerAuth,
    ConnectorRefused,
    ConnectorSettings,
    HeaderAuth,
    NoAuth,
    VerbSettings,
    worded,
)
from ai_worker.connectors.openapi.check import complaint
from ai_worker.connectors.openapi.document import BadDocument, load
from ai_worker.connectors.openapi.operations import Operation, reads
from ai_worker.skills.tool import Tool, ToolFailed, ToolRefused, ToolResult

MAX_ANSWER_BYTES = 1024 * 1024
"""A larger answer is refused: no model and no person reads a megabyte."""

MAX_NAME = 64
"""What the chat API of the models allows as a tool's name."""

log = structlog.get_logger(__name__)


class OpenApiConnector:
    """Calls the allowed reads of one system, on the configured host and no other."""

    def __init__(self, connector_id: str, settings: ConnectorSettings, operations: Mapping[str, Operation]) -> None:
        self.id = connector_id
        self._settings = settings
        self._operations = {f"{connector_id}.{name}": operation for name, operation in operations.items()}
        self._verbs = {f"{connector_id}.{verb.operation}": verb for verb in settings.verbs}
        self._base = URL(settings.base_url, encoded=True)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s, connect=min(5.0, self._settings.timeout_s)),
            headers={"Accept": "application/json", "User-Agent": "ai-worker"},
        )

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def tools(self) -> Sequence[Tool]:
        """Return one tool for each allowed operation."""
        return [
            Tool(
                name=name,
                connector=self.id,
                description=operation.description,
                parameters=operation.parameters,
                verb=self._verbs[name].verb() if name in self._verbs else None,
            )
            for name, operation in self._operations.items()
        ]

    async def call(self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str) -> ToolResult:
        """Call one operation once. It only reads, so `idempotency_key` is not needed yet.

        Raises:
            ToolRefused: The system answered 404: there is no such thing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolFailed: The system failed, did not answer in time, or answered with what cannot be used.
        """
        operation = self._operations.get(name)
        if operation is None:
            raise ToolFailed(f"{self.id} has no tool called {name!r}")
        # Models write null for what they leave out.
        url = self._address(operation, {key: value for key, value in arguments.items() if value is not None})
        data = await self._get(name, url)
        verb = self._verbs.get(name)
        if verb is not None and isinstance(data, Mapping):
            data = worded(data, verb.words)
        return ToolResult(data, f"{self._settings.name} GET {url.path[len(self._base.path.rstrip('/')) :]}")

    def _address(self, operation: Operation, arguments: Mapping[str, Any]) -> URL:
        if wrong := complaint(operation.parameters, arguments):
            raise ArgumentsRefused(f"{self.id}.{operation.id}: {wrong}")
        path, query = operation.path, []
        for key, value in arguments.items():
            text = _text(value)
            if operation.places[key] == "query":
                query.append((key, text))
                continue
            if text in ("", ".", ".."):  # the only values that percent-encoding leaves able to change the path
                raise ArgumentsRefused(f"{self.id}.{operation.id}: the argument {key!r} cannot stand in a path")
            path = path.replace(f"{{{key}}}", quote(text, safe=""))
        address = self._settings.base_url + path + ("?" + urlencode(query, quote_via=quote) if query else "")
        url = URL(address, encoded=True)
        if url.origin() != self._base.origin():
            raise ArgumentsRefused(f"{self.id}.{operation.id}: the address would leave {self._base.origin()}")
        return url

    async def _get(self, name: str, url: URL) -> Any:
        if self._session is None:
            raise ToolFailed(f"{name}: the connector is not running")
        try:
            async with self._session.get(url, headers=self._credentials(), allow_redirects=False) as answer:
                _check_status(name, answer.status)
                body = await _bounded(name, answer.content)
        except TimeoutError:
            raise ToolFailed(f"{name}: no answer within {self._settings.timeout_s:g} s") from None
        except aiohttp.ClientError as error:
            # The error's own words may hold the request's headers; its kind says enough.
            log.warning("connector.unreachable", connector=self.id, tool=name, kind=type(error).__name__)
            raise ToolFailed(f"{name}: the system cannot be reached ({type(error).__name__})") from None
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ToolFailed(f"{name}: the system's answer is not JSON") from None

    def _credentials(self) -> dict[str, str]:
        match self._settings.auth:
            case BearerAuth(secret=secret):
                return {"Authorization": f"Bearer {secret.reveal()}"}
            case HeaderAuth(header=header, secret=secret):
                return {header: secret.reveal()}
            case NoAuth():
                return {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _check_status(name: str, status: int) -> None:
    if status == 200:
        return
    if status == 404:
        raise ToolRefused(f"{name}: the system says that there is no such thing (404)")
    if status in (401, 403):
        raise ToolFailed(f"{name}: the system refused our credentials ({status})")
    if 300 <= status < 400:
        raise ToolFailed(f"{name}: the system sent us elsewhere ({status}); redirects are not followed")
    raise ToolFailed(f"{name}: the system failed ({status})")


async def _bounded(name: str, content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for piece in content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ToolFailed(f"{name}: the system's answer is larger than {MAX_ANSWER_BYTES // 1024} kB")
    return bytes(body)


def build(connector_id: str, settings: ConnectorSettings, file: Path) -> OpenApiConnector:
    """Return the connector that `file` (its `connector.toml`) describes; touches no network.

    Raises:
        ConnectorRefused: The contract cannot be used, or does not have what the settings name.
    """
    try:
        usable, unusable = reads(load(file.parent / settings.contract))
        allowed = _allowed(settings, usable, unusable)
        _check_names(connector_id, allowed)
        for verb in settings.verbs:
            _check_verb(verb, allowed)
    except BadDocument as error:
        raise ConnectorRefused(file, str(error)) from None
    return OpenApiConnector(connector_id, settings, allowed)


def _allowed(
    settings: ConnectorSettings, usable: Mapping[str, Operation], unusable: Mapping[str, str]
) -> dict[str, Operation]:
    if "*" in settings.operations:
        return dict(usable)
    for name in settings.operations:
        if name not in usable:
            reason = unusable.get(name, f"the contract has no such operation; it has {', '.join(sorted(usable))}")
            raise BadDocument(f"operation {name!r}: {reason}")
    return {name: usable[name] for name in settings.operations}


def _check_names(connector_id: str, names: Iterable[str]) -> None:
    for name in names:
        if len(f"{connector_id}.{name}") > MAX_NAME:
            raise BadDocument(f"the tool's name {connector_id}.{name} is longer than {MAX_NAME} characters")


def _check_verb(verb: VerbSettings, allowed: Mapping[str, Operation]) -> None:
    operation = allowed.get(verb.operation)
    if operation is None:
        raise BadDocument(f"verb {verb.name!r}: {verb.operation!r} is not among the allowed operations")
    slots = {slot.name for slot in verb.slots}
    if unknown := slots - operation.places.keys():
        raise BadDocument(f"verb {verb.name!r}: {verb.operation!r} has no parameter {min(unknown)!r}")
    if unfilled := set(operation.parameters["required"]) - slots:
        raise BadDocument(f"verb {verb.name!r}: nothing fills the parameter {min(unfilled)!r}")
