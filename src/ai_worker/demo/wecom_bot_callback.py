"""A simulated AI-bot platform of WeCom that calls back: encrypted JSON, and answers that it pulls.

async with SimulatedBotCallbacks(bot_id="aib-1", token="…", encoding_aes_key="…") as platform:
    platform.callback_url = "http://127.0.0.1:18789/channels/assistant/callback"
    said = await platform.say("linxiaoyan", "年假怎么休？")
    answer = await platform.reply_to("linxiaoyan", after=said)
"""

import asyncio
import base64
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.demo.wecom_bot_api import KEPT, STREAM_BYTES, STREAM_S, Body, Bubble
from ai_worker.demo.wecom_envelope import Seal, unseal
from ai_worker.foundation.clock import Clock, SystemClock

ATTEMPTS = 3
DEADLINE_S = 5.0
POLL_S = 0.5
"""Between two questions how far an answer is."""


@dataclass(slots=True)
class CallbackCounts:
    """What happened at the platform since it started."""

    callbacks: int = 0
    polls: int = 0
    missed_deadlines: int = 0
    refused_callbacks: int = 0
    unacknowledged: int = 0
    shown: int = 0
    late: int = 0
    """Answers that came to a `response_url`."""

    forged_answered: int = 0
    """Forged callbacks that were answered with anything but a refusal."""

    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(frozen=True, slots=True)
class CallbackSaid:
    """One message that the platform delivered, or tried to."""

    msg_id: str
    conversation: str
    acknowledged: bool
    attempts: int
    mark: int
    """Number of the last bubble that had been shown to anybody when this was said."""


class SimulatedBotCallbacks:
    """The platform's side of one bot that is called back."""

    def __init__(
        self,
        *,
        bot_id: str,
        token: str,
        encoding_aes_key: str,
        callback_url: str = "",
        stream_s: float = STREAM_S,
        poll_s: float = POLL_S,
        deadline_s: float = DEADLINE_S,
        clock: Clock | None = None,
    ) -> None:
        self.callback_url = callback_url
        self.counts = CallbackCounts()
        self.api_base = ""
        """Where late answers go; the channel's `api_base` has to be this."""

        self.polls = True
        """Whether answers are pulled at all: False, as after a contact has closed the chat."""

        self._bot_id = bot_id
        self._seal = Seal(token, encoding_aes_key, "")
        self._stream_s, self._poll_s, self._deadline_s = stream_s, poll_s, deadline_s
        self._clock = clock or SystemClock()
        self._bubbles: defaultdict[str, list[Bubble]] = defaultdict(list)
        self._streams: dict[str, Bubble] = {}
        self._codes: dict[str, str] = {}
        self._used: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/cgi-bin/aibot/response", self._serve_late)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.api_base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._http is not None
        assert self._runner is not None
        await self._http.close()
        await self._runner.cleanup()

    async def say(
        self, user: str, text: str, *, chat: str = "", msg_id: str | None = None, response_url: str | None = None
    ) -> CallbackSaid:
        """Deliver a text of `user`; the same `msg_id` again is a duplicate of the first."""
        content: Body = {"msgtype": "text", "text": {"content": text}}
        url = self.late_url(chat or user) if response_url is None else response_url
        return await self.post(user, {**content, "response_url": url}, chat=chat, msg_id=msg_id)

    def late_url(self, conversation: str) -> str:
        """Return a new `response_url`."""
        code = secrets.token_hex(8)
        self._codes[code] = conversation
        return f"{self.api_base}/cgi-bin/aibot/response?response_code={code}"

    async def enter(self, user: str) -> CallbackSaid:
        """Let `user` open the chat for the first time today."""
        return await self.post(user, {"msgtype": "event", "event": {"eventtype": "enter_chat"}})

    async def rate(self, user: str, bubble: Bubble, kind: int, *, content: str = "") -> CallbackSaid:
        """Let `user` say what they think of an answer: 1 good, 2 bad, 3 taken back."""
        told = {"id": bubble.feedback_id, "type": kind, "content": content}
        event = {"eventtype": "feedback_event", "feedback_event": told}
        return await self.post(user, {"msgtype": "event", "event": event})

    async def post(self, user: str, content: Body, *, chat: str = "", msg_id: str | None = None) -> CallbackSaid:
        """Deliver a message or event of any type, three attempts in all, each signed anew."""
        conversation, mark = chat or user, self.counts.shown
        body = {"msgid": msg_id or secrets.token_hex(16), **self._head(user, chat), **content}
        acknowledged, attempts = False, 0
        while not acknowledged and attempts < ATTEMPTS:
            attempts += 1
            acknowledged, answer = await self._attempt(body)
            if acknowledged and answer is not None:
                await self._on_answer(conversation, user, chat, answer)
        self.counts.unacknowledged += not acknowledged
        return CallbackSaid(str(body["msgid"]), conversation, acknowledged, attempts, mark)

    async def forge(self, user: str, text: str) -> int:
        """Send a message whose signature is another application's; return the status of the answer."""
        body = {"msgid": secrets.token_hex(16), **self._head(user, ""), "msgtype": "text", "text": {"content": text}}
        foreign = replace(self._seal, token="foreign")  # noqa: S106  (a made-up one)
        status, _ = await self._request(msgspec.json.encode(body).decode(), foreign)
        self.counts.forged_answered += status < 400
        return status

    async def verify_url(self) -> bool:
        """Verify the callback address as the admin console does; the answer must be the bare plaintext."""
        word = str(secrets.randbits(63))
        echostr = self._seal.encrypt(word)
        status, body = await self._send("GET", self._signed(self._seal, echostr, echostr=echostr), None)
        return status == 200 and body == word.encode()

    async def reply_to(self, conversation: str, *, after: CallbackSaid | None = None, within_s: float = 10.0) -> Bubble:
        """Return the first finished bubble of a conversation (since `after` was said), waiting for it if need be.

        Raises:
            TimeoutError: None came within `within_s` seconds.
        """
        shown = await self.wait_for(
            conversation, lambda found: any(b.finished for b in found), after=after, within_s=within_s
        )
        return next(bubble for bubble in shown if bubble.finished)

    async def wait_for(
        self,
        conversation: str,
        enough: Callable[[list[Bubble]], bool],
        *,
        after: CallbackSaid | None = None,
        within_s: float = 10.0,
    ) -> list[Bubble]:
        """Return what a conversation sees once it is enough.

        Raises:
            TimeoutError: It was not within `within_s` seconds.
        """
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: enough(self.shown_to(conversation, after=after)))
        return self.shown_to(conversation, after=after)

    def shown_to(self, conversation: str, *, after: CallbackSaid | None = None) -> list[Bubble]:
        """Return what a conversation sees so far, oldest first."""
        return [b for b in self._bubbles[conversation] if b.number > (after.mark if after else 0)]

    def _head(self, user: str, chat: str) -> Body:
        return {
            "aibotid": self._bot_id,
            "chattype": "group" if chat else "single",
            **({"chatid": chat} if chat else {}),
            "from": {"userid": user},
        }

    async def _attempt(self, body: Body) -> tuple[bool, Body | None]:
        self.counts.callbacks += 1
        try:
            status, raw = await self._request(msgspec.json.encode(body).decode(), self._seal)
        except TimeoutError:
            self.counts.missed_deadlines += 1
            return False, None
        except aiohttp.ClientError:
            status, raw = 0, b""
        if status != 200:
            self.counts.refused_callbacks += 1
            return False, None
        if not raw:
            return True, None
        answer = self._opened(raw)
        return answer is not None, answer

    def _opened(self, raw: bytes) -> Body | None:
        """Return what an answer says; `None` if it is not sealed as the platform wants it."""
        try:
            told = msgspec.json.decode(raw, type=dict[str, Any])
            signature = self._seal.sign(str(told["timestamp"]), told["nonce"], told["encrypt"])
            if signature == told["msgsignature"] and isinstance(told["timestamp"], int):
                return msgspec.json.decode(unseal(self._seal, told["encrypt"]), type=dict[str, Any])
        except (msgspec.DecodeError, KeyError, ValueError):
            pass
        self.counts.violations.append("an answer that the platform cannot read")
        return None

    async def _on_answer(self, conversation: str, user: str, chat: str, answer: Body) -> None:
        if answer.get("msgtype") == "text":
            await self._show(Bubble(0, conversation, answer["text"]["content"], "text", True, self._clock.now()))
            return
        stream = answer.get("stream")
        if not isinstance(stream, dict) or not self._readable(stream):
            return
        if stream["id"] in self._streams:  # the first answer was lost on its way, or the message was repeated
            return
        feedback = stream.get("feedback", {}).get("id", "")
        bubble = Bubble(
            0, conversation, stream["content"], "stream", stream["finish"], self._clock.now(), feedback_id=feedback
        )
        self._streams[stream["id"]] = await self._show(bubble)
        if not stream["finish"]:
            task = asyncio.create_task(self._pull(stream["id"], user, chat))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pull(self, stream: str, user: str, chat: str) -> None:
        """Ask how far an answer is until it is finished, or its six minutes are over."""
        began = self._clock.monotonic()
        while self.polls and self._clock.monotonic() - began < self._stream_s:
            await asyncio.sleep(self._poll_s)
            if not self.polls:
                return
            self.counts.polls += 1
            body = {"msgid": secrets.token_hex(16), **self._head(user, chat), "msgtype": "stream"}
            acknowledged, answer = await self._attempt({**body, "stream": {"id": stream}})
            told = answer.get("stream") if answer else None
            if not acknowledged or not isinstance(told, dict) or not self._readable(told):
                continue
            if told["id"] != stream:
                self.counts.violations.append("an answer under another stream's id")
                continue
            await self._update(stream, told["content"], told["finish"])
            if told["finish"]:
                return

    def _readable(self, stream: Body) -> bool:
        text = stream.get("content")
        if not isinstance(text, str) or not isinstance(stream.get("finish"), bool) or not stream.get("id"):
            self.counts.violations.append("a stream without id, content or finish")
            return False
        if len(text.encode()) > STREAM_BYTES:
            self.counts.violations.append(f"a stream of {len(text.encode())} bytes")
            return False
        return True

    async def _show(self, bubble: Bubble) -> Bubble:
        self.counts.shown += 1
        shown = replace(bubble, number=self.counts.shown)
        self._bubbles[bubble.conversation].append(shown)
        async with self._news:
            self._news.notify_all()
        return shown

    async def _update(self, stream: str, text: str, finished: bool) -> None:
        old = self._streams[stream]
        new = self._streams[stream] = replace(old, text=text, finished=finished, updates=old.updates + 1)
        bubbles = self._bubbles[old.conversation]
        bubbles[next(place for place, bubble in enumerate(bubbles) if bubble.number == old.number)] = new
        async with self._news:
            self._news.notify_all()

    async def _serve_late(self, request: web.Request) -> web.Response:
        code = request.query.get("response_code", "")
        if code not in self._codes:
            return web.json_response({"errcode": 40058, "errmsg": "invalid response_code"})
        told = msgspec.json.decode(await request.read(), type=dict[str, Any])
        if code in self._used:  # taken, and shown to nobody
            self.counts.violations.append("a response_url was used twice")
            return web.json_response({"errcode": 0, "errmsg": "ok"})
        self._used.add(code)
        self.counts.late += 1
        text = told["markdown"]["content"]
        if len(text.encode()) > STREAM_BYTES:
            self.counts.violations.append(f"a late answer of {len(text.encode())} bytes")
        feedback = told["markdown"].get("feedback", {}).get("id", "")
        await self._show(
            Bubble(0, self._codes[code], text, "markdown", True, self._clock.now(), feedback_id=feedback, pushed=True)
        )
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _request(self, message: str, seal: Seal) -> tuple[int, bytes]:
        encrypted = self._seal.encrypt(message)
        return await self._send("POST", self._signed(seal, encrypted), msgspec.json.encode({"encrypt": encrypted}))

    def _signed(self, seal: Seal, encrypted: str, **more: str) -> Mapping[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), base64.b32encode(secrets.token_bytes(5)).decode()
        return {
            "msg_signature": seal.sign(timestamp, nonce, encrypted),
            "timestamp": timestamp,
            "nonce": nonce,
            **more,
        }

    async def _send(self, method: str, query: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        assert self._http is not None, "the platform is not running: use it with `async with`"
        async with self._http.request(
            method,
            self.callback_url,
            params=query,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=self._deadline_s),
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()
