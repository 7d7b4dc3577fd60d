"""An open session with an MCP server: entered and left by one task, and told when the list of tools changes."""

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from ai_worker.connectors.mcp.kind import McpOptions
from ai_worker.connectors.mcp.network import Network
from ai_worker.connectors.settings import ConnectorSettings

if TYPE_CHECKING:
    from mcp import Client

OPEN_S = 15.0
LISTEN_AGAIN_S = 60.0
"""After a stream of changes has ended."""

log = structlog.get_logger(__name__)


class Session:
    """An open session: entered and left by one task of its own, as the SDK wants it."""

    def __init__(
        self, settings: ConnectorSettings, options: McpOptions, network: Network | None, announced: asyncio.Event
    ) -> None:
        self._settings, self._options, self._network = settings, options, network
        self._announced = announced
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

        timeout_s, hear = self._settings.timeout_s, self._hear
        try:
            if self._network is not None:
                async with (
                    self._network.reach() as transport,
                    Client(transport, read_timeout_seconds=timeout_s, message_handler=hear) as client,
                ):
                    await self._held(client)
                return
            program = StdioServerParameters(
                command=self._options.command, args=list(self._options.args), env=dict(self._options.env)
            )
            async with Client(program, read_timeout_seconds=timeout_s, message_handler=hear) as client:
                await self._held(client)
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                return
            raise

    async def _listen(self, client: "Client") -> None:
        """Hear of changes from a server of the protocol since 2026-07-28, which tells whoever asks it to.

        Where the stream breaks off, what was said meanwhile is lost: the list may be another one.
        """
        from mcp import MCPError
        from mcp.client.subscriptions import SubscriptionLost

        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._announced.set()
            except SubscriptionLost:
                self._announced.set()
            except (MCPError, TimeoutError) as error:
                log.info("connector.not_told_of_changes", kind=kind_of(error))
                return
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _hear(self, message: Any) -> None:
        """Hear of changes from an older server, which tells every session; all else that it says is left at that."""
        from mcp.types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._announced.set()

    async def _held(self, client: "Client") -> None:
        self.client = client
        if not self._ready.done():
            self._ready.set_result(None)
        listening = asyncio.create_task(self._listen(client)) if _announces(client) else None
        try:
            await self._finish.wait()
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.wait([listening])


def _announces(client: "Client") -> bool:
    """Return whether the server tells of changes those who ask it to."""
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    tools = client.server_capabilities.tools
    return client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools is not None and bool(tools.list_changed)


def kind_of(error: BaseException) -> str:
    """Return the name of what went wrong, out of the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return type(error).__name__
