"""The simulated DingTalk's gateway: tickets, connections, pushes and their answers."""

import asyncio
import random
import secrets
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.demo.dingtalk_chats import Counts
from ai_worker.foundation.clock import Clock

TICKET_S = 90.0
CUT_S = 10.0
"""How long after `disconnect` the connection is cut; it is silent at once."""

PING_S = 30.0
ROBOT_DEADLINE_S = 60.0
"""Without an answer for so long a message has been seen to come again."""

PING_DEADLINE_S, CARD_DEADLINE_S = 5.0, 3.0

Told = tuple[int, dict[str, Any]]


@dataclass(eq=False, slots=True)
class _Connection:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    topics: frozenset[str]
    leaving: bool = False
    """It was told `disconnect`: nothing more goes down it."""

    deaf: bool = False
    """Half open: it stands, but nothing comes through either way."""

    waiting: dict[str, "asyncio.Future[dict[str, Any]]"] = field(default_factory=dict)


class StreamGateway:
    """Opens connections and pushes over a random one of them."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        clock: Clock,
        counts: Counts,
        ping_s: float,
        cut_s: float,
        robot_deadline_s: float,
    ) -> None:
        self.published = True
        """The application is published and in Stream mode."""

        self.down = False
        self.pongs = True
        """Answers the pings of others; False withholds the pongs."""

        self.pause_pings = False
        """Sends no pings of its own for a while, as a connection that is half dead."""

        self.endpoint = ""
        self._client_id, self._client_secret = client_id, client_secret
        self._clock, self._counts = clock, counts
        self._ping_s, self._cut_s, self._robot_deadline_s = ping_s, cut_s, robot_deadline_s
        self._tickets: dict[str, tuple[float, frozenset[str]]] = {}
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opened = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many connections stand and are pushed to."""
        return sum(not connection.leaving for connection in self._connections)

    async def stand(self, count: int) -> None:
        """Return once at least so many connections stand."""
        while self.connections < count:
            await self._opened.wait()

    def open(self, body: dict[str, Any]) -> Told:
        """Give out a ticket."""
        if self.down:
            return 503, {"code": "ServiceUnavailable", "message": "the gateway is busy"}
        if body.get("clientId") != self._client_id or body.get("clientSecret") != self._client_secret:
            return 401, {"code": "authFailed", "message": "鉴权失败"}
        subscribed = body.get("subscriptions")
        if not self.published or not isinstance(subscribed, list) or not subscribed:
            return 400, {"code": "invalidParameter", "message": "app is not published or not in stream mode"}
        self._counts.tickets += 1
        ticket = secrets.token_hex(16)
        topics = frozenset(str(one.get("topic")) for one in subscribed)
        self._tickets[ticket] = (self._clock.monotonic() + TICKET_S, topics)
        return 200, {"endpoint": self.endpoint, "ticket": ticket}

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        until, topics = self._tickets.pop(request.query.get("ticket", ""), (0.0, frozenset[str]()))
        if self.down:
            return web.Response(status=503)
        if self._clock.monotonic() >= until:
            self._counts.ticket_reuses += 1
            return web.Response(status=401)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = _Connection(socket, request.transport, topics)
        self._connections.add(connection)
        self._counts.connections += 1
        self._opened.set()
        self._opened = asyncio.Event()
        pinging = self._spawn(self._ping(connection))
        try:
            async for message in socket:
                await self._hear(connection, message)
        finally:
            pinging.cancel()
            self._connections.discard(connection)
            for waiting in connection.waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError())
        return socket

    async def push(self, topic: str, data: dict[str, Any], *, deadline_s: float = 0.0) -> dict[str, Any] | None:
        """Push over a random connection and return the answer; `None` if there was no connection, or no answer.

        Args:
            topic: What is pushed.
            data: Its content.
            deadline_s: Within which it has to be answered; 0 for a robot message's.
        """
        open_ones = [one for one in self._connections if not one.leaving and topic in one.topics]
        if not open_ones:
            return None
        self._counts.pushes += 1
        connection = random.choice(open_ones)  # noqa: S311  (spreads load)
        return await self._ask(connection, "CALLBACK", topic, data, deadline_s or self._robot_deadline_s)

    async def rotate(self, *, count: int = 0) -> None:
        """Tell connections (`count` of them, or all) that they will be closed; they are silent from now on."""
        chosen = [one for one in self._connections if not one.leaving]
        for connection in chosen[: count or None]:
            connection.leaving = True
            await connection.socket.send_str(_frame("SYSTEM", "disconnect", {"reason": "connection is expired"})[1])
            self._spawn(self._cut_later(connection))

    def cut(self, *, count: int = 0) -> None:
        """Break connections (`count` of them, or all) without a word."""
        chosen = [one for one in self._connections if not one.leaving]
        for connection in chosen[: count or None]:
            connection.leaving = True
            _abort(connection)

    def deafen(self) -> None:
        """Make every connection half open: pushes go down it, and nothing arrives."""
        for connection in self._connections:
            connection.deaf = True

    async def send_raw(self, words: str | bytes) -> None:
        """Send something down every connection as it stands."""
        for connection in self._connections:
            await (connection.socket.send_str(words) if isinstance(words, str) else connection.socket.send_bytes(words))

    async def event(self, kind: str) -> dict[str, Any] | None:
        """Push an event over the first connection and return its answer."""
        connection = next(iter(self._connections))
        return await self._ask(connection, "EVENT", "*", {"eventType": kind}, self._robot_deadline_s)

    async def close(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections):
            _abort(connection)

    async def _ask(
        self, connection: _Connection, type_: str, topic: str, data: dict[str, Any], deadline_s: float
    ) -> dict[str, Any] | None:
        message_id, words = _frame(type_, topic, data)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        connection.waiting[message_id] = answered
        try:
            if not connection.deaf:
                await connection.socket.send_str(words)
            async with asyncio.timeout(deadline_s):
                return await answered
        except TimeoutError:
            self._counts.missed_deadlines += not connection.deaf
            return None
        except (ConnectionError, aiohttp.ClientError):  # it ended; nobody knows what became of the push
            return None
        finally:
            connection.waiting.pop(message_id, None)

    async def _hear(self, connection: _Connection, message: aiohttp.WSMessage) -> None:
        if connection.deaf:
            return
        if message.type is aiohttp.WSMsgType.PING and self.pongs:
            await connection.socket.pong(message.data)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        try:
            found = msgspec.json.decode(message.data, type=dict[str, Any])
        except msgspec.DecodeError:
            self._counts.violations.append("an answer is no JSON")
            return
        answered = connection.waiting.get(str(found.get("headers", {}).get("messageId")))
        if not isinstance(found.get("data"), str):
            self._counts.violations.append("the data of an answer is not a string")
        if answered is not None and not answered.done():
            self._counts.answered += 1
            self._counts.refused += found.get("code") != 200
            answered.set_result(found)

    async def _ping(self, connection: _Connection) -> None:
        while not connection.leaving:
            await asyncio.sleep(self._ping_s)
            if self.pause_pings:
                continue
            opaque = secrets.token_hex(8)
            told = await self._ask(connection, "SYSTEM", "ping", {"opaque": opaque}, PING_DEADLINE_S)
            if told is not None and opaque not in str(told.get("data")):
                self._counts.violations.append("a ping was answered with other data")

    async def _cut_later(self, connection: _Connection) -> None:
        await asyncio.sleep(self._cut_s)
        _abort(connection)

    def _spawn(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _frame(type_: str, topic: str, data: dict[str, Any]) -> tuple[str, str]:
    message_id = f"{secrets.token_hex(4)}_{secrets.randbelow(10**4)}_{secrets.token_hex(6)}"
    headers = {"topic": topic, "messageId": message_id, "contentType": "application/json"}
    frame = {"specVersion": "1.0", "type": type_, "headers": headers, "data": msgspec.json.encode(data).decode()}
    return message_id, msgspec.json.encode(frame).decode()


def _abort(connection: _Connection) -> None:
    """Cut TCP, as a gateway that goes away does: without a closing handshake."""
    if connection.transport is not None:
        connection.transport.abort()
