"""A volley: many requests at the same moment, each timed from its first byte out to its last byte in.

An ordinary client would queue them in itself and time its own queue. This one has its connections
open and its requests written out before it begins.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from ai_worker.foundation.clock import Clock

CONNECTING = 200
"""Connections that are being made at once: the system's queue for them must not overflow."""


IDLE_S = 7.0
"""A connection that has idled for longer is not used again: the server may be closing it at that moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the server."""

    status: int
    """0 when the connection broke before an answer."""

    retry_after: float | None
    body: bytes
    seconds: float


class Volley:
    """Connections to one server, for one request at a time each."""

    def __init__(self, url: str, connections: int, *, clock: Clock) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname or "", split.port or 80
        self._wanted = connections
        self._clock = clock
        self._connecting = asyncio.Semaphore(CONNECTING)
        self._idle: asyncio.LifoQueue[_Caller] = asyncio.LifoQueue()

    async def __aenter__(self) -> Self:
        for caller in await asyncio.gather(*(self._connect() for _ in range(self._wanted))):
            self._idle.put_nowait(caller)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    async def ask(self, request: bytes) -> Answer:
        """Send one request over a free connection and return the answer to it."""
        caller = await self._idle.get()
        try:
            if caller.closed or self._clock.monotonic() - caller.used_at > IDLE_S:
                caller.close()
                caller = await self._connect()
            return await caller.ask(request)
        except OSError:
            return Answer(0, None, b"", 0.0)
        finally:
            self._idle.put_nowait(caller)

    async def _connect(self) -> "_Caller":
        loop = asyncio.get_running_loop()
        async with self._connecting:
            _, caller = await loop.create_connection(lambda: _Caller(self._clock), self._host, self._port)
        return caller


def post(path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Return a POST request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, clock: Clock) -> None:
        self.closed = False
        self.used_at = clock.monotonic()
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._began = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # that of uvloop is one in all but its class

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._settle(Answer(0, None, b"", self._clock.monotonic() - self._began))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.split(b"\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if len(body) >= int(headers.get(b"content-length", b"0")):
            after = headers.get(b"retry-after")
            seconds = self._clock.monotonic() - self._began
            self._settle(Answer(int(first.split()[1]), float(after) if after else None, body, seconds))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer."""
        assert self._transport is not None
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._began = self._clock.monotonic()
        self._transport.write(request)
        return await self._answer

    def _settle(self, answer: Answer) -> None:
        if self._answer is not None and not self._answer.done():
            self.used_at = self._clock.monotonic()
            self._answer.set_result(answer)
