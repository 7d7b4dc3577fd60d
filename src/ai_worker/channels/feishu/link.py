"""The long connection: discovery, a WebSocket with protobuf frames, pings of our own, and acknowledgements."""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import aiohttp
import msgspec
import structlog

from ai_worker.channels.connection import ConnectFailed, Ending
from ai_worker.channels.feishu.frames import CONTROL, DATA, Frame, MalformedFrame, decode, encode, ping
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput, Busy
from ai_worker.foundation.text import shorten

log = structlog.get_logger(__name__)

PLATFORM_HOSTS = (".feishu.cn", ".larksuite.com", ".larkoffice.com")
PING_S = 120.0
"""What the platform asks for unless it says otherwise; also the longest that we leave it without a ping."""

GRACE_S = 30.0
"""A pong may be late by this much before the connection counts as dead."""

PARTS_S, MAX_PARTS, MAX_SETS = 5.0, 256, 256
"""An event comes in so many frames at most; what is incomplete after 5 s is dropped, and comes again."""

MAX_FRAME = 4_194_304
MAX_EVENTS = 1_000
"""Events in work at once; more are read from the socket when some of these are done."""

FULL_S = 60.0
"""Wait this long when the application has its 50 connections already."""

BUSY_CODES = frozenset({1, 1000040343})
TOO_MANY = "1000040350"

_ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)

Take = Callable[[bytes], Awaitable[Mapping[str, Any] | None]]
"""Makes an event durable and returns what the platform is told besides. Raises `Busy` or `BadInput`."""

Discover = Callable[[], Awaitable[tuple[int, str, dict[str, Any]]]]


@dataclass(slots=True)
class _Split:
    """The frames of one event so far, by their place in it."""

    parts: dict[int, bytes]
    total: int
    began: float


def checked_address(address: str, *, base_url: str) -> str:
    """Return a discovered address if it is the platform's own, or at the configured base's host and port.

    Raises:
        ConnectFailed: It is somewhere else: whoever answered is not to be trusted.
    """
    try:
        url, base = urlsplit(address), urlsplit(base_url)
        here = url.hostname is not None and (url.hostname, _port(url)) == (base.hostname, _port(base))
        own = url.scheme == "wss" and f".{url.hostname}".endswith(PLATFORM_HOSTS) and _port(url) == 443
        plain = url.scheme == "ws" and base.scheme == "http"
    except ValueError:
        raise ConnectFailed("feishu", "the address of the long connection cannot be read") from None
    if url.username is not None or not (own or (here and (plain or url.scheme == "wss"))):
        raise ConnectFailed("feishu", "the address of the long connection is not the platform's", refused=True)
    return address


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme in ("https", "wss") else 80)


async def connect(
    discover: Discover,
    take: Take,
    *,
    session: aiohttp.ClientSession,
    base_url: str,
    clock: Clock,
    channel: str,
    grace_s: float = GRACE_S,
) -> "FeishuLink":
    """Find the long connection, open it, and return it.

    Raises:
        ConnectFailed: There is none now, or not for us.
    """
    code, words, data = await discover()
    if code != 0:
        detail = f"{code}, no long connection ({shorten(words, 200)})"
        raise ConnectFailed("feishu", detail, refused=code not in BUSY_CODES)
    address = data.get("URL")
    if not isinstance(address, str):
        raise ConnectFailed("feishu", "the platform named no address for the long connection")
    checked_address(address, base_url=base_url)
    try:
        socket = await session.ws_connect(
            address, max_msg_size=MAX_FRAME, timeout=aiohttp.ClientWSTimeout(ws_close=2.0), compress=0
        )
    except aiohttp.WSServerHandshakeError as error:
        raise _refused(error) from None
    except (aiohttp.ClientError, OSError) as error:  # its words would quote the address, and the ticket in it
        raise ConnectFailed("feishu", f"no connection ({type(error).__name__})") from None
    service = parse_qs(urlsplit(address).query).get("service_id", ["0"])[0]
    link = FeishuLink(socket, take, service=int(service) if service.isdecimal() else 0, clock=clock, channel=channel)
    link.grace_s = grace_s
    link.configure(data.get("ClientConfig"))
    return link


def _refused(error: aiohttp.WSServerHandshakeError) -> ConnectFailed:
    headers: Mapping[str, str] = error.headers or {}
    status, words = headers.get("Handshake-Status", ""), shorten(headers.get("Handshake-Msg", ""), 200)
    if headers.get("Handshake-Autherrcode", "") == TOO_MANY:
        detail = "the application has its 50 connections already: stop one of its other clients"
        return ConnectFailed("feishu", detail, refused=True, pause_s=FULL_S)
    if status in ("403", "514"):
        return ConnectFailed("feishu", f"the connection was refused ({status} {words})", refused=True)
    return ConnectFailed("feishu", f"the connection was refused (HTTP status {error.status} {words})")


class FeishuLink:
    """One accepted connection."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, take: Take, *, service: int, clock: Clock, channel: str
    ) -> None:
        self.rotating = asyncio.Event()  # this platform closes and lets us come back; it announces nothing
        self.heard_at = clock.monotonic()
        self.grace_s = GRACE_S
        self._socket = socket
        self._take = take
        self._service = service
        self._clock = clock
        self._channel = channel
        self._ping_s = PING_S
        self._splits: OrderedDict[str, _Split] = OrderedDict()
        self._events: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAX_EVENTS)

    def configure(self, told: object) -> None:
        """Apply what the platform says about pings; its advice on reconnecting is slower than ours."""
        seconds = told.get("PingInterval") if isinstance(told, dict) else None
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
            self._ping_s = min(PING_S, float(seconds))

    async def serve(self) -> Ending:
        """Handle frames until the connection ends, or nothing was heard for a ping and its grace."""
        pinging = asyncio.create_task(self._ping())
        try:
            while (message := await self._next()).type not in _ENDS:
                self.heard_at = self._clock.monotonic()
                if message.type is aiohttp.WSMsgType.BINARY:
                    await self._hear(message.data)
        except TimeoutError:  # however open the socket looks
            log.warning("feishu.connection_silent", channel=self._channel, seconds=self._ping_s + self.grace_s)
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
        return "lost"

    async def _next(self) -> aiohttp.WSMessage:
        async with asyncio.timeout(self._ping_s + self.grace_s):
            return await self._socket.receive()

    async def close(self) -> None:
        """Close it, after what is being made durable has been acknowledged."""
        if self._events:
            await asyncio.wait(set(self._events), timeout=2.0)
        for task in self._events:
            task.cancel()
        await self._socket.close()

    async def _ping(self) -> None:
        """Keep the platform answering."""
        while True:
            try:
                async with asyncio.timeout(self.grace_s):
                    await self._socket.send_bytes(encode(ping(self._service)))
            except (ConnectionError, RuntimeError, TimeoutError):
                await self._socket.close()
                return
            await asyncio.sleep(self._ping_s)

    async def _hear(self, raw: bytes) -> None:
        try:
            frame = decode(raw)
        except MalformedFrame as malformed:
            log.warning("feishu.frame_malformed", channel=self._channel, error=str(malformed))
            return
        if frame.method == CONTROL:
            if frame.header("type") == "pong" and frame.payload:
                self._reconfigure(frame.payload)
            return
        if frame.method != DATA or frame.header("type") not in ("event", "card"):
            log.info("feishu.frame_ignored", channel=self._channel, frame_type=shorten(frame.header("type"), 40))
            return
        payload = self._whole(frame)
        if payload is None:
            return
        await self._room.acquire()
        task = asyncio.create_task(self._answer(frame, payload))
        self._events.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._events.discard(task)
        self._room.release()

    def _reconfigure(self, payload: bytes) -> None:
        try:
            self.configure(msgspec.json.decode(payload))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            log.info("feishu.config_unreadable", channel=self._channel)

    def _whole(self, frame: Frame) -> bytes | None:
        """Return an event's bytes once all of its frames are here: a cut may fall inside a character."""
        total, place = _number(frame.header("sum")), _number(frame.header("seq"))
        if total <= 1:
            return frame.payload
        now = self._clock.monotonic()
        while self._splits and (
            len(self._splits) > MAX_SETS or now - next(iter(self._splits.values())).began > PARTS_S
        ):
            self._splits.popitem(last=False)
        if total > MAX_PARTS or place >= total:
            log.warning("feishu.frame_malformed", channel=self._channel, error="a part outside its event")
            return None
        name = frame.header("message_id")
        split = self._splits.setdefault(name, _Split({}, total, now))
        split.parts[place] = frame.payload
        if len(split.parts) < split.total or split.total != total:
            return None
        del self._splits[name]
        return b"".join(split.parts[at] for at in range(total))

    async def _answer(self, frame: Frame, payload: bytes) -> None:
        """Acknowledge an event once it is durable; a code other than 200 has the platform send it again."""
        began = self._clock.monotonic()
        code, told = 200, None
        try:
            told = await self._take(payload)
        except Busy:
            code = 500
        except BadInput as broken:  # it would be no better the next time
            log.warning("channel.event_refused", channel=self._channel, reason=str(broken))
        except Exception:  # a task boundary: a defect must not end the connection
            log.exception("feishu.event_defect", channel=self._channel)
            code = 500
        data = {} if told is None else {"data": base64.b64encode(msgspec.json.encode(told)).decode()}
        answer = msgspec.json.encode({"code": code, "headers": None, **data})
        took_ms = round((self._clock.monotonic() - began) * 1000)
        try:
            await self._socket.send_bytes(encode(frame.answer(answer, took_ms=took_ms)))
        except (ConnectionError, RuntimeError):
            log.info("feishu.event_not_acknowledged", channel=self._channel)  # it comes again and is recognised


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
