"""A simulated DingTalk: the platform's own protocol over real sockets on loopback.

It is strict where the platform is strict, and reports what the platform would silently punish. The
demo and the drills run against it, and so can a user's own tests:

    async with SimulatedDingtalk(client_id=…, client_secret=…) as platform:
        …  # a channel with api_base = oapi_base = platform.base connects
        await platform.connected()
        said = await platform.say("manager01", "订单 ORD12345 到哪了？")
        reply = await platform.reply_to("manager01", after=said)
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.demo.dingtalk_api import DingtalkApi
from ai_worker.demo.dingtalk_cards import Card
from ai_worker.demo.dingtalk_chats import CUT_OFF_S, MINUTE_S, Counts, Shown
from ai_worker.demo.dingtalk_media import uploaded
from ai_worker.demo.dingtalk_said import Fault as Fault
from ai_worker.demo.dingtalk_said import Said as Said
from ai_worker.demo.dingtalk_said import Told, card_press, robot_message
from ai_worker.demo.dingtalk_stream import CARD_DEADLINE_S, CUT_S, PING_S, ROBOT_DEADLINE_S, StreamGateway
from ai_worker.foundation.clock import Clock, SystemClock

ROBOT_TOPIC, CARD_TOPIC = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
HTTP_DEADLINE_S = 5.0
SESSION_S = 5_400.0


class SimulatedDingtalk:
    """One company with one application and any number of custom robots."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        robot_code: str = "",
        mode: Literal["stream", "http"] = "stream",
        callback_url: str = "",
        card_template: str = "",
        path: str = "",
        port: int = 0,
        session_s: float = SESSION_S,
        ping_s: float = PING_S,
        cut_s: float = CUT_S,
        robot_deadline_s: float = ROBOT_DEADLINE_S,
        minute_s: float = MINUTE_S,
        cut_off_s: float = CUT_OFF_S,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; `async with` starts it. The seconds are the platform's own, to be scaled for tests."""
        self.callback_url = callback_url
        """Where messages are delivered to in mode `http`; may be set once it is known."""

        self.counts = Counts()
        self.base = ""
        """What the channel's `api_base` and `oapi_base` have to be; known once the platform runs."""

        self.robot_code = robot_code or client_id
        self._mode, self._path, self._port, self._session_s = mode, path, port, session_s
        self._clock = clock or SystemClock()
        self.api = DingtalkApi(
            client_id=client_id,
            client_secret=client_secret,
            robot_code=self.robot_code,
            card_template=card_template,
            clock=self._clock,
            counts=self.counts,
            minute_s=minute_s,
            cut_off_s=cut_off_s,
        )
        self.gateway = StreamGateway(
            client_id=client_id,
            client_secret=client_secret,
            clock=self._clock,
            counts=self.counts,
            ping_s=ping_s,
            cut_s=cut_s,
            robot_deadline_s=robot_deadline_s,
        )
        self._faults: deque[Fault] = deque()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=32_000_000)
        application.router.add_get(f"{self._path}/connect", self.gateway.connect)
        application.router.add_get(f"{self._path}/files/{{id}}", self.api.media.serve)
        application.router.add_post(f"{self._path}/media/upload", self._serve_upload)
        application.router.add_route("*", f"{self._path}/{{rest:.*}}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        place = f"127.0.0.1:{self._runner.addresses[0][1]}{self._path}"
        self.base, self.gateway.endpoint = f"http://{place}", f"ws://{place}/connect"
        self.api.media.base = self.base
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._runner is not None
        await self.gateway.close()
        await self._http.close()
        await self._runner.cleanup()

    async def connected(
        self,
        count: int = 1,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> None:
        """Return once at least so many connections stand."""
        async with asyncio.timeout(timeout):
            await self.gateway.stand(count)

    def message(self, staff: str, text: str, *, group: str = "", msg_id: str = "", **changes: Any) -> Told:
        """Return a robot message as the platform writes it, with a session of its own."""
        session, until = self.api.open_session(group or staff, group=bool(group), seconds=self._session_s)
        return {
            **robot_message(staff, text, group=group, msg_id=msg_id, robot_code=self.robot_code, at=self._clock.now()),
            "sessionWebhook": f"{self.base}/robot/sendBySession?session={session}",
            "sessionWebhookExpiredTime": until,
            **changes,
        }

    async def say(self, staff: str, text: str, *, group: str = "", msg_id: str = "", **changes: Any) -> Said:
        """Deliver a text; the same `msg_id` again is a duplicate of the first.

        Returns when it has been acknowledged, or the platform has given up. `changes` replace fields of
        the message as the platform writes it.
        """
        return await self.post(self.message(staff, text, group=group, msg_id=msg_id, **changes), chat=group or staff)

    async def send_file(
        self, staff: str, name: str, content: bytes, *, kind: Literal["picture", "file", "video", "audio"] = "picture"
    ) -> Said:
        """Deliver a picture, file, video or voice message."""
        code = self.api.media.keep(kind, name, content)
        named = {"fileName": name} if kind == "file" else {}
        message = self.message(staff, "", msgtype=kind, content={"downloadCode": code, **named})
        del message["text"]
        return await self.post(message, chat=staff)

    async def post(self, message: Told, *, chat: str) -> Said:
        """Deliver a message of any kind as it stands."""
        mark, lost = self.counts.shown, False
        if self._mode == "http":
            acknowledged = await self._call_back(message)
        else:
            lost = not self.gateway.connections
            self.counts.lost += lost
            told = await self.gateway.push(ROBOT_TOPIC, message)
            acknowledged = told is not None and told.get("code") == 200
        return Said(str(message.get("msgId")), chat, acknowledged, lost, mark)

    async def press(self, card: str, action: str, *, staff: str) -> bool:
        """Press a button of a card; return whether that was answered in time. The card changes as told."""
        told = await self.gateway.push(CARD_TOPIC, card_press(card, action, staff=staff), deadline_s=CARD_DEADLINE_S)
        if told is None or told.get("code") != 200:
            return False
        self.api.desk.press(card, staff, msgspec.json.decode(told["data"]).get("response"))
        return True

    def card(self, card: str) -> Card:
        """Return a card as it is now."""
        return self.api.desk.cards[card]

    def add_robot(self, *, secret: str = "", keywords: tuple[str, ...] = ()) -> str:
        """Add a custom robot to a group and return its Webhook; its chat is the `access_token` in there."""
        return f"{self.base}/robot/send?access_token={self.api.add_robot(secret=secret, keywords=keywords)}"

    async def reply_to(
        self,
        chat: str,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> Shown:
        """Return the first message that a chat shows (since `after` was said), waiting for it if need be.

        Raises:
            TimeoutError: None came within `timeout` seconds.
        """
        return (await self.replies_to(chat, 1, after=after, timeout=timeout))[0]

    async def replies_to(
        self,
        chat: str,
        count: int,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> list[Shown]:
        """Return what a chat shows once it is at least `count` messages, cards among them being finished.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """

        def enough(shown: list[Shown]) -> bool:
            return len(shown) >= count and all(not one.card or self.card(one.card).finished for one in shown[:count])

        async with asyncio.timeout(timeout):
            return await self.api.chats.wait_for(chat, enough, after=after.mark if after else 0)

    def shown_in(self, chat: str, *, after: Said | None = None) -> list[Shown]:
        """Return what a chat shows so far (since `after` was said), oldest first."""
        return self.api.chats.shown_in(chat, after=after.mark if after else 0)

    def fail_next(self, *faults: Fault) -> None:
        """Let the next calls that a fault's path fits fail, one fault each, in this order."""
        self._faults.extend(faults)

    async def _call_back(self, message: Told) -> bool:
        assert self._http is not None, "the platform is not running: use it with `async with`"
        self.counts.callbacks += 1
        timestamp = str(round(self._clock.now().timestamp() * 1000))
        headers = {"timestamp": timestamp, "sign": self.api.sign(timestamp), "Content-Type": "application/json"}
        try:
            async with self._http.post(
                self.callback_url,
                data=msgspec.json.encode(message),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=HTTP_DEADLINE_S),
                allow_redirects=False,
            ) as response:
                taken = response.status == 200
        except TimeoutError:
            self.counts.missed_deadlines += 1
            return False
        except aiohttp.ClientError:
            taken = False
        self.counts.answered += taken
        self.counts.refused += not taken
        return taken

    async def _serve(self, request: web.Request) -> web.Response:
        path, raw = request.path.removeprefix(self._path), await request.read()
        fault = next((fault for fault in self._faults if fault.path in path), None)
        if fault is not None:
            self._faults.remove(fault)
        if self.gateway.down:
            return web.json_response({"code": "ServiceUnavailable", "message": "busy"}, status=503)
        status, told = 200, Told()
        if fault is None or fault.takes:
            status, told = await self._answer(request, path, raw)
        if fault is not None:
            await asyncio.sleep(fault.delay_s)
            if fault.closes and request.transport is not None:
                request.transport.abort()
            if not fault.takes:
                return web.Response(status=fault.status, text=fault.answer, content_type="application/json")
        return web.json_response(told, status=status)

    async def _serve_upload(self, request: web.Request) -> web.Response:
        name, content = await uploaded(request)
        query = request.query
        return web.json_response(self.api.upload(query.get("access_token", ""), query.get("type", ""), name, content))

    async def _answer(self, request: web.Request, path: str, raw: bytes) -> tuple[int, Told]:
        query = dict(request.query)
        if path == "/gettoken":
            return 200, self.api.old_token(query)
        try:
            body = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError:
            return 400, {"code": "invalidJson", "message": "the body is no JSON object"}
        match path:
            case "/v1.0/gateway/connections/open":
                return self.gateway.open(body)
            case "/v1.0/oauth2/accessToken":
                return self.api.token(body)
            case "/robot/sendBySession":
                return 200, self.api.by_session(query, body)
            case "/robot/send":
                return 200, self.api.by_robot(request.rel_url.raw_query_string, body)
        if path.startswith("/topapi/"):
            return 200, self.api.ask_directory(path, query.get("access_token", ""), body)
        token = request.headers.get("x-acs-dingtalk-access-token", "")
        return await self.api.call(request.method, path, token, body)
