"""Call the tools of an MCP server, over one session that is opened when first needed and again when it broke."""

import asyncio
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import msgspec
import structlog

from ai_worker.connectors.answers import clipped, masked, without
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.contract import Answer, Preview
from ai_worker.connectors.http.limits import Breaker, Rate, wait_for_room
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.mcp.kind import McpOptions
from ai_worker.connectors.mcp.network import Network
from ai_worker.connectors.mcp.session import Session, kind_of
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused, ToolUnsure

PAGES = 20
"""Pages of a server's list of tools that are read."""

AT_ONCE = 8
"""Calls in progress in one session."""

_SECRET = re.compile("key|token|secret|pass|credential|auth", re.IGNORECASE)
"""In the name of what a program finds in its environment."""

log = structlog.get_logger(__name__)


class McpCaller:
    """Calls one MCP server."""

    def __init__(self, connection: str, settings: ConnectorSettings, options: McpOptions, *, parts: Parts) -> None:
        """Prepare the connection; nobody is called.

        Args:
            connection: Its id, for logs.
            settings: The administrator's.
            options: How the server is reached.
            parts: What the connection is made of besides.

        Raises:
            ValueError: Neither a command nor an address is there, or the credentials are of a kind that
                MCP does not take.
        """
        if not options.command and not settings.base_url:
            raise ValueError("base_url: Field required, unless options.command names a program")
        self._id = connection
        self._settings = settings
        self._options = options
        profile = settings.profile()
        self._max_wait_s = profile.max_wait_s
        self._rate = Rate(profile.per_second, profile.burst, parts.clock)
        self._breaker = Breaker(profile.failures_to_open, profile.rest_s, parts.clock)
        self._network = None if options.command else Network(connection, settings, parts)
        self._checks = ArgumentChecks()
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(min(AT_ONCE, settings.max_connections))
        self._announced = asyncio.Event()

    async def start(self) -> None:
        """Make ready; calls nobody."""

    async def close(self) -> None:
        """End the session; calls in flight fail."""
        if self._session is not None:
            await self._session.end()
            self._session = None
        if self._network is not None:
            await self._network.close()

    def announced(self) -> bool:
        """Return whether the server has said since the last time that its list of tools is another one by now.

        Nothing of it is taken over: the list is compared with the one in use when the server is next looked at.
        """
        said = self._announced.is_set()
        self._announced.clear()
        return said

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would send.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        checked = self._checks.checked(operation, arguments)
        call = {"method": "tools/call", "params": {"name": operation.extra["tool"], "arguments": checked}}
        address = self._settings.base_url or f"stdio:{self._options.command}"
        return Preview("POST", address, {"Content-Type": "application/json"}, msgspec.json.encode(call).decode())

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Call a tool once.

        Raises:
            ToolRefused: The server says that the call came to nothing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of a tool that acts: no answer came, and nobody knows.
            ToolFailed: The server cannot be reached, or did not answer; nothing was changed.
        """
        checked = self._checks.checked(operation, arguments)
        async with self._slots:
            await wait_for_room(
                operation.name, self._rate, self._breaker, at_most_s=self._max_wait_s, called="MCP server"
            )
            session = await self._proven()
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    result = await session.client.call_tool(operation.extra["tool"], checked)
            except Exception as error:  # noqa: BLE001  (the SDK raises what its transports raise)
                self._breaker.failed()
                await self._drop(session)
                raise self._lost(operation, error) from None
        self._breaker.worked()
        data = masked(self._without_secrets(_data(result)), frozenset(self._settings.masked))
        if result.is_error:
            raise ToolRefused(f"{operation.name}: the system refused: “{str(data)[:300]}”")
        data, cut = clipped(data, self._settings.max_characters)
        return Answer(200, data, notes=(cut,) if cut else ())

    async def tools(self) -> bytes:
        """Return the server's list of tools as a contract's file.

        Raises:
            ToolFailed: It cannot be reached, or lists without an end.
        """
        session = await self._proven()
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        try:
            for _ in range(PAGES):
                async with asyncio.timeout(self._settings.timeout_s):
                    page = await session.client.list_tools(cursor=cursor)
                found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
                if not (cursor := page.next_cursor):
                    break
        except Exception as error:  # noqa: BLE001  (the SDK raises what its transports raise)
            raise ToolFailed(f"the server's tools cannot be listed ({type(error).__name__})") from None
        about = session.client.server_info
        server = {"name": about.name, "version": about.version} if about else {}
        told = self._without_secrets({"server": server, "tools": found})
        return msgspec.json.format(msgspec.json.encode(told), indent=1)

    def _without_secrets(self, data: Any) -> Any:
        """Return what the server said without what was told to it in secret, should it say that back."""
        secrets = [value for name, value in self._options.env.items() if _SECRET.search(name)]
        if self._network is not None:
            secrets += self._network.secrets()
        written = [msgspec.json.encode(secret)[1:-1].decode() for secret in secrets if secret]
        return msgspec.json.decode(without(msgspec.json.encode(data), written))

    async def _proven(self) -> Session:
        """Return the session, with credentials that are good by all we know.

        Raises:
            ToolFailed: There are none, or the server cannot be reached; nothing of the call was sent.
        """
        session = await self._open()
        if self._network is not None:
            try:
                await self._network.prove()
            except ToolFailed:
                self._breaker.failed()
                await self._drop(session)
                raise
        return session

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None or self._session.over:
                if find_spec("mcp") is None:
                    raise ToolFailed("MCP is not installed: pip install 'ai-worker[mcp]'")
                session = Session(self._settings, self._options, self._network, self._announced)
                try:
                    await session.begin()
                except Exception as error:
                    log.warning("connector.unreachable", connector=self._id, kind=kind_of(error))
                    await session.end()
                    self._breaker.failed()
                    if isinstance(error, ToolFailed):
                        raise
                    if self._network is not None and (refused := self._network.refused()) is not None:
                        raise refused from None
                    raise ToolFailed(f"{self._id}: the MCP server cannot be reached ({kind_of(error)})") from None
                self._session = session
        return self._session

    async def _drop(self, session: Session) -> None:
        if self._session is session:
            self._session = None
        await session.end()

    def _lost(self, operation: Operation, error: Exception) -> ToolFailed:
        refused = self._network.refused() if self._network is not None else None
        problem = f"{operation.name}: no usable answer of the MCP server ({refused or kind_of(error)})"
        log.warning("connector.unanswered", connector=self._id, operation=operation.name, kind=type(error).__name__)
        if operation.risk == "read" and isinstance(refused, CredentialsRefused):
            return refused
        return ToolUnsure(problem) if operation.risk != "read" else ToolFailed(problem)


def _data(result: Any) -> Any:
    """Return what a tool gave back: its structured content, else its text, read as JSON where it is that."""
    if result.structured_content is not None:
        return result.structured_content
    texts = [content.text for content in result.content if content.type == "text"]
    others = [content.type for content in result.content if content.type != "text"]
    text = "\n".join([*texts, *(f"({kind}; left out)" for kind in others)])
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
