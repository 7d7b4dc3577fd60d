"""One subscribed long connection of an AI bot: frames of JSON, each request answered under its `req_id`.

Facts are from the platform's page on the bot's long connection and from its official SDK.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
import structlog

from ai_worker.channels.connection import ConnectFailed, Ending
from ai_worker.channels.wecom.answers import OK, TOO_OFTEN, verdict
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.secret import Secret
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

PING_S = 30.0
MISSED_PINGS = 2
"""After so many pings without an answer the connection is dead, however open the socket looks."""

ANSWER_S = 5.0
"""A frame that has no answer for so long counts as unanswered."""

UNANSWERED = 2
"""After so many frames in a row without an answer the connection is dead as well."""

FRAME_BYTES = 4_194_304
REQUESTS = 20_000
"""Requests whose answers are still told apart; the platform allows far fewer within `ANSWER_S`."""

NOT_SUBSCRIBED = 846609
REFUSED = frozenset({853000, 93019, 40058})
"""The Secret, the Bot ID or a parameter is wrong: trying at once again is useless."""

SUBSCRIBED_TOO_OFTEN_S = 120.0
"""Subscribing is protected against fast restarts for longer than other calls."""


class Frame(msgspec.Struct):
    """One frame, either way. Answers have no `cmd`."""

    cmd: str = ""
    headers: dict[str, Any] = {}
    body: Any = None
    errcode: int = 0
    errmsg: str = ""

    @property
    def req_id(self) -> str:
        """What ties an answer to its request; empty if the frame has none."""
        found = self.headers.get("req_id", "")
        return found if isinstance(found, str) else ""


Heard = Callable[["BotLink", Frame], Awaitable[None]]
"""Is told of each callback. It may be slow, then the connection is not read meanwhile; it must not raise."""

_decode = msgspec.json.Decoder(Frame).decode


class _Turn:
    """Who may send under one `req_id`."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class BotLink:
    """A connection on which the platform has accepted the bot."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, heard: Heard, *, clock: Clock, ping_s: float, answer_s: float
    ) -> None:
        self.id = new_id("link")
        """Ties `req_id`s to the connection that they came in on: on another they mean nothing."""

        self.rotating = asyncio.Event()
        self.heard_at = clock.monotonic()
        self._socket, self._heard, self._clock = socket, heard, clock
        self._ping_s, self._answer_s = ping_s, answer_s
        self._pending: OrderedDict[str, asyncio.Future[Frame]] = OrderedDict()
        self._turns: dict[str, _Turn] = {}
        self._unanswered = 0
        self._displaced = False

    async def serve(self) -> Ending:
        """Hand on frames until the connection ends."""
        pinging = asyncio.create_task(self._ping())
        try:
            await self._read()
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
            self._fail_pending()
        return "displaced" if self._displaced else "lost"

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()

    async def request(self, cmd: str, body: Any, *, req_id: str = "") -> Frame:
        """Send a frame and return its answer, whatever its `errcode`. One at a time for each `req_id`.

        Raises:
            SendFailed: It was not answered, or the connection ended.
        """
        req_id = req_id or new_id(cmd)
        turn = self._turns.setdefault(req_id, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                if req_id in self._pending:
                    await self._settle(req_id)
                return await self._exchange(cmd, body, req_id)
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[req_id]

    async def _settle(self, req_id: str) -> None:
        """Let a late answer to an earlier frame come in, or be given up, before the next under the same id.

        Answers come in the order of the frames: once a ping is answered, nothing older is on its way.
        """
        await self._exchange("ping", None, new_id("ping"))
        self._pending.pop(req_id, None)

    async def _exchange(self, cmd: str, body: Any, req_id: str) -> Frame:
        answered: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[req_id] = answered
        if len(self._pending) > REQUESTS:
            self._pending.popitem(last=False)
        frame = {"cmd": cmd, "headers": {"req_id": req_id}}
        try:
            async with asyncio.timeout(self._answer_s):
                await self._socket.send_str(
                    msgspec.json.encode(frame if body is None else {**frame, "body": body}).decode()
                )
                answer = await answered
        except TimeoutError:
            answered.cancel()  # it stays in its place: its answer may come yet, and is not the next one's
            if cmd != "ping":
                await self._doubt()
            raise SendFailed("wecom", "no answer over the long connection", retry_after=1.0, unsure=True) from None
        except (aiohttp.ClientError, OSError):
            answered.cancel()
            raise SendFailed("wecom", "the long connection broke", retry_after=1.0, unsure=True) from None
        if cmd != "ping":
            self._unanswered = 0
        if answer.errcode == NOT_SUBSCRIBED:  # the socket is open and leads nowhere
            await self.close()
        return answer

    async def _doubt(self) -> None:
        self._unanswered += 1
        if self._unanswered >= UNANSWERED:
            log.warning("channel.frames_unanswered", count=self._unanswered)
            await self._drop()

    async def _read(self) -> None:
        async for message in self._socket:
            self.heard_at = self._clock.monotonic()
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                frame = _decode(message.data)
            except (msgspec.DecodeError, RecursionError):
                log.warning("channel.frame_malformed", size=len(message.data))
                continue
            if not frame.cmd:
                self._answered(frame)
            elif _kind(frame) == "disconnected_event":
                self._displaced = True
                await self.close()
            else:
                await self._heard(self, frame)

    def _answered(self, frame: Frame) -> None:
        waiting = self._pending.pop(frame.req_id, None)
        if waiting is None:
            log.info("channel.answer_unasked", errcode=frame.errcode)
        elif not waiting.done():
            waiting.set_result(frame)

    async def _ping(self) -> None:
        """Ask for a sign of life; WebSocket's own pings are answered by machines that know nothing of bots."""
        missed = 0
        while True:
            asked = self._clock.monotonic()
            try:
                answer = await self.request("ping", None)
                missed = 0
                if answer.errcode == NOT_SUBSCRIBED:
                    return
            except SendFailed:
                missed += 1
            if missed >= MISSED_PINGS:
                log.warning("channel.pings_unanswered", count=missed)
                await self._drop()
                return
            await asyncio.sleep(max(0.0, self._ping_s - (self._clock.monotonic() - asked)))

    async def _drop(self) -> None:
        """Close a connection whose other side may be gone: nobody answers the farewell."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.close()

    def _fail_pending(self) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(aiohttp.ClientConnectionError("the long connection ended"))
        self._pending.clear()


class BotDial:
    """Connects and subscribes one bot."""

    def __init__(
        self,
        *,
        ws_url: str,
        bot_id: str,
        secret: Secret,
        heard: Heard,
        clock: Clock,
        ping_s: float = PING_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._url, self._bot_id, self._secret = ws_url, bot_id, secret
        self._heard, self._clock = heard, clock
        self._ping_s, self._answer_s = ping_s, answer_s
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; nothing is connected yet. Needs a running event loop."""
        if self._session is not None:
            return
        watch = aiohttp.TraceConfig()
        watch.on_request_redirect.append(_not_elsewhere)
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[watch])

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __call__(self) -> BotLink:
        """Return a link that the platform has accepted.

        Raises:
            ConnectFailed: There is no connection, or the platform does not accept the bot.
        """
        assert self._session is not None
        try:
            socket = await self._session.ws_connect(
                self._url, max_msg_size=FRAME_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=2.0)
            )
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectFailed("wecom", f"no connection ({type(error).__name__})") from None
        try:
            await self._subscribe(socket)
        except BaseException:  # cancelled by the time allowed for it, too: no socket is left behind
            await socket.close()
            raise
        return BotLink(socket, self._heard, clock=self._clock, ping_s=self._ping_s, answer_s=self._answer_s)

    async def _subscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        req_id = new_id("aibot_subscribe")
        body = {"bot_id": self._bot_id, "secret": self._secret.reveal()}
        frame = {"cmd": "aibot_subscribe", "headers": {"req_id": req_id}, "body": body}
        try:
            await socket.send_str(msgspec.json.encode(frame).decode())
            answer = await _answer_to(socket, req_id)
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectFailed("wecom", f"the connection broke ({type(error).__name__})") from None
        if answer.errcode == OK:
            return
        detail = f"{answer.errcode}, {verdict(answer.errcode).meaning} ({shorten(answer.errmsg, 200)})"
        pause_s = SUBSCRIBED_TOO_OFTEN_S if answer.errcode == TOO_OFTEN else 0.0
        raise ConnectFailed("wecom", detail, refused=answer.errcode in REFUSED, pause_s=pause_s)


async def _not_elsewhere(*_: object) -> None:
    """Follow no redirect: it would carry the Secret away."""
    raise aiohttp.ClientConnectionError("redirected")


async def _answer_to(socket: aiohttp.ClientWebSocketResponse, req_id: str) -> Frame:
    """Return the answer under `req_id`: another frame that comes first proves nothing."""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.TEXT:
            continue
        with suppress(msgspec.DecodeError, RecursionError):
            frame = _decode(message.data)
            if not frame.cmd and frame.req_id == req_id:
                return frame
    raise aiohttp.ClientConnectionError("closed before the answer")


def _kind(frame: Frame) -> str:
    """Return the type of an event; empty for anything else."""
    event = frame.body.get("event") if isinstance(frame.body, dict) else None
    found = event.get("eventtype") if isinstance(event, dict) else None
    return found if isinstance(found, str) else ""
