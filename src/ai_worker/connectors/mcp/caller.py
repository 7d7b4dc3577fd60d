"""Call the tools of an MCP server, over one session that is opened when first needed and again when it broke."""

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ai_worker.connectors.answers import clipped, masked
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.auth_settings import BasicAuth, BearerAuth, HeaderAuth, KeyAuth, NoAuth
from ai_worker.connectors.contract import Answer, Preview
from ai_worker.connectors.gate import AddressRefused, Gate, GatedResolver, LedInside
from ai_worker.connectors.mcp.kind import McpOptions
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused, ToolUnsure

if TYPE_CHECKING:
    from mcp import Client

OPEN_S = 15.0
PAGES = 20
"""Pages of a server's list of tools that are read."""

AT_ONCE = 8
"""Calls in progress in one session."""

log = structlog.get_logger(__name__)


class McpCaller:
    """Calls one MCP server."""

    def __init__(self, connection: str, settings: ConnectorSettings, options: McpOptions, *, clock: Clock) -> None:
        """Prepare the connection; nobody is called.

        Args:
            connection: Its id, for logs.
            settings: The administrator's.
            options: How the server is reached.
            clock: Times the calls.

        Raises:
            ValueError: Neither a command nor an address is there, or the credentials are of a kind that
                MCP does not take.
        """
        if not options.command and not settings.base_url:
            raise ValueError("base_url: Field required, unless options.command names a program")
        self._id = connection
        self._settings = settings
        self._options = options
        self._clock = clock
        self._headers = _headers(settings)
        self._checks = ArgumentChecks()
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(min(AT_ONCE, settings.max_connections))

    async def start(self) -> None:
        """Make ready; calls nobody."""

    async def close(self) -> None:
        """End the session; calls in flight fail."""
        if self._session is not None:
            await self._session.end()
            self._session = None

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
            session = await self._open()
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    result = await session.client.call_tool(operation.extra["tool"], checked)
            except Exception as error:  # noqa: BLE001  (the SDK raises what its transports raise)
                await self._drop(session)
                raise self._lost(operation, error) from None
        data = _data(result)
        if result.is_error:
            raise ToolRefused(f"{operation.name}: the system refused: “{str(data)[:300]}”")
        data, cut = clipped(masked(data, frozenset(self._settings.masked)), self._settings.max_characters)
        return Answer(200, data, notes=(cut,) if cut else ())

    async def tools(self) -> bytes:
        """Return the server's list of tools as a contract's file.

        Raises:
            ToolFailed: It cannot be reached, or lists without an end.
        """
        session = await self._open()
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
        return msgspec.json.format(msgspec.json.encode({"server": server, "tools": found}), indent=1)

    async def _open(self) -> "_Session":
        async with self._opening:
            if self._session is None or self._session.over:
                if find_spec("mcp") is None:
                    raise ToolFailed("MCP is not installed: pip install 'ai-worker[mcp]'")
                await self._check_address()
                session = _Session(self._settings, self._options, self._headers)
                try:
                    await session.begin()
                except Exception as error:  # noqa: BLE001  (the SDK raises what its transports raise)
                    log.warning("connector.unreachable", connector=self._id, kind=type(error).__name__)
                    await session.end()
                    raise ToolFailed(f"{self._id}: the MCP server cannot be reached ({_kind(error)})") from None
                self._session = session
        return self._session

    async def _check_address(self) -> None:
        """Raise unless the server's host leads where this connection may go.

        The SDK looks the name up once more when it connects: unlike our own calls, this one is not pinned.
        """
        if not self._settings.base_url:
            return
        profile, url = self._settings.profile(), URL(self._settings.base_url)
        gate = Gate(addresses=(profile.base_url,), hosts=profile.hosts, networks=profile.networks)
        gate.check(url)
        resolver = GatedResolver(gate, ThreadedResolver())
        try:
            await resolver.resolve(url.host or "", url.port or 443)
        except LedInside as inside:
            raise AddressRefused(str(inside)) from None
        except OSError:
            raise ToolFailed(f"{self._id}: the name of the MCP server does not resolve") from None

    async def _drop(self, session: "_Session") -> None:
        if self._session is session:
            self._session = None
        await session.end()

    def _lost(self, operation: Operation, error: Exception) -> ToolFailed:
        problem = f"{operation.name}: no usable answer of the MCP server ({_kind(error)})"
        log.warning("connector.unanswered", connector=self._id, operation=operation.name, kind=type(error).__name__)
        return ToolUnsure(problem) if operation.risk != "read" else ToolFailed(problem)


class _Session:
    """An open session: entered and left by one task of its own, as the SDK wants it."""

    def __init__(self, settings: ConnectorSettings, options: McpOptions, headers: Mapping[str, Secret]) -> None:
        self._settings, self._options, self._headers = settings, options, headers
        self.client: Client
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finish = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._task is None or self._task.done()

    async def begin(self) -> None:
        """Open it."""
        self._task = asyncio.create_task(self._hold())
        async with asyncio.timeout(OPEN_S):
            await asyncio.shield(self._ready)

    async def end(self) -> None:
        """Close it."""
        self._finish.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=5)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])
            if self._task.done() and not self._task.cancelled():
                self._task.exception()  # was told by whoever opened it, or called
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    async def _hold(self) -> None:
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        try:
            if self._options.command:
                program = StdioServerParameters(
                    command=self._options.command, args=list(self._options.args), env=dict(self._options.env)
                )
                async with Client(program, read_timeout_seconds=self._settings.timeout_s) as client:
                    await self._held(client)
                return
            headers = {name: secret.reveal() for name, secret in self._headers.items()}
            async with create_mcp_http_client(headers={**self._settings.headers, **headers}) as http:
                transport = streamable_http_client(f"{self._settings.base_url}", http_client=http)
                async with Client(transport, read_timeout_seconds=self._settings.timeout_s) as client:
                    await self._held(client)
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                return
            raise

    async def _held(self, client: "Client") -> None:
        self.client = client
        if not self._ready.done():
            self._ready.set_result(None)
        await self._finish.wait()


def _headers(settings: ConnectorSettings) -> dict[str, Secret]:
    match settings.auth:
        case NoAuth():
            return {}
        case BearerAuth(secret=secret):
            return {"Authorization": Secret(f"Bearer {secret.reveal()}")}
        case HeaderAuth(header=header, secret=secret):
            return {header: secret}
        case KeyAuth(place="header", name=name, prefix=prefix, secret=secret):
            return {name: Secret(prefix + secret.reveal())}
        case BasicAuth():
            raise ValueError("auth: MCP takes a bearer token or a key in a header")
    raise ValueError("auth: MCP takes a bearer token or a key in a header")


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


def _kind(error: BaseException) -> str:
    """Return the name of what went wrong, out of the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return type(error).__name__
