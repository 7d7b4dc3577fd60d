"""HTTP/1.1 with a clock in its hand: uvicorn's httptools protocol, made fit for strangers.

uvicorn 0.54 has no timer for headers or bodies and, on httptools, no limit on headers. This adds
both, refuses what a proxy and a server could read differently, and keeps room for new connections.
"""

import asyncio
import http
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NoReturn

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ai_worker.api.limits import Limits
from ai_worker.api.problems import MEDIA_TYPE, OVER_A_LIMIT, document


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is ended, as the client is told."""

    status: int
    code: str
    detail: str


MALFORMED = Refusal(400, "request.malformed", "This is not a well-formed HTTP/1.1 request")
HEADERS_TOO_LARGE = Refusal(431, "request.headers_too_large", "The request's headers are too large or too many")
TOO_SLOW = Refusal(408, "request.too_slow", "The request did not arrive in time")
FULL = Refusal(503, "server.full", "Too many connections are open")

LINGER_S = 2.0
"""After a refusal, what still comes is read and dropped for so long: closing at once would reset the
connection, and the client would never read why."""


class _Stop(Exception):
    """Ends parsing; the reason is in `_refusal`."""


class Phase(Enum):
    """What the bytes that come next belong to."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Door:
    """What the connections of one listening socket share."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting: dict[HardenedProtocol, None] = {}
        """Connections that have not sent a whole head yet, the longest waiting first."""


class HardenedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = door
        self._limits = door.limits
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._phase = Phase.IDLE
        self._refusal = MALFORMED
        self._declined = b""
        self._deaf = False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections and not self._make_room():
            self._refuse(FULL)
            return
        self._wait_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._door.waiting.pop(self, None)
        self._disarm()
        self._disarm_write()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the limits."""
        if self._deaf:
            return
        if self._phase is not Phase.BODY:
            self._head_bytes += len(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal)
            return
        if self._phase is not Phase.BODY and self._head_bytes > self._limits.header_bytes:
            self._refuse(HEADERS_TOO_LARGE)

    def _feed(self, data: bytes) -> bytes:
        """Parse `data`; return what has to be parsed after it."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._declined:
                plain, self._declined = self._declined, b""
                self.parser = httptools.HttpRequestParser(self)
                return plain + data[offer.args[0] :]
            self._forget()
            self.handle_websocket_upgrade()
        return b""

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Give the headers their time."""
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._arm(self._limits.header_s, self._slow_head)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, if there are not too many."""
        super().on_header(name, value)
        if len(self.headers) > self._limits.headers:
            self._raise(HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Check the head as a whole, and give the body its time."""
        self._phase = Phase.BODY
        self._head_bytes = 0
        self._door.waiting.pop(self, None)
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.header_bytes:
            self._raise(HEADERS_TOO_LARGE)
        self._check_head()
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._declined = self._without_offer()
            return
        self._arm(self._limits.body_s, self._slow_body)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is in; now it is our turn."""
        if self._declined:
            return
        super().on_message_complete()
        self._phase = Phase.IDLE
        self._disarm()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._wait_idle()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of one that was answered early."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # our own timer does that
        if self._deaf:
            self.transport.close()
        elif self._phase is Phase.IDLE and self.cycle.response_complete and not self.transport.is_closing():
            self._wait_idle()

    # Writing

    def pause_writing(self) -> None:
        """The client has stopped taking its response."""
        super().pause_writing()
        self._disarm_write()
        self._write_timer = self.loop.call_later(self._limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client takes its response again."""
        super().resume_writing()
        self._disarm_write()

    # Inside

    def evict(self) -> None:
        """Close this waiting connection to make room for another."""
        self._deaf = True
        self.transport.close()

    def _make_room(self) -> bool:
        oldest = next(iter(self._door.waiting), None)
        if oldest is None:
            return False
        del self._door.waiting[oldest]
        oldest.evict()
        return True

    def _check_head(self) -> None:
        """Refuse what a proxy before us could have read as another request.

        llhttp already refuses Content-Length beside Transfer-Encoding, two of either, folded
        headers and bare line feeds.
        """
        hosts = 0
        version = self.parser.get_http_version()
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and (version != "1.1" or value.strip().lower() != b"chunked"):
                self._raise(MALFORMED)
        if hosts > 1 or (hosts == 0 and version == "1.1") or self.parser.get_method() == b"CONNECT":
            self._raise(MALFORMED)
        try:
            httptools.parse_url(self.url).path.decode("ascii")  # a target that uvicorn would stumble over
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
            self._raise(MALFORMED)

    def _without_offer(self) -> bytes:
        """Return the head of a request without its offer to speak another protocol, such as HTTP/2.

        Java's client makes one with every request. It may be passed over, but llhttp stops at it,
        body unread: so the request is parsed once more, as if it had not been made.
        """
        lines = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)]
        for name, value in self.headers:
            if name == b"connection":
                value = b"close" if b"close" in value.lower() else b"keep-alive"
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _raise(self, refusal: Refusal) -> NoReturn:
        self._refusal = refusal
        raise _Stop

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection with a problem document, unless another response is on its way."""
        self._deaf = True
        self._disarm()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None:
            self._write_refusal(refusal)
        elif cycle.response_complete:
            if self._phase is Phase.BODY:  # the rest of a request that was answered early
                self.transport.close()
            else:
                self._write_refusal(refusal)
        elif self.pipeline or not cycle.more_body:  # a later request broke: finish the one in work, then close
            self.pipeline.clear()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
            else:
                self._write_refusal(refusal)

    def _write_refusal(self, refusal: Refusal) -> None:
        body = msgspec.json.encode(document(refusal.status, refusal.code, refusal.detail))
        head = [
            f"HTTP/1.1 {refusal.status} {http.HTTPStatus(refusal.status).phrase}",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "connection: close",
            *(["retry-after: 5"] if refusal.status in OVER_A_LIMIT else []),
        ]
        self.transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        self.transport.write_eof()
        self._arm(LINGER_S, self.transport.close)

    def _wait_idle(self) -> None:
        self._head_bytes = 0
        self._door.waiting.pop(self, None)
        self._door.waiting[self] = None
        self._arm(self._limits.idle_s, self._slow_idle)

    def _forget(self) -> None:
        """Hand the socket over to the WebSocket protocol."""
        self._door.waiting.pop(self, None)
        self._disarm()

    def _arm(self, seconds: float, late: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _disarm_write(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _slow_idle(self) -> None:
        self._deaf = True
        self.transport.close()

    def _slow_head(self) -> None:
        if self.flow.read_paused:  # it is we who are not reading: an earlier request is in work
            self._arm(self._limits.header_s, self._slow_head)
            return
        self._refuse(TOO_SLOW)

    def _slow_body(self) -> None:
        if self.flow.read_paused:
            self._arm(self._limits.body_s, self._slow_body)
            return
        self._refuse(TOO_SLOW)
