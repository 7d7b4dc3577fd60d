"""A simulated WeCom: the platform's own protocol over real sockets on loopback.

It is strict where the platform is strict, and reports what the platform would silently punish. The
demo and the drills run against it, and so can a user's own tests:

    async with SimulatedWecom(corp_id=…, agent_id=…, secret=…, token=…, encoding_aes_key=…) as platform:
        platform.callback_url = "http://127.0.0.1:18789/channels/service-desk/callback"
        said = await platform.say("linxiaoyan", "订单 ORD12345 到哪了？")
        reply = await platform.reply_to("linxiaoyan", after=said)
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from ai_worker.demo.wecom_api import Counts, Shown, WecomApi
from ai_worker.demo.wecom_envelope import Seal, xml
from ai_worker.demo.wecom_media import MediaShelf, uploaded
from ai_worker.foundation.clock import Clock, SystemClock

ATTEMPTS = 3
"""How often the platform delivers one message before it gives it up."""

IDLE_S = 4.0
"""A connection that has idled for longer is not used again: the door may be closing it at that moment, and a
simulation that comes again without a pause would lose all its attempts to such connections."""

DEADLINE_S = 5.0
VERIFY_DEADLINE_S = 1.0
"""The documents ask for this when a URL is verified; a later answer is reported."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call of `message/send` goes wrong."""

    errcode: int = 0
    errmsg: str = "simulated"
    status: int = 200
    takes: bool = False
    """The message is shown to the member all the same."""

    closes: bool = False
    """The connection is cut instead of an answer."""

    delay_s: float = 0.0

    @classmethod
    def code(cls, errcode: int, errmsg: str = "simulated") -> Self:
        """Refuse with an error code, for example -1, 45009, 42001 or 60020."""
        return cls(errcode=errcode, errmsg=errmsg)

    @classmethod
    def http(cls, status: int, *, takes: bool = False) -> Self:
        """Answer with an HTTP status other than 200, as a gateway before the API does."""
        return cls(status=status, takes=takes)

    @classmethod
    def lost_answer(cls) -> Self:
        """Show the message, then cut the connection before the answer."""
        return cls(takes=True, closes=True)

    @classmethod
    def slow(cls, seconds: float) -> Self:
        """Show the message and answer late."""
        return cls(takes=True, delay_s=seconds)


@dataclass(frozen=True, slots=True)
class Said:
    """One message or event that the platform delivered, or tried to."""

    msg_id: str
    user: str
    acknowledged: bool
    attempts: int
    seconds: float
    """From the first attempt to the acknowledgement, or to giving up."""

    mark: int
    """Number of the last message that had been shown to anybody when this was said."""


class SimulatedWecom:
    """One company with one self-built application."""

    def __init__(
        self,
        *,
        corp_id: str,
        agent_id: int,
        secret: str,
        token: str,
        encoding_aes_key: str,
        callback_url: str = "",
        path: str = "",
        port: int = 0,
        deadline_s: float = DEADLINE_S,
        clock: Clock | None = None,
    ) -> None:
        self.callback_url = callback_url
        """Where messages are delivered to; may be set once it is known."""

        self.counts = Counts()
        self.api_base = ""
        """What the channel's `api_base` has to be; known once the platform runs."""

        self._corp_id, self._agent_id = corp_id, agent_id
        self._path, self._port, self._deadline_s = path, port, deadline_s
        self._clock = clock or SystemClock()
        self._seal = Seal(token, encoding_aes_key, corp_id)
        self._api = WecomApi(corp_id=corp_id, agent_id=agent_id, secret=secret, clock=self._clock, counts=self.counts)
        self._faults: deque[Fault] = deque()
        self._distrusted = ""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=32_000_000)
        application.router.add_get(f"{self._path}/cgi-bin/gettoken", self._serve_token)
        application.router.add_post(f"{self._path}/cgi-bin/message/send", self._serve_send)
        application.router.add_post(f"{self._path}/cgi-bin/media/upload", self._serve_upload)
        application.router.add_get(f"{self._path}/cgi-bin/media/get", self._serve_media)
        for call in ("user/get", "department/get", "agent/get"):
            application.router.add_get(f"{self._path}/cgi-bin/{call}", self._serve_directory)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.api_base = f"http://127.0.0.1:{self._runner.addresses[0][1]}{self._path}"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._runner is not None
        await self._http.close()
        await self._runner.cleanup()

    async def say(self, user: str, text: str, *, msg_id: str | None = None) -> Said:
        """Deliver a text of `user`; the same `msg_id` again is a duplicate of the first.

        Returns when the callback has been acknowledged or the platform has given up.
        """
        return await self.post(user, {"MsgType": "text", "Content": text}, msg_id=msg_id)

    async def send_file(self, user: str, name: str, content: bytes, *, kind: str = "file") -> Said:
        """Deliver a picture (`image`), file, voice or video of `user`; the platform keeps it for three days."""
        media_id = self._api.media.keep(kind, name, content)
        return await self.post(user, {"MsgType": kind, "MediaId": media_id})

    @property
    def media(self) -> MediaShelf:
        """The files that the platform has."""
        return self._api.media

    async def event(self, user: str, name: str, *, key: str = "") -> Said:
        """Deliver an event (`enter_agent`, `subscribe`, `click` …); events have no message id."""
        return await self.post(user, {"MsgType": "event", "Event": name, "EventKey": key})

    async def post(self, user: str, fields: Mapping[str, str], *, msg_id: str | None = None) -> Said:
        """Deliver a message of any type, three attempts in all, each signed anew."""
        inner = {
            "ToUserName": self._corp_id,
            "FromUserName": user,
            "CreateTime": str(int(self._clock.now().timestamp())),
            **fields,
            "AgentID": str(self._agent_id),
        }
        if fields["MsgType"] != "event":
            msg_id = inner["MsgId"] = msg_id or str(7_000_000_000_000_000_000 + secrets.randbits(59))
        mark, began = self.counts.shown, self._clock.monotonic()
        acknowledged, attempts = False, 0
        while not acknowledged and attempts < ATTEMPTS:
            attempts += 1
            acknowledged = await self._attempt(xml(inner))
        self.counts.unacknowledged += not acknowledged
        return Said(msg_id or "", user, acknowledged, attempts, self._clock.monotonic() - began, mark)

    async def verify_url(self) -> bool:
        """Verify the callback URL as the admin console does; the answer must be the bare plaintext."""
        secret_word = str(secrets.randbits(63))
        echostr = self._seal.encrypt(secret_word)
        began = self._clock.monotonic()
        try:
            status, body = await self._request("GET", echostr, query={"echostr": echostr}, within_s=self._deadline_s)
        except (aiohttp.ClientError, TimeoutError):
            return False
        if self._clock.monotonic() - began > VERIFY_DEADLINE_S:
            self.counts.violations.append(f"the URL took more than {VERIFY_DEADLINE_S:g} s to verify")
        return status == 200 and body == secret_word.encode()

    async def reply_to(
        self,
        user: str,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> Shown:
        """Return the first message that `user` was shown (since `after` was said), waiting for it if need be.

        Raises:
            TimeoutError: None came within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            return (await self._api.wait_for(user, bool, after=after.mark if after else 0))[0]

    async def replies_to(
        self,
        user: str,
        count: int,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> list[Shown]:
        """Return what `user` was shown once it is at least `count` messages.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            return await self._api.wait_for(user, lambda shown: len(shown) >= count, after=after.mark if after else 0)

    def shown_to(self, user: str, *, after: Said | None = None) -> list[Shown]:
        """Return what `user` has been shown so far (since `after` was said), oldest first."""
        return self._api.shown_to(user, after=after.mark if after else 0)

    def fail_next(self, *faults: Fault) -> None:
        """Let the next calls of `message/send` fail, one fault each, in this order."""
        self._faults.extend(faults)

    def invalidate_token(self) -> None:
        """Make the access token that was given out invalid before its time."""
        self._api.invalidate_token()

    def change_secret(self, secret: str) -> None:
        """Reset the application's Secret; a token that was given out stays valid until it is invalidated."""
        self._api.change_secret(secret)

    def know(self, user: str, *, name: str, department: str) -> None:
        """Put a member into the directory."""
        self._api.directory[user] = (name, department)

    def distrust(self, address: str = "203.0.113.7") -> None:
        """Refuse every call but the token's, as for an address that is not among the trusted IPs."""
        self._distrusted = address

    def forget_member(self, user: str) -> None:
        """Let `user` be unknown to the company from now on."""
        self._api.unknown_members.add(user)

    async def _attempt(self, message: str) -> bool:
        self.counts.callbacks += 1
        encrypted = self._seal.encrypt(message)
        body = xml({"ToUserName": self._corp_id, "Encrypt": encrypted, "AgentID": str(self._agent_id)})
        try:
            status, answer = await self._request("POST", encrypted, body=body, within_s=self._deadline_s)
        except TimeoutError:
            self.counts.missed_deadlines += 1
            return False
        except aiohttp.ClientError:
            self.counts.refused_callbacks += 1
            return False
        if status == 200 and not answer:
            return True
        self.counts.refused_callbacks += 1
        if status == 200:  # neither empty nor the encrypted passive answer, which this product never gives
            self.counts.violations.append("a callback was answered with a body that the platform cannot read")
        return False

    async def _request(
        self, method: str, encrypted: str, *, within_s: float, query: Mapping[str, str] | None = None, body: str = ""
    ) -> tuple[int, bytes]:
        assert self._http is not None, "the platform is not running: use it with `async with`"
        timestamp, nonce = str(int(self._clock.now().timestamp())), str(secrets.randbelow(10**10))
        signature = self._seal.sign(timestamp, nonce, encrypted)
        signed = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, **(query or {})}
        async with self._http.request(
            method,
            self.callback_url,
            params=signed,
            data=body.encode() or None,
            headers={"Content-Type": "text/xml"},
            timeout=aiohttp.ClientTimeout(total=within_s),
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()

    async def _serve_token(self, request: web.Request) -> web.Response:
        return web.json_response(
            self._api.gettoken(request.query.get("corpid", ""), request.query.get("corpsecret", ""))
        )

    async def _serve_directory(self, request: web.Request) -> web.Response:
        call = request.path.rpartition("/cgi-bin/")[2]
        return web.json_response(self._untrusted() or self._api.look_up(call, request.query))

    async def _serve_upload(self, request: web.Request) -> web.Response:
        refused = self._untrusted() or self._api.refusal_of(request.query.get("access_token", ""))
        if refused is not None:
            return web.json_response(refused)
        name, content = await uploaded(request)
        return web.json_response(self.media.upload(request.query.get("type", ""), name, content))

    async def _serve_media(self, request: web.Request) -> web.Response:
        refused = self._untrusted() or self._api.refusal_of(request.query.get("access_token", ""))
        if refused is not None:
            return web.json_response(refused)
        await self.media.answering.wait()
        return self.media.served(request.query.get("media_id", ""))

    def _untrusted(self) -> dict[str, object] | None:
        if not self._distrusted:
            return None
        return {"errcode": 60020, "errmsg": f"not allow to access from your ip, from ip: {self._distrusted}"}

    async def _serve_send(self, request: web.Request) -> web.Response:
        body = await request.read()
        if (untrusted := self._untrusted()) is not None:
            return web.json_response(untrusted)
        fault = self._faults.popleft() if self._faults else Fault(takes=True)
        answer = {"errcode": fault.errcode, "errmsg": fault.errmsg}
        if fault.takes:
            answer = self._api.send(request.query.get("access_token", ""), body)
        await asyncio.sleep(fault.delay_s)
        if fault.closes and request.transport is not None:
            request.transport.abort()
        if fault.status != 200:
            return web.Response(status=fault.status, text="<html>bad gateway</html>", content_type="text/html")
        return web.json_response(answer)
