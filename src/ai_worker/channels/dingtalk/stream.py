"""Stream mode: one WebSocket over which the platform pushes, so that no public address is needed.

The platform rotates connections as a matter of routine: it says so, goes silent at once and cuts the
connection some seconds later. What it would have pushed in a gap is lost, so another connection is
opened first (`channels.connection`), with a new ticket: one opens one connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from ai_worker import __version__
from ai_worker.channels.connection import ConnectFailed, Ending
from ai_worker.channels.dingtalk import frames
from ai_worker.channels.dingtalk.answers import Answer
from ai_worker.channels.dingtalk.fields import text_of
from ai_worker.channels.dingtalk.frames import Frame
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

Handle = Callable[[Frame], Awaitable[str]]
"""Takes a push and returns the answer to it."""

IN_WORK = 200
"""Pushes that are being made durable at once; more are left in the socket."""

FINISH_S = 5.0
"""So long a stop waits for them."""

NOT_OPENED: Mapping[int, str] = {
    400: "the application is not published, or its robot is not in Stream mode "
    "(open-dev.dingtalk.com: 机器人 › 消息接收模式 › Stream模式, then 版本管理与发布)",
    401: "the credentials are refused; copy Client ID and Client Secret again (凭证与基础信息)",
    403: "the application lacks a permission (权限管理), or this server's address is not allowed",
}


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a connection's life is watched. Only tests have a reason for other figures."""

    ping_s: float = 25.0
    """Seconds between pings of ours."""

    pong_s: float = 10.0
    """How long the answer to one may take."""

    quiet_s: float = 300.0
    """A connection on which the platform has pinged, and then sent nothing for so long, is half dead even
    if it answers pings: such ones have been seen, and nothing was pushed to them any more."""


class Gateway:
    """Opens Stream connections for one application."""

    def __init__(
        self,
        *,
        settings: DingtalkSettings,
        post: Post,
        hosts: TrustedHosts,
        handlers: Mapping[str, Handle],
        clock: Clock,
        pulse: Pulse,
    ) -> None:
        """Prepare; nothing goes over the network yet.

        Args:
            settings: Whose connections.
            post: Makes the calls.
            hosts: Where a connection may lead.
            handlers: Who takes the pushes, by topic: these topics are subscribed to.
            clock: Tells the time.
            pulse: How a connection's life is watched.
        """
        self._settings, self._post, self._hosts = settings, post, hosts
        self._handlers, self._clock, self._pulse = handlers, clock, pulse
        self._working: set[asyncio.Task[None]] = set()

    async def dial(self) -> "StreamLink":
        """Open a connection with a ticket of its own.

        Raises:
            ConnectFailed: The platform refused, or cannot be reached.
        """
        endpoint, ticket = await self.ticket()
        url = URL(f"{endpoint}{'&' if '?' in endpoint else '?'}ticket={quote(ticket, safe='')}", encoded=True)
        try:
            socket = await self._post.connect(url)
        except (aiohttp.ClientError, OSError) as error:  # their words would quote the ticket
            status = f", HTTP status {error.status}" if isinstance(error, aiohttp.WSServerHandshakeError) else ""
            raise ConnectFailed("dingtalk", f"no connection ({type(error).__name__}{status})") from None
        return StreamLink(socket, self._handlers, self._working, clock=self._clock, pulse=self._pulse)

    async def ticket(self) -> tuple[str, str]:
        """Return where to connect and the ticket for it: good for 90 s and one connection, never kept.

        Raises:
            ConnectFailed: The platform refused, or cannot be reached.
        """
        body = {
            "clientId": self._settings.client_id,
            "clientSecret": self._settings.client_secret.reveal(),
            "ua": f"ai-worker/{__version__}",
            "subscriptions": [{"type": "CALLBACK", "topic": topic} for topic in self._handlers],
        }
        url = URL(f"{self._settings.api_base}/v1.0/gateway/connections/open")
        try:
            answer = await self._post.call("POST", url, body, changes=False)
        except SendFailed as failure:
            raise ConnectFailed("dingtalk", str(failure).removeprefix("dingtalk: ")) from None
        endpoint, ticket = text_of(answer.found, "endpoint"), text_of(answer.found, "ticket")
        if not answer.ok or not endpoint or not ticket:
            raise _refusal(answer)
        if not self._hosts.may_connect(endpoint):
            raise ConnectFailed("dingtalk", "the platform names an endpoint that is not on its own hosts")
        return endpoint, ticket

    async def finish(self) -> None:
        """Wait until what has been pushed is durable: a connection that ends must not take it along."""
        if self._working:
            _, late = await asyncio.wait(set(self._working), timeout=FINISH_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _refusal(answer: Answer) -> ConnectFailed:
    said = shorten(f"{answer.code} {text_of(answer.found, 'message')}", 200)
    meaning = NOT_OPENED.get(answer.status, "the gateway opens no connection now")
    detail = f"HTTP status {answer.status}, {meaning} ({said})"
    return ConnectFailed("dingtalk", detail, refused=answer.status == 401)


class StreamLink:
    """One Stream connection."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        handlers: Mapping[str, Handle],
        working: set[asyncio.Task[None]],
        *,
        clock: Clock,
        pulse: Pulse,
    ) -> None:
        self._socket, self._handlers, self._working = socket, handlers, working
        self._clock, self._pulse = clock, pulse
        self._ponged = asyncio.Event()
        self._pinged_us = False
        self.rotating = asyncio.Event()
        self.heard_at = self._frame_at = clock.monotonic()

    async def serve(self) -> Ending:
        """Handle frames until the connection ends or no longer answers."""
        parts = {asyncio.create_task(self._read()), asyncio.create_task(self._ping())}
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        return "lost"

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return
            if message.type is aiohttp.WSMsgType.ERROR:
                return
            self.heard_at = self._clock.monotonic()
            if message.type is aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                self._ponged.set()
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._frame_at = self.heard_at
                await self._take(message.data)

    async def _ping(self) -> None:
        """Ping now and then; return when the connection no longer lives."""
        while True:
            await asyncio.sleep(self._pulse.ping_s)
            self._ponged.clear()
            try:
                async with asyncio.timeout(self._pulse.pong_s):
                    await self._socket.ping()
                    await self._ponged.wait()
            except (TimeoutError, aiohttp.ClientError, OSError):
                log.warning("dingtalk.no_pong")
                return
            if self._pinged_us and self._clock.monotonic() - self._frame_at > self._pulse.quiet_s:
                log.warning("dingtalk.no_frames")
                return

    async def _take(self, raw: str) -> None:
        frame = frames.read(raw)
        if frame is None:
            log.warning("dingtalk.frame_ignored")
        elif frame.type == "SYSTEM":
            await self._system(frame)
        elif frame.type == "EVENT":  # none is subscribed to, and none asks for anything
            await self._answer(frames.answer(frame, data='{"status":"SUCCESS","message":""}'))
        elif frame.topic in self._handlers:
            while len(self._working) >= IN_WORK:
                await asyncio.wait(set(self._working), return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._handle(frame))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        else:
            await self._answer(frames.answer(frame, frames.NO_TOPIC))

    async def _system(self, frame: Frame) -> None:
        if frame.topic == "disconnect":
            log.info("dingtalk.rotating")
            self.rotating.set()
            return
        self._pinged_us |= frame.topic == "ping"
        await self._answer(frames.answer(frame, data=frame.data))

    async def _handle(self, frame: Frame) -> None:
        try:
            answer = await self._handlers[frame.topic](frame)
        except Exception:  # a task boundary: one push that we cannot take must not end the connection
            log.exception("dingtalk.push_defect", topic=frame.topic)
            answer = frames.answer(frame, frames.FAILED)
        await self._answer(answer)

    async def _answer(self, words: str) -> None:
        try:
            await self._socket.send_str(words)
        except (aiohttp.ClientError, OSError):  # the reader finds out that it has ended
            log.info("dingtalk.answer_not_sent")
