"""The simulated Feishu's long connections: tickets, frames, split events, acknowledgements, and their ailments."""

import asyncio
import base64
import random
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from ai_worker.channels.feishu.frames import CONTROL, DATA, Frame, MalformedFrame, decode, encode
from ai_worker.demo.feishu_state import Answer, Counts, fresh
from ai_worker.foundation.clock import Clock

MOST_CONNECTIONS = 50
REPUSH_S = 3.0
PUSHES = 5
"""An event is tried again after 3 s of silence, or code 500; then it is given up."""

SERVICE = 33554678


class Gateway:
    """Holds the connections of one application, and hands each event to one of them at random."""

    def __init__(self, *, clock: Clock, counts: Counts, ping_s: float, repush_s: float) -> None:
        self.down = False
        """Neither discovery nor handshakes work, as when the platform's front is out of order."""

        self.withhold_pongs = False
        self.refuse: tuple[int, str, int] | None = None
        """`Handshake-Status`, `Handshake-Msg` and `Handshake-Autherrcode` of the next handshakes."""

        self.connections: list[web.WebSocketResponse] = []
        self.half_open: set[web.WebSocketResponse] = set()
        self.patience_s = 600.0
        """How long an event is kept while nobody is connected."""

        self._clock, self._counts = clock, counts
        self._ping_s, self._repush_s = ping_s, repush_s
        self._tickets: set[str] = set()
        self._transports: dict[web.WebSocketResponse, asyncio.Transport | None] = {}
        self._pinged: set[web.WebSocketResponse] = set()
        self._acks: dict[str, asyncio.Future[tuple[int, bytes]]] = {}
        self._news = asyncio.Event()

    def endpoint(self, address: str) -> Answer:
        """Answer a discovery: an address that is good for one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        url = f"{address}/ws?device_id={fresh('dev')}&service_id={SERVICE}&ticket={ticket}"
        return {"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": self._config()}}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take a connection, and read it until it ends."""
        if self.down:
            return web.Response(status=503)
        refused = self.refuse
        if request.query.get("ticket") not in self._tickets:
            refused = (514, "ticket is invalid", 1000040344)
        elif len(self.connections) >= MOST_CONNECTIONS:
            refused = (514, "exceed connection limit", 1000040350)
        if refused is not None:
            status, words, code = refused
            headers = {"Handshake-Status": str(status), "Handshake-Msg": words, "Handshake-Autherrcode": str(code)}
            return web.Response(status=400, headers=headers)
        self._tickets.discard(request.query["ticket"])
        socket = web.WebSocketResponse(max_msg_size=4_194_304)
        await socket.prepare(request)
        self._counts.connections += 1
        self.connections.append(socket)
        self._transports[socket] = request.transport
        self._news.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY and socket not in self.half_open:
                    await self._hear(socket, message.data)
        finally:
            self._gone(socket)
        return socket

    async def push(self, event: bytes, *, parts: int = 1) -> tuple[bool, int, bytes]:
        """Deliver an event; return whether it was acknowledged, after how many tries, and with what data."""
        for attempt in range(1, PUSHES + 1):
            connection = await self._connection()
            if connection is None:
                return False, attempt, b""
            self._counts.pushes += 1
            answer = await self._push_once(connection, event, parts)
            if answer is not None and answer[0] == 200:
                return True, attempt, answer[1]
            if answer is None:
                if connection in self.connections and connection not in self.half_open:
                    self._counts.missed_deadlines += 1
            else:
                self._counts.refused_pushes += 1
                await asyncio.sleep(self._repush_s / 10)
        self._counts.unacknowledged += 1
        return False, PUSHES, b""

    async def send_raw(self, raw: bytes) -> None:
        """Send bytes down every connection."""
        for socket in list(self.connections):
            await socket.send_bytes(raw)

    def cut(self) -> None:
        """Break every connection, as a lost network does: without a closing frame."""
        for socket in list(self.connections):
            if (transport := self._transports.get(socket)) is not None:
                transport.abort()
            self._gone(socket)

    def freeze(self) -> None:
        """Let every connection stay open and fall silent; new ones are good."""
        self.half_open.update(self.connections)
        self.connections.clear()

    async def until_connected(self, count: int = 1) -> None:
        """Return once so many connections stand."""
        await self._until(lambda: len(self.connections) >= count)

    async def until_pinged(self, count: int = 1) -> None:
        """Return once so many connections have pinged: their clients are at work."""
        await self._until(lambda: len(self._pinged) >= count)

    async def _until(self, enough: Callable[[], bool]) -> None:
        while not enough():
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Close every connection."""
        for socket in [*self.connections, *self.half_open]:
            await socket.close()

    def _config(self) -> dict[str, Any]:
        return {"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": self._ping_s}

    async def _connection(self) -> web.WebSocketResponse | None:
        try:
            async with asyncio.timeout(self.patience_s):
                await self.until_connected()
        except TimeoutError:
            self._counts.unacknowledged += 1
            return None
        return random.choice(self.connections)  # noqa: S311  (cluster mode: any of them)

    async def _push_once(self, socket: web.WebSocketResponse, event: bytes, parts: int) -> tuple[int, bytes] | None:
        message_id = fresh("msg")
        acknowledged: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._acks[message_id] = acknowledged
        try:
            for frame in _frames(event, message_id, parts):
                await socket.send_bytes(encode(frame))
            async with asyncio.timeout(self._repush_s):
                return await acknowledged
        except (TimeoutError, ConnectionError, RuntimeError):
            return None
        finally:
            del self._acks[message_id]

    async def _hear(self, socket: web.WebSocketResponse, raw: bytes) -> None:
        try:
            frame = decode(raw)
        except MalformedFrame as malformed:
            self._counts.violations.append(f"a frame cannot be read: {malformed}")
            return
        if frame.method == CONTROL and frame.header("type") == "ping":
            self._pinged.add(socket)
            self._news.set()
            if not self.withhold_pongs:
                config = msgspec.json.encode(self._config())
                pong = Frame(service=frame.service, headers=(("type", "pong"),), payload=config)
                await socket.send_bytes(encode(pong))
            return
        acknowledged = self._acks.get(frame.header("message_id"))
        if frame.method == DATA and acknowledged is not None and not acknowledged.done():
            acknowledged.set_result(self._acknowledgement(frame))

    def _acknowledgement(self, frame: Frame) -> tuple[int, bytes]:
        try:
            told = msgspec.json.decode(frame.payload)
            code, data = int(told["code"]), base64.b64decode(told.get("data") or "", validate=True)
        except (msgspec.DecodeError, TypeError, KeyError, ValueError):
            self._counts.violations.append("an acknowledgement cannot be read")
            return 500, b""
        if not frame.header("biz_rt"):
            self._counts.violations.append("an acknowledgement lacks biz_rt")
        return code, data

    def _gone(self, socket: web.WebSocketResponse) -> None:
        if socket in self.connections:
            self.connections.remove(socket)
        self.half_open.discard(socket)
        self._transports.pop(socket, None)
        self._pinged.discard(socket)


def _frames(event: bytes, message_id: str, parts: int) -> Sequence[Frame]:
    """Cut an event anywhere, characters included, and let the parts come in any order."""
    cuts = sorted(random.sample(range(1, len(event)), parts - 1)) if parts > 1 else []
    pieces = [event[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(event)], strict=True)]
    frames = [
        Frame(
            seq_id=secrets.randbits(63),
            log_id=secrets.randbits(63),
            service=SERVICE,
            method=DATA,
            headers=(
                ("type", "event"),
                ("message_id", message_id),
                ("sum", str(parts)),
                ("seq", str(number)),
                ("trace_id", secrets.token_hex(6)),
                ("timestamp", "0"),
            ),
            payload=piece,
        )
        for number, piece in enumerate(pieces)
    ]
    random.shuffle(frames)
    return frames
