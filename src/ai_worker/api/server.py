"""The server: one listening socket, bounded in every direction, that stops only when it is told to."""

import asyncio
import contextlib
import functools
import resource
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ai_worker.api.limits import Limits
from ai_worker.api.protocol import Door, HardenedProtocol
from ai_worker.foundation.errors import Misconfigured

BACKLOG = 4_096
MOST_FILES = 65_536
SPARE_FILES = 64
"""Descriptors that connections never take: the database, the log, model and platform connections."""

SOCKET_MESSAGE_BYTES = 64_000
"""The largest message of a WebSocket client."""


class CannotListen(Misconfigured):
    """The address or port cannot be listened on."""

    code = "server.cannot_listen"
    hint = "Change host and port in the settings, or stop the program that has the port."


class DoorServer(uvicorn.Server):
    """A uvicorn server that leaves signals alone, knows its port and can be drained."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door
        self._socket: socket.socket | None = None
        self._port = config.port
        self._started = asyncio.Event()

    def bind(self) -> int:
        """Take the port and return it; connections wait until `serve` runs.

        Raises:
            CannotListen: The port is taken, or the address is not this machine's.
        """
        if self._socket is None:
            self._socket = _listen(self.config.host, self.config.port)
            self._port = int(self._socket.getsockname()[1])
            self._door.listener = self._socket
        return self._port

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `bind` if a free one is to be taken."""
        return self._port

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `drain` is called and the requests in work are answered.

        Raises:
            CannotListen: As for `bind`.
        """
        self.bind()
        assert self._socket is not None
        await super().serve(sockets or [self._socket])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        self._started.set()

    async def accepting(self) -> None:
        """Wait until connections are accepted."""
        await self._started.wait()

    def drain(self) -> None:
        """Accept no more connections; requests in work are answered, idle connections closed."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever started this server."""
        yield


def make_server(
    app: ASGIApp, *, host: str, port: int, limits: Limits | None = None, drain_s: float = 30.0
) -> DoorServer:
    """Return a server for `app` that is not listening yet.

    Args:
        app: The ASGI application.
        host: The address to listen on. `::` serves IPv6 and IPv4.
        port: The port; 0 takes a free one.
        limits: What a connection may cost; `None` means the defaults.
        drain_s: How long requests in work may take to end after `drain`.
    """
    files = lift_open_files()
    wanted = limits or Limits()
    door = Door(wanted.at_most(files - SPARE_FILES))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_protocol(door),
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(drain_s),
    )
    return DoorServer(config, door)


def lift_open_files() -> int:
    """Let this process open as many files as the system allows, at most 65,536; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _protocol(door: Door) -> Any:
    """Return what uvicorn takes for a protocol class and calls for every connection."""
    return functools.partial(HardenedProtocol, door=door)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host} port {port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener
