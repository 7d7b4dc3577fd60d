"""A simulated Feishu: the platform's own protocol over real sockets on loopback.

It is strict where the platform is strict, and reports what the platform would punish. The demo and the
drills run against it, and so can a user's own tests:

    async with SimulatedFeishu(app_id="cli_…", app_secret="…") as platform:
        … a channel with base_url = platform.base_url connects …
        said = await platform.say("ou_linxiaoyan", "订单 ORD12345 到哪了？")
        reply = await platform.reply_to("ou_linxiaoyan", after=said)
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.demo.feishu_api import ROBOT, FeishuApi
from ai_worker.demo.feishu_envelope import encrypted, signed_headers
from ai_worker.demo.feishu_front import HOOK, Fault, Front
from ai_worker.demo.feishu_gateway import REPUSH_S, Gateway
from ai_worker.demo.feishu_state import Counts, Json, Shown, fresh
from ai_worker.foundation.clock import Clock, SystemClock

DEADLINE_S, CHALLENGE_S = 3.0, 1.0
RETRIES_S = (15.0, 300.0, 3_600.0, 21_600.0)
"""After how many seconds a callback that was not answered with 200 is pushed again."""

BOT = "ou_bot_of_the_application"
TENANT = "2ed263bf32cf1651"
Way = Literal["connection", "callback"]


@dataclass(frozen=True, slots=True)
class Said:
    """One event that the platform delivered, or tried to."""

    message_id: str
    user: str
    acknowledged: bool
    attempts: int
    seconds: float
    """From the first attempt to the acknowledgement, or to giving up."""

    mark: int
    """Number of the last message that had been shown to anybody when this was said."""

    answer: bytes = b""
    """What the platform was told besides: the answer to a pressed button."""


class SimulatedFeishu:
    """One tenant with one self-built application, and one group with a custom robot."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        encrypt_key: str = "",
        verification_token: str = "",
        callback_url: str = "",
        path: str = "",
        port: int = 0,
        ping_s: float = 120.0,
        repush_s: float = REPUSH_S,
        retries_s: Sequence[float] = RETRIES_S,
        per_minute: int = 1_000,
        clock: Clock | None = None,
    ) -> None:
        """Describe the platform; nothing listens before `async with`.

        Args:
            app_id: The application's.
            app_secret: The application's.
            encrypt_key: Callbacks are encrypted and signed with it; empty: plain.
            verification_token: Stands in every callback.
            callback_url: Where callbacks go; may be set later.
            path: Below which the platform is served, as in a private deployment.
            port: 0 takes a free one.
            ping_s: What clients are told about pings.
            repush_s: How long an acknowledgement on a long connection may take.
            retries_s: Pauses before callbacks are pushed again; the real ones take hours.
            per_minute: Messages of the application in a minute, and twenty times as fast for a second.
            clock: Tells the time.
        """
        self.callback_url = callback_url
        self.base_url = ""
        """What the channel's `base_url` has to be; known once the platform runs."""

        self.webhook_url = ""
        """The address of the group's robot."""

        self.counts = Counts()
        self._app_id, self._encrypt_key, self._token = app_id, encrypt_key, verification_token
        self._path, self._port, self._retries_s = path, port, tuple(retries_s)
        self._clock = clock or SystemClock()
        self.api = FeishuApi(
            app_id=app_id,
            app_secret=app_secret,
            bot_id=BOT,
            per_minute=per_minute,
            clock=self._clock,
            counts=self.counts,
        )
        self.gateway = Gateway(clock=self._clock, counts=self.counts, ping_s=ping_s, repush_s=repush_s)
        self._front = Front(self.api, self.gateway, counts=self.counts, app_id=app_id, app_secret=app_secret)
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=40_000_000)
        application.router.add_route("*", f"{self._path}/{{tail:.*}}", self._front.serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{self._path}"
        self.webhook_url = f"{self.base_url}{HOOK}"
        self._front.base_url = self.base_url
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

    async def say(
        self,
        user: str,
        text: str,
        *,
        group: str = "",
        mentions: Sequence[str] = (),
        message_id: str = "",
        way: Way | None = None,
    ) -> Said:
        """Deliver a text of `user`; the same `message_id` again is a duplicate of the first.

        Args:
            user: open_id of who says it.
            text: The words; mentions go before them.
            group: chat_id of the group in which it is said; empty: in private.
            mentions: open_ids of who is mentioned; `BOT` is the application.
            message_id: A chosen one; else a fresh one.
            way: How it is delivered; by the long connection if there is one.
        """
        keys = "".join(f"@_user_{number} " for number in range(1, len(mentions) + 1))
        content = {"text": f"{keys}{text}"}
        return await self.post(user, "text", content, group=group, mentions=mentions, message_id=message_id, way=way)

    async def post(
        self,
        user: str,
        kind: str,
        content: Mapping[str, Any],
        *,
        group: str = "",
        mentions: Sequence[str] = (),
        message_id: str = "",
        way: Way | None = None,
        parts: int = 1,
    ) -> Said:
        """Deliver a message of any type; `parts` frames on a long connection."""
        message_id = message_id or fresh("om")
        event = self.message(user, kind, content, group=group, mentions=mentions, message_id=message_id)
        self.api.heard(message_id, group or user)
        return await self.push(event, message_id, user, way=way, parts=parts)

    async def send_file(
        self, user: str, name: str, content: bytes, *, kind: Literal["image", "file"] = "image", way: Way | None = None
    ) -> Said:
        """Deliver a picture or file of `user`."""
        message_id = fresh("om")
        key = self.api.files.keep(message_id, kind, name, content)
        told = {f"{kind}_key": key, **({"file_name": name} if kind == "file" else {})}
        return await self.post(user, kind, told, message_id=message_id, way=way)

    def message(
        self, user: str, kind: str, content: Mapping[str, Any], *, group: str, mentions: Sequence[str], message_id: str
    ) -> Json:
        """Return the event of a message, with an id of its own: a repeat of a message is another event."""
        millis = str(int(self._clock.now().timestamp() * 1000))
        named = [
            {"key": f"@_user_{number}", "id": {"open_id": who, "union_id": f"on_{number}"}, "name": self._name(who)}
            for number, who in enumerate(mentions, start=1)
        ]
        told = {
            "message_id": message_id,
            "chat_id": group or f"oc_with_{user}",
            "chat_type": "group" if group else "p2p",
            "message_type": kind,
            "content": msgspec.json.encode(content).decode(),
            "create_time": millis,
            **({"mentions": named} if named else {}),
        }
        sender = {
            "sender_id": {"open_id": user, "union_id": f"on_{user}", "user_id": None},
            "sender_type": "user",
            "tenant_key": TENANT,
        }
        return self.event("im.message.receive_v1", {"sender": sender, "message": told})

    def event(self, kind: str, inside: Mapping[str, Any]) -> Json:
        """Return an event of schema 2.0."""
        header = {
            "event_id": fresh("ev"),
            "event_type": kind,
            "create_time": str(int(self._clock.now().timestamp() * 1000)),
            "token": self._token,
            "app_id": self._app_id,
            "tenant_key": TENANT,
        }
        return {"schema": "2.0", "header": header, "event": dict(inside)}

    async def press(self, shown: Shown, label: str, *, user: str, way: Way | None = None) -> Said:
        """Press a button of a card; what is answered changes the card as the platform would."""
        inside = {
            "operator": {"open_id": user, "tenant_key": TENANT},
            "token": fresh("c"),
            "action": {"value": shown.buttons[label], "tag": "button"},
            "host": "im_message",
            "context": {"open_message_id": shown.message_id, "open_chat_id": shown.to},
        }
        entity = self.api.cards.entities.get(shown.card_id)
        if entity is not None:
            entity.pressed = True
        try:
            said = await self.push(
                self.event("card.action.trigger", inside), fresh("press"), user, way=way, again=False
            )
        finally:
            if entity is not None:
                entity.pressed = False
        self._apply(shown, said.answer)
        return said

    async def push(
        self, event: Json, message_id: str, user: str, *, way: Way | None = None, parts: int = 1, again: bool = True
    ) -> Said:
        """Deliver an event until it is acknowledged or given up."""
        raw = msgspec.json.encode(event)
        way = way or ("callback" if self.callback_url else "connection")
        mark, began = self.counts.shown, self._clock.monotonic()
        if way == "connection":
            done, attempts, answer = await self.gateway.push(raw, parts=parts)
        else:
            done, attempts, answer = await self._call_back(raw, again=again)
        return Said(message_id, user, done, attempts, self._clock.monotonic() - began, mark, answer)

    async def verify_url(self) -> bool:
        """Verify the callback URL as the open platform does: encrypted if there is a key, and unsigned."""
        word = fresh("challenge")
        plain = msgspec.json.encode({"challenge": word, "token": self._token, "type": "url_verification"})
        body = msgspec.json.encode({"encrypt": encrypted(self._encrypt_key, plain)}) if self._encrypt_key else plain
        began = self._clock.monotonic()
        try:
            status, answer = await self._request(body, {})
        except (aiohttp.ClientError, TimeoutError):
            return False
        if self._clock.monotonic() - began > CHALLENGE_S:
            self.counts.violations.append(f"the URL took more than {CHALLENGE_S:g} s to verify")
        return status == 200 and msgspec.json.decode(answer) == {"challenge": word}

    async def reply_to(
        self,
        to: str,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> Shown:
        """Return the first message on the screen of `to` (since `after` was said), waiting for it if need be.

        Raises:
            TimeoutError: None came within `timeout` seconds.
        """
        return (await self.replies_to(to, 1, after=after, timeout=timeout))[0]

    async def replies_to(
        self,
        to: str,
        count: int,
        *,
        after: Said | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  (the caller's own patience)
    ) -> list[Shown]:
        """Return what stands on the screen of `to` once it is at least `count` messages.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            return await self.api.wait_for(to, lambda shown: len(shown) >= count, after=after.mark if after else 0)

    def shown_to(self, to: str, *, after: Said | None = None) -> list[Shown]:
        """Return what stands on the screen of a person or group (since `after` was said), oldest first."""
        return self.api.shown_to(to, after=after.mark if after else 0)

    def shown_by_robot(self) -> list[Shown]:
        """Return what the group's robot has posted, oldest first."""
        return self.api.shown_to(ROBOT)

    def fail_next(self, *faults: Fault) -> None:
        """Let the next calls of the API that a fault is meant for fail, one fault each, in this order."""
        self._front.faults.extend(faults)

    def sealed(self, raw: bytes) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers with which the platform pushes an event."""
        if not self._encrypt_key:
            return raw, {}
        body = msgspec.json.encode({"encrypt": encrypted(self._encrypt_key, raw)})
        return body, signed_headers(self._encrypt_key, body, timestamp=int(self._clock.now().timestamp()))

    async def _call_back(self, raw: bytes, *, again: bool) -> tuple[bool, int, bytes]:
        attempts = 0
        for pause in (0.0, *(self._retries_s if again else ())):
            await asyncio.sleep(pause)
            attempts += 1
            self.counts.pushes += 1
            body, headers = self.sealed(raw)
            try:
                status, answer = await self._request(body, headers)
            except TimeoutError:
                self.counts.missed_deadlines += 1
                continue
            except aiohttp.ClientError:
                self.counts.refused_pushes += 1
                continue
            if status == 200:
                return True, attempts, answer
            self.counts.refused_pushes += 1
        self.counts.unacknowledged += 1
        return False, attempts, b""

    async def _request(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        assert self._http is not None, "the platform is not running: use it with `async with`"
        async with self._http.post(
            self.callback_url,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()

    def _apply(self, shown: Shown, answer: bytes) -> None:
        """Do what the answer to a pressed button says, as the platform would, or report that it cannot be read."""
        try:
            told = msgspec.json.decode(answer, type=Json)
        except msgspec.DecodeError:
            self.counts.violations.append("the answer to a pressed button cannot be read (200672)")
            return
        toast, card = told.get("toast"), told.get("card")
        if toast is not None and toast.get("type") not in ("info", "success", "error", "warning"):
            self.counts.violations.append("a toast is of no known type (200672)")
        if card is not None and card.get("type") == "raw":
            shown.content = card["data"]
            shown.versions.append(shown.text)

    def _name(self, who: str) -> str:
        return "小智" if who == BOT else self.api.people.get(who, ("同事", ""))[0]
