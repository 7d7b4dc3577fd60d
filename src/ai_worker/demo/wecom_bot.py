"""A simulated AI-bot platform of WeCom: its long connection, over real sockets on loopback.

It is strict where the platform is strict, and can be told to misbehave as networks and platforms do:

    async with SimulatedBotGateway(bot_id="aib-1", secret="…") as gateway:
        …                                            # a channel with ws_url = gateway.ws_url connects
        await gateway.connected()
        said = await gateway.say("linxiaoyan", "年假怎么休？")
        answer = await gateway.reply_to("linxiaoyan", after=said)
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import WSMsgType, web

from ai_worker.demo.wecom_bot_api import DEADLINE_S, STREAM_S, Asked, Body, BotApi, BotCounts, Bubble
from ai_worker.demo.wecom_bot_media import BotFiles
from ai_worker.foundation.clock import Clock, SystemClock

SUBSCRIBES_A_MINUTE = 60
"""More than this is refused with 45009: subscribing is protected against fast restarts."""


@dataclass(frozen=True, slots=True)
class BotSaid:
    """One message or event of a contact."""

    msg_id: str
    req_id: str
    conversation: str
    delivered: bool
    """Whether it went down a connection. What is said while there is none is never delivered."""

    mark: int
    """Number of the last bubble that had been shown to anybody when this was said."""


class _Connection:
    """One socket of one instance of the bot."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket, self.transport = socket, transport
        self.subscribed = False
        self.frozen = False
        self.busy: set[str] = set()
        """`req_id`s whose latest frame has no answer yet."""


class SimulatedBotGateway:
    """The platform's end of one bot's long connection."""

    def __init__(
        self,
        *,
        bot_id: str,
        secret: str,
        path: str = "/",
        port: int = 0,
        stream_s: float = STREAM_S,
        deadline_s: float = DEADLINE_S,
        clock: Clock | None = None,
    ) -> None:
        self.counts = BotCounts()
        self.ws_url = ""
        """What the channel's `ws_url` has to be; known once the gateway runs."""

        self.withhold_pongs = False
        """Pings are read and not answered."""

        self.answer_after_s = 0.0
        """Every frame is answered this much later."""

        self._bot_id, self._secret, self._path, self._port = bot_id, secret, path, port
        self._clock = clock or SystemClock()
        self._deadline_s = deadline_s
        self._api = BotApi(clock=self._clock, counts=self.counts, stream_s=stream_s, deadline_s=deadline_s)
        self.files = BotFiles(self._api.media, clock=self._clock)
        """What people send, and what the bot uploads."""

        self._runner: web.AppRunner | None = None
        self._current: _Connection | None = None
        self._everyone: set[_Connection] = set()
        self._standing = asyncio.Event()
        self._refusals: deque[int] = deque()
        self._answers: deque[int | None] = deque()
        self._subscribed: deque[float] = deque(maxlen=SUBSCRIBES_A_MINUTE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def up(self) -> None:
        """Serve, on the same port as before."""
        application = web.Application()
        application.router.add_get(self._path, self._serve)
        application.router.add_get("/files/{id}", self.files.serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.files.base = f"http://127.0.0.1:{self._port}"
        self.ws_url = f"ws://127.0.0.1:{self._port}{self._path}"

    async def down(self) -> None:
        """Stop serving: every connection breaks and none can be made, until `up`."""
        await self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def connected(self, *, within_s: float = 10.0) -> None:
        """Return once the bot is subscribed.

        Raises:
            TimeoutError: It did not within `within_s` seconds.
        """
        async with asyncio.timeout(within_s):
            await self._standing.wait()

    async def say(self, user: str, text: str, *, chat: str = "", msg_id: str | None = None) -> BotSaid:
        """Send a text of `user`, in the group `chat` if given; the same `msg_id` again is a duplicate."""
        return await self.post(user, {"msgtype": "text", "text": {"content": text}}, chat=chat, msg_id=msg_id)

    async def post(self, user: str, content: Body, *, chat: str = "", msg_id: str | None = None) -> BotSaid:
        """Send a message of any type."""
        return await self._call("aibot_msg_callback", "message", user, content, chat=chat, msg_id=msg_id)

    async def send_file(
        self, user: str, name: str, content: bytes, *, kind: str = "image", key: bytes | None = None
    ) -> BotSaid:
        """Send a picture, file or video: its address is good for five minutes, and leads to ciphertext."""
        return await self.post(user, {"msgtype": kind, kind: self.files.send(name, content, key=key)})

    async def enter(self, user: str) -> BotSaid:
        """Let `user` open the chat for the first time today."""
        return await self._event(user, "enter_chat", {})

    async def press(self, user: str, card: Bubble, key: str, *, chat: str = "") -> BotSaid:
        """Let `user` press the button `key` of a card."""
        told = {"card_type": card.card.get("card_type", ""), "event_key": key, "task_id": card.card["task_id"]}
        return await self._event(user, "template_card_event", told, chat=chat, task_id=card.card["task_id"])

    async def rate(
        self, user: str, bubble: Bubble, kind: int, *, content: str = "", reasons: list[int] | None = None
    ) -> BotSaid:
        """Let `user` say what they think of an answer: 1 good, 2 bad, 3 taken back."""
        told = {"id": bubble.feedback_id, "type": kind, "content": content, "inaccurate_reason_list": reasons or []}
        return await self._event(user, "feedback_event", told)

    async def raw(self, data: str | bytes) -> None:
        """Send anything at all down the connection."""
        assert self._current is not None
        if isinstance(data, bytes):
            await self._current.socket.send_bytes(data)
        else:
            await self._current.socket.send_str(data)

    async def reply_to(self, conversation: str, *, after: BotSaid | None = None, within_s: float = 10.0) -> Bubble:
        """Return the first finished bubble of a conversation (since `after` was said), waiting for it if need be.

        Raises:
            TimeoutError: None came within `within_s` seconds.
        """
        mark = after.mark if after else 0
        async with asyncio.timeout(within_s):
            shown = await self._api.wait_for(conversation, lambda found: any(b.finished for b in found), after=mark)
        return next(bubble for bubble in shown if bubble.finished)

    async def bubbles(
        self, conversation: str, count: int, *, after: BotSaid | None = None, within_s: float = 10.0
    ) -> list[Bubble]:
        """Return what a conversation sees once it is at least `count` bubbles.

        Raises:
            TimeoutError: Fewer came within `within_s` seconds.
        """
        mark = after.mark if after else 0
        async with asyncio.timeout(within_s):
            return await self._api.wait_for(conversation, lambda found: len(found) >= count, after=mark)

    def shown_to(self, conversation: str, *, after: BotSaid | None = None) -> list[Bubble]:
        """Return what a conversation sees so far, oldest first."""
        return self._api.shown_to(conversation, after=after.mark if after else 0)

    def refuse_subscribe(self, *errcodes: int) -> None:
        """Let the next subscribes be refused, with one code each."""
        self._refusals.extend(errcodes)

    def answer_next(self, *errcodes: int | None) -> None:
        """Let the next frames (pings aside) be answered with these codes, untaken; `None`: with nothing at all."""
        self._answers.extend(errcodes)

    async def cut(self, *, reset: bool = True) -> None:
        """Break every connection without a farewell.

        Args:
            reset: What is on its way to the bot is lost as well; else it still arrives.
        """
        for connection in list(self._everyone):
            if connection.transport is not None:
                connection.transport.abort() if reset else connection.transport.close()
            self._forget(connection)

    async def close_cleanly(self) -> None:
        """Close the connection with a farewell, as when the platform's own machines are changed."""
        if self._current is not None:
            await self._current.socket.close(code=1000)

    def freeze(self) -> None:
        """Let the connection stay open and lead nowhere: nothing is read from it or written to it any more."""
        if self._current is not None:
            self._current.frozen = True
            self._forget(self._current)

    async def displace(self) -> None:
        """Let another instance of the bot take the connection over."""
        if (old := self._current) is not None:
            self._forget(old)
            await self._say_goodbye(old)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True, max_msg_size=8_388_608)
        await socket.prepare(request)
        connection = _Connection(socket, request.transport)
        self._everyone.add(connection)
        try:
            async for message in socket:
                if connection.frozen:
                    continue
                if message.type is WSMsgType.TEXT:
                    await self._on_frame(connection, message.data)
                else:
                    self.counts.violations.append("a frame that is not text")
        finally:
            self._everyone.discard(connection)
            self._forget(connection)
        return socket

    async def _on_frame(self, connection: _Connection, data: str) -> None:
        try:
            frame = msgspec.json.decode(data, type=dict[str, Any])
            cmd, req_id = str(frame["cmd"]), str(frame["headers"]["req_id"])
        except (msgspec.DecodeError, KeyError, TypeError):
            self.counts.violations.append("a frame without cmd or req_id")
            return
        if cmd == "ping":
            self.counts.pings += 1
            if not self.withhold_pongs:
                await self._answer(connection, req_id, 0 if connection.subscribed else 846609, "ok")
            return
        if cmd == "aibot_subscribe":
            await self._on_subscribe(connection, req_id, frame.get("body"))
            return
        self.counts.frames += 1
        if req_id in connection.busy:
            self.counts.violations.append("a frame under a req_id whose frame before has no answer yet")
        connection.busy.add(req_id)
        if self.answer_after_s:
            self._aside(self._take_later(connection, cmd, req_id, frame.get("body")))
        else:
            await self._take(connection, cmd, req_id, frame.get("body"))

    async def _take_later(self, connection: _Connection, cmd: str, req_id: str, body: Any) -> None:
        await asyncio.sleep(self.answer_after_s)
        await self._take(connection, cmd, req_id, body)

    async def _take(self, connection: _Connection, cmd: str, req_id: str, body: Any) -> None:
        planned = self._answers.popleft() if self._answers else 0
        if planned is None:  # taken, and the answer is lost
            self._api.handle(connection, cmd, req_id, body)
            connection.busy.discard(req_id)
            return
        errcode, errmsg, told = planned, "simulated", None
        if not connection.subscribed:
            errcode, errmsg = 846609, "not subscribed"
        elif not planned and cmd.startswith("aibot_upload_media_") and isinstance(body, dict):
            errcode, errmsg, told = self.files.handle(cmd, body)
            if errcode:
                self.counts.violations.append(errmsg)
        elif not planned:
            errcode, errmsg = self._api.handle(connection, cmd, req_id, body)
        connection.busy.discard(req_id)
        await self._answer(connection, req_id, errcode, errmsg, told)
        await self._api.tell()

    async def _on_subscribe(self, connection: _Connection, req_id: str, body: Any) -> None:
        self.counts.subscribes += 1
        now = self._clock.monotonic()
        errcode = self._refusals.popleft() if self._refusals else 0
        if len(self._subscribed) == SUBSCRIBES_A_MINUTE and now - self._subscribed[0] < 60:
            self.counts.violations.append(f"more than {SUBSCRIBES_A_MINUTE} subscribes a minute")
            errcode = 45009
        self._subscribed.append(now)
        told = body if isinstance(body, dict) else {}
        if not errcode and told.get("bot_id") != self._bot_id:
            errcode = 93019
        if not errcode and told.get("secret") != self._secret:
            errcode = 853000
        if errcode:
            await self._answer(connection, req_id, errcode, "refused")
            return
        old, self._current = self._current, connection
        connection.subscribed = True
        await self._answer(connection, req_id, 0, "ok")
        self._standing.set()
        if old is not None and old is not connection:
            await self._say_goodbye(old)

    async def _say_goodbye(self, old: _Connection) -> None:
        event = {"msgtype": "event", "event": {"eventtype": "disconnected_event"}, "aibotid": self._bot_id}
        frame = {"cmd": "aibot_event_callback", "headers": {"req_id": _req_id()}, "body": event}
        old.subscribed = False
        await _send(old, frame)
        await old.socket.close(code=1000)

    async def _event(self, user: str, kind: Asked, told: Body, *, chat: str = "", task_id: str = "") -> BotSaid:
        content = {"msgtype": "event", "event": {"eventtype": kind, kind: told}}
        said = await self._call("aibot_event_callback", kind, user, content, chat=chat, task_id=task_id)
        if kind in ("enter_chat", "template_card_event") and said.delivered and self._current is not None:
            self._aside(self._watch(self._current, said.req_id))
        return said

    async def _watch(self, connection: _Connection, req_id: str) -> None:
        await asyncio.sleep(self._deadline_s)
        self.counts.missed_deadlines += self._api.overdue(connection, req_id)

    async def _call(
        self,
        cmd: str,
        kind: Asked,
        user: str,
        content: Body,
        *,
        chat: str,
        msg_id: str | None = None,
        task_id: str = "",
    ) -> BotSaid:
        conversation, req_id = chat or user, _req_id()
        body = {
            "msgid": msg_id or secrets.token_hex(16),
            "create_time": int(self._clock.now().timestamp()),
            "aibotid": self._bot_id,
            "chattype": "group" if chat else "single",
            **({"chatid": chat} if chat else {}),
            "from": {"userid": user},
            **content,
        }
        mark, connection = self.counts.shown, self._current
        delivered = False
        if connection is not None:
            self.counts.callbacks += 1
            self._api.called(connection, req_id, kind, conversation=conversation, user=user, task_id=task_id)
            delivered = await _send(connection, {"cmd": cmd, "headers": {"req_id": req_id}, "body": body})
        self.counts.undelivered += not delivered
        return BotSaid(str(body["msgid"]), req_id, conversation, delivered, mark)

    async def _answer(
        self, connection: _Connection, req_id: str, errcode: int, errmsg: str, told: Body | None = None
    ) -> None:
        frame: Body = {"headers": {"req_id": req_id}, "errcode": errcode, "errmsg": errmsg}
        await _send(connection, frame if told is None else {**frame, "body": told})

    def _forget(self, connection: _Connection) -> None:
        self._api.gone(connection)
        if self._current is connection:
            self._current = None
            self._standing.clear()

    def _aside(self, doing: Any) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _send(connection: _Connection, frame: Body) -> bool:
    """Send a frame; return whether the socket took it."""
    if connection.frozen:
        return True
    try:
        await connection.socket.send_str(msgspec.json.encode(frame).decode())
    except (ConnectionError, RuntimeError):  # aiohttp raises either once the other side has gone
        return False
    return True


def _req_id() -> str:
    return secrets.token_hex(12)
