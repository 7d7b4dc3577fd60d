"""The doors of one process, and the servers before them."""

import asyncio
from dataclasses import dataclass

import structlog

from ai_worker.api.app import Api
from ai_worker.api.server import DoorServer, make_server
from ai_worker.console.app import Console
from ai_worker.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors that this process has, with the servers before them."""

    api: Api | None
    api_server: DoorServer | None
    console: Console | None
    console_server: DoorServer | None
    watch_server: DoorServer | None

    @property
    def servers(self) -> list[DoorServer]:
        """The servers that there are; none in a process that is a runner alone and is not watched."""
        return [server for server in (self.api_server, self.console_server, self.watch_server) if server is not None]

    def bind(self) -> None:
        """Take the ports before anything is served, so that a taken one stops the start."""
        for server in self.servers:
            server.bind()

    async def serve(self) -> None:
        """Serve until `close`, and until what was in work is answered."""
        await asyncio.gather(*(server.serve() for server in self.servers))

    async def accepting(self) -> None:
        """Wait until all accept connections."""
        await asyncio.gather(*(server.accepting() for server in self.servers))

    def drain(self) -> None:
        """Accept no new connections; the console's live streams end at once."""
        if self.console is not None:
            self.console.close_streams()
        for server in self.servers:
            server.drain()

    def close(self) -> None:
        """Send away whoever still waits for an answer: to come again, or to another process."""
        if self.api is not None:
            self.api.close()


def make_doors(settings: Settings, *, api: Api | None, console: Console | None, watch: Api) -> Doors:
    """Put a server before each door. Where the API is served, it has what `watch` has."""
    watched = settings.api.metrics_port if api is None else None
    return Doors(
        api,
        make_server(api, host=settings.api.host, port=settings.api.port) if api else None,
        console,
        make_server(console, host=settings.console.host, port=settings.console.port) if console else None,
        make_server(watch, host=settings.api.host, port=watched) if watched is not None else None,
    )


def url_of(server: DoorServer) -> str:
    """Return where a server can be reached from this machine."""
    host = server.config.host
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  (compared with, not bound to)
        host = "127.0.0.1"
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
