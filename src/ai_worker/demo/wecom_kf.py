"""A simulated customer service (微信客服) of WeCom: events that announce, pages that are fetched, replies that count.

async with SimulatedKf(corp_id="ww…", secret="…", token="…", encoding_aes_key="…") as platform:
platform.callback_url = "http://127.0.0.1:18789/channels/service/callback"
await platform.say("wm-customer-1", "怎么退货？")
reply = await platform.reply_to("wm-customer-1")
"""

import asyncio
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.demo.wecom_api import FILES, KEPT, Answer, Counts, WecomApi
from ai_worker.demo.wecom_envelope import Seal, xml
from ai_worker.demo.wecom_media import MediaShelf, uploaded
from ai_worker.foundation.clock import Clock, SystemClock

ATTEMPTS, DEADLINE_S = 3, 5.0
TEXT_BYTES, HEAD_BYTES = 2_048, 1_024
ANSWERS, ANSWERS_S = 5, 48 * 3_600
WELCOME_S = 20
ACCOUNT = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"


@dataclass(slots=True)
class KfCounts:
    """What happened at the platform since it started."""

    callbacks: int = 0
    missed_deadlines: int = 0
    refused_callbacks: int = 0
    unacknowledged: int = 0
    fetches: int = 0
    shown: int = 0
    forged_answered: int = 0
    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass(frozen=True, slots=True)
class KfShown:
    """One message that a customer sees."""

    number: int
    customer: str
    text: str
    msgtype: str
    clicks: tuple[tuple[str, str], ...] = ()
    """What can be clicked: id and words."""

    content: bytes = b""
    """Of a picture or file; its name is the text."""


class SimulatedKf:
    """One account of one company."""

    def __init__(
        self,
        *,
        corp_id: str,
        secret: str,
        token: str,
        encoding_aes_key: str,
        callback_url: str = "",
        page: int = 1_000,
        clock: Clock | None = None,
    ) -> None:
        self.callback_url = callback_url
        self.counts = KfCounts()
        self.api_base = ""
        self.stands_still = False
        """Every page says that there is more, and brings the cursor that it was asked with."""

        self._page = page
        self._clock = clock or SystemClock()
        self._seal, self._corp_id = Seal(token, encoding_aes_key, corp_id), corp_id
        self._api = WecomApi(corp_id=corp_id, agent_id=0, secret=secret, clock=self._clock, counts=Counts())
        self._items: list[dict[str, Any]] = []
        self._shown: defaultdict[str, list[KfShown]] = defaultdict(list)
        self._left: dict[str, tuple[int, float]] = {}
        self._msgids: set[str] = set()
        self._codes: dict[str, tuple[str, float]] = {}
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=32_000_000)
        application.router.add_get("/cgi-bin/gettoken", self._serve_token)
        application.router.add_post("/cgi-bin/kf/{call}", self._serve_call)
        application.router.add_post("/cgi-bin/media/upload", self._serve_upload)
        application.router.add_get("/cgi-bin/media/get", self._serve_media)
        application.router.add_post("/cgi-bin/kf/account/list", self._serve_accounts)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.api_base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._runner is not None
        await self._http.close()
        await self._runner.cleanup()

    async def say(self, customer: str, text: str, *, msg_id: str | None = None, menu_id: str = "") -> bool:
        """Let a customer write; announce it, and return whether the announcement was acknowledged."""
        told = {"content": text, **({"menu_id": menu_id} if menu_id else {})}
        return await self.post(customer, {"msgtype": "text", "text": told}, msg_id=msg_id)

    async def post(self, customer: str, content: dict[str, Any], *, msg_id: str | None = None) -> bool:
        """Let a customer send anything."""
        self.put(customer, content, msg_id=msg_id)
        return await self.announce()

    async def send_file(self, customer: str, name: str, content: bytes, *, kind: str = "image") -> bool:
        """Let a customer send a picture, file, voice or video."""
        media_id = self.media.keep(kind, name, content)
        return await self.post(customer, {"msgtype": kind, kind: {"media_id": media_id}})

    @property
    def media(self) -> MediaShelf:
        """The files that the platform has."""
        return self._api.media

    async def enter(self, customer: str) -> bool:
        """Let a customer open the conversation."""
        code = secrets.token_hex(12)
        self._codes[code] = (customer, self._clock.monotonic())
        event = {"event_type": "enter_session", "open_kfid": ACCOUNT, "external_userid": customer, "welcome_code": code}
        self.put(customer, {"msgtype": "event", "event": event}, origin=4)
        return await self.announce()

    def put(self, customer: str, content: dict[str, Any], *, msg_id: str | None = None, origin: int = 3) -> None:
        """Add something to what can be fetched, without announcing it."""
        item = {
            "msgid": msg_id or secrets.token_hex(16),
            "open_kfid": ACCOUNT,
            "external_userid": customer,
            "send_time": int(self._clock.now().timestamp()),
            "origin": origin,
            **content,
        }
        self._items.append(item)
        if origin == 3:
            self.allow(customer)

    def allow(self, customer: str) -> None:
        """Let five messages go to a customer, as after one of theirs."""
        self._left[customer] = (ANSWERS, self._clock.monotonic())

    async def announce(self, *, forged: bool = False) -> bool:
        """Tell that there is something to fetch, three attempts in all; return whether that was acknowledged."""
        for _ in range(ATTEMPTS):
            self.counts.callbacks += 1
            try:
                status, body = await self._deliver(forged=forged)
            except TimeoutError:
                self.counts.missed_deadlines += 1
                continue
            except aiohttp.ClientError:
                status, body = 0, b""
            if status == 200 and body == b"":
                self.counts.forged_answered += forged
                return True
            self.counts.refused_callbacks += 1
            if forged:
                return False
        self.counts.unacknowledged += 1
        return False

    async def reply_to(self, customer: str, *, count: int = 1, within_s: float = 10.0) -> list[KfShown]:
        """Return what a customer sees once it is at least `count` messages.

        Raises:
            TimeoutError: It was not within `within_s` seconds.
        """
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: len(self._shown[customer]) >= count)
        return self.shown_to(customer)

    def shown_to(self, customer: str) -> list[KfShown]:
        """Return what a customer sees so far, oldest first."""
        return list(self._shown[customer])

    def event_xml(self) -> str:
        """Return the event that announces, as it is encrypted."""
        return xml(
            {
                "ToUserName": self._corp_id,
                "CreateTime": str(int(self._clock.now().timestamp())),
                "MsgType": "event",
                "Event": "kf_msg_or_event",
                "Token": "ENCApHxnGDNAVNY4AaSJKj4Tb5mwsEMzxhFmHVGcra996NR",
                "OpenKfId": ACCOUNT,
            }
        )

    async def _deliver(self, *, forged: bool) -> tuple[int, bytes]:
        assert self._http is not None, "the platform is not running: use it with `async with`"
        encrypted = self._seal.encrypt(self.event_xml())
        timestamp, nonce = str(int(self._clock.now().timestamp())), str(secrets.randbelow(10**10))
        seal = replace(self._seal, token="foreign") if forged else self._seal  # noqa: S106  (a made-up one)
        query = {"msg_signature": seal.sign(timestamp, nonce, encrypted), "timestamp": timestamp, "nonce": nonce}
        async with self._http.post(
            self.callback_url,
            params=query,
            data=xml({"ToUserName": self._corp_id, "Encrypt": encrypted}).encode(),
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
        ) as response:
            return response.status, await response.read()

    async def _serve_token(self, request: web.Request) -> web.Response:
        return web.json_response(
            self._api.gettoken(request.query.get("corpid", ""), request.query.get("corpsecret", ""))
        )

    async def _serve_accounts(self, request: web.Request) -> web.Response:
        refused = self._api.refusal_of(request.query.get("access_token", ""))
        return web.json_response(refused or {"errcode": 0, "errmsg": "ok", "account_list": [{"open_kfid": ACCOUNT}]})

    async def _serve_upload(self, request: web.Request) -> web.Response:
        refused = self._api.refusal_of(request.query.get("access_token", ""))
        if refused is not None:
            return web.json_response(refused)
        name, content = await uploaded(request)
        return web.json_response(self.media.upload(request.query.get("type", ""), name, content))

    async def _serve_media(self, request: web.Request) -> web.Response:
        refused = self._api.refusal_of(request.query.get("access_token", ""))
        return web.json_response(refused) if refused else self.media.served(request.query.get("media_id", ""))

    async def _serve_call(self, request: web.Request) -> web.Response:
        refused = self._api.refusal_of(request.query.get("access_token", ""))
        if refused is not None:
            return web.json_response(refused)
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        calls = {"sync_msg": self._fetch, "send_msg": self._send, "send_msg_on_event": self._welcome}
        call = calls.get(request.match_info["call"])
        answer = call(body) if call else {"errcode": 40066, "errmsg": "invalid url"}
        async with self._news:
            self._news.notify_all()
        return web.json_response(answer)

    def _fetch(self, body: dict[str, Any]) -> Answer:
        self.counts.fetches += 1
        cursor = str(body.get("cursor", ""))
        if body.get("open_kfid") != ACCOUNT or (cursor and not cursor.isdigit()):
            return {"errcode": 40058, "errmsg": "invalid open_kfid or cursor"}
        start = int(cursor or 0)
        end = min(len(self._items), start + min(self._page, int(body.get("limit", 1_000))))
        return {
            "errcode": 0,
            "errmsg": "ok",
            "next_cursor": cursor if self.stands_still else str(end),
            "has_more": 1 if self.stands_still else int(end < len(self._items)),
            "msg_list": self._items[start:end],
        }

    def _send(self, body: dict[str, Any]) -> Answer:
        customer, msgid, msgtype = str(body.get("touser")), str(body.get("msgid", "")), str(body.get("msgtype"))
        if body.get("open_kfid") != ACCOUNT or msgtype not in ("text", "msgmenu", *FILES) or len(msgid) > 32:
            self.counts.violations.append("a message that the platform does not understand")
            return {"errcode": 40058, "errmsg": "invalid parameter"}
        if msgid in self._msgids:  # taken before: nothing is shown twice
            return {"errcode": 0, "errmsg": "ok", "msgid": msgid}
        left, at = self._left.get(customer, (0, 0.0))
        if left <= 0 or self._clock.monotonic() - at > ANSWERS_S:
            self.counts.violations.append(f"more than {ANSWERS} messages to {customer}, or after 48 hours")
            return {"errcode": 95001, "errmsg": "msg send count limit"}
        told = body[msgtype]
        medium = self.media.find(told.get("media_id"), msgtype) if msgtype in FILES else None
        if msgtype in FILES and medium is None:
            return {"errcode": 40007, "errmsg": "invalid media_id"}
        text = medium.name if medium else told["content"] if msgtype == "text" else told["head_content"]
        if len(text.encode()) > (TEXT_BYTES if msgtype != "msgmenu" else HEAD_BYTES):
            self.counts.violations.append(f"a text of {len(text.encode())} bytes")
        self._left[customer] = (left - 1, at)
        self._msgids.add(msgid)
        clicks = tuple((click["click"]["id"], click["click"]["content"]) for click in told.get("list", []))
        self._show(customer, text, msgtype, clicks, medium.content if medium else b"")
        return {"errcode": 0, "errmsg": "ok", "msgid": msgid}

    def _welcome(self, body: dict[str, Any]) -> Answer:
        customer, at = self._codes.pop(str(body.get("code")), ("", 0.0))
        if not customer or self._clock.monotonic() - at > WELCOME_S:
            self.counts.violations.append("a welcome without a code that is good")
            return {"errcode": 95007, "errmsg": "invalid code"}
        self._show(customer, body["text"]["content"], "welcome", ())
        return {"errcode": 0, "errmsg": "ok", "msgid": secrets.token_hex(8)}

    def _show(
        self, customer: str, text: str, msgtype: str, clicks: tuple[tuple[str, str], ...], content: bytes = b""
    ) -> None:
        self.counts.shown += 1
        self._shown[customer].append(KfShown(self.counts.shown, customer, text, msgtype, clicks, content))
