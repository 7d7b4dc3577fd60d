"""The simulated Feishu's front: which path leads where, and what goes wrong on the way."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from ai_worker.demo.feishu_api import FeishuApi
from ai_worker.demo.feishu_files import UPLOADS, form, served
from ai_worker.demo.feishu_gateway import Gateway
from ai_worker.demo.feishu_state import Answer, Counts, Json, fresh, refusal

HOOK = "/open-apis/bot/v2/hook/2b4c9a71-robot"
"""Where the group's robot is; its last part is the robot's password."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call of the API goes wrong."""

    code: int = 0
    status: int = 0
    headers: Mapping[str, str] | None = None
    takes: bool = False
    """The call is carried out all the same."""

    closes: bool = False
    """The connection is cut instead of an answer."""

    delay_s: float = 0.0
    path: str = ""
    """Only calls whose path contains this go wrong; the fault waits for one."""


class Front:
    """Takes every request that comes to the platform."""

    def __init__(self, api: FeishuApi, gateway: Gateway, *, counts: Counts, app_id: str, app_secret: str) -> None:
        self.faults: deque[Fault] = deque()
        """What goes wrong next."""

        self.base_url = ""
        """Where the platform is, once it runs."""

        self._api, self._gateway, self._counts = api, gateway, counts
        self._credentials = {"AppID": app_id, "AppSecret": app_secret}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or let it go wrong."""
        path = f"/{request.match_info['tail']}"
        if path == "/ws":
            return await self._gateway.serve(request)
        self._counts.calls += 1
        fault = next((fault for fault in self.faults if fault.path in path), Fault(takes=True))
        if fault in self.faults:
            self.faults.remove(fault)
        answer: Answer = {"code": fault.code, "msg": "simulated"}
        if fault.takes:
            answer = await self._answer(request, path)
        if "served" in answer:
            return served(answer["served"])
        await asyncio.sleep(fault.delay_s)
        if fault.closes and request.transport is not None:
            request.transport.abort()
        if fault.status >= 500:
            return web.Response(status=fault.status, text="<html>bad gateway</html>", content_type="text/html")
        status = fault.status or (200 if answer["code"] == 0 or "hook" in path else _status(answer["code"]))
        return web.json_response(answer, status=status, headers={"X-Tt-Logid": fresh("log"), **(fault.headers or {})})

    async def _answer(self, request: web.Request, path: str) -> Answer:
        if path in UPLOADS and request.content_type == "multipart/form-data":
            if not self._api.knows(request.headers.get("Authorization", "")):
                return refusal(99991663, "Invalid access token for authorization. Please make a test attempt")
            return self._api.files.upload(UPLOADS[path], await form(request))
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=Json)
        except msgspec.DecodeError:
            return refusal(9499, "Bad Request")
        if path == "/callback/ws/endpoint":
            return self._endpoint(body)
        if path == "/open-apis/auth/v3/tenant_access_token/internal":
            return self._api.token(body)
        if path.startswith("/open-apis/bot/v2/hook/"):
            right = path == HOOK
            return (
                self._api.post_to_group(body)
                if right
                else refusal(19001, "param invalid: incoming webhook access token invalid")
            )
        if not self._api.knows(request.headers.get("Authorization", "")):
            return refusal(99991663, "Invalid access token for authorization. Please make a test attempt")
        route = (request.method, *path.removeprefix("/open-apis/").split("/"))
        return self._route(route, request.query, body)

    def _endpoint(self, body: Json) -> Answer:
        if self._gateway.down:
            return refusal(1, "system busy")
        if body != self._credentials:
            return refusal(1000040346, "app_id or app_secret is invalid")
        return self._gateway.endpoint(self.base_url.replace("http://", "ws://", 1))

    def _route(self, route: tuple[str, ...], query: Mapping[str, str], body: Json) -> Answer:
        match route:
            case ("GET", "bot", "v3", "info"):
                return self._api.bot()
            case ("GET", "contact", "v3", "users", who):
                return self._api.person(who)
            case ("GET", "contact", "v3", "departments", which):
                return self._api.department(which)
            case ("POST", "im", "v1", "messages"):
                return self._api.send(query.get("receive_id_type", ""), body)
            case ("POST", "im", "v1", "messages", message_id, "reply"):
                return self._api.reply(message_id, body)
            case ("DELETE", "im", "v1", "messages", message_id):
                return self._api.withdraw(message_id)
            case ("GET", "im", "v1", "messages", message_id, "resources", key):
                return self._api.files.fetch(message_id, key, query.get("type", ""))
            case ("POST", "cardkit", "v1", "cards"):
                return self._api.cards.create(body)
            case ("PUT", "cardkit", "v1", "cards", card_id):
                return self._api.cards.operate(card_id, "card", body)
            case ("PATCH", "cardkit", "v1", "cards", card_id, "settings"):
                return self._api.cards.operate(card_id, "settings", body)
            case ("PUT", "cardkit", "v1", "cards", card_id, "elements", element, "content"):
                return self._api.cards.operate(card_id, element, body)
        return refusal(99991404, "not found")


def _status(code: int) -> int:
    return 429 if code in (99991400, 230020) else 400
