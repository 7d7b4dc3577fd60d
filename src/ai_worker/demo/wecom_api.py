"""What the simulated WeCom's API knows and checks; the sockets are in `demo.wecom`."""

import asyncio
import hmac
import secrets
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ai_worker.demo.wecom_media import MediaShelf
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import cut_bytes

TOKEN_S = 7_200.0
TOKENS_A_MINUTE = 100
TEXT_BYTES = 2_048
PER_MINUTE, PER_HOUR = 30, 1_000
"""Messages of one application to one member. What goes beyond is dropped with errcode 0."""

RECEIVERS = 1_000
FILES = ("image", "voice", "video", "file")
"""Kinds of message that name a file by its media id."""

KEPT = 200_000
"""Messages and violations that are remembered; a simulation that sends more forgets the oldest."""

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One message that a member sees."""

    number: int
    """1 for the first that the platform took."""

    user: str
    text: str
    msgtype: str
    at: datetime
    content: bytes = b""
    """Of a picture or file; its name is the text."""


@dataclass(slots=True)
class Counts:
    """What happened at the platform since it started."""

    token_fetches: int = 0
    send_calls: int = 0
    shown: int = 0
    dropped: int = 0
    """Over the limit of a member: taken with errcode 0 and shown to nobody."""

    suppressed: int = 0
    """Recognised by `enable_duplicate_check` and shown to nobody."""

    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Limits of the platform that were exceeded, in words."""

    callbacks: int = 0
    """Attempts to deliver a message or event, repeated ones included."""

    missed_deadlines: int = 0
    """Attempts that were not answered within the platform's deadline."""

    refused_callbacks: int = 0
    """Attempts that were answered with anything but an empty 200."""

    unacknowledged: int = 0
    """Messages and events that the platform gave up."""


class WecomApi:
    """Tokens, limits and what each member was shown, for one application of one company."""

    def __init__(self, *, corp_id: str, agent_id: int, secret: str, clock: Clock, counts: Counts) -> None:
        self.unknown_members: set[str] = set()
        """Members who do not exist or are outside the visible range; everybody else is known."""

        self.directory: dict[str, tuple[str, str]] = {}
        """Name and department of the members that the application may see."""

        self.media = MediaShelf(clock, violation=counts.violations.append)
        """What members send, and what the application uploads."""

        self._corp_id, self._agent_id, self._secret = corp_id, agent_id, secret
        self._clock = clock
        self._counts = counts
        self._token, self._token_until = "", 0.0
        self._fetches: deque[float] = deque(maxlen=TOKENS_A_MINUTE)
        self._shown: defaultdict[str, list[Shown]] = defaultdict(list)
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=PER_HOUR))
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._waiting: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def gettoken(self, corp_id: str, secret: str) -> Answer:
        """Give out the token: the same one while it is valid."""
        self._counts.token_fetches += 1
        now = self._clock.monotonic()
        if len(self._fetches) == TOKENS_A_MINUTE and now - self._fetches[0] < 60:
            self._counts.violations.append(f"gettoken more than {TOKENS_A_MINUTE} times a minute")
            return _answer(45009, "api freq out of limit")
        self._fetches.append(now)
        if corp_id != self._corp_id:
            return _answer(40013, "invalid corpid")
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            return _answer(40001, "invalid credential")
        if not self._token or now >= self._token_until:
            self._token, self._token_until = secrets.token_urlsafe(64), now + TOKEN_S
        return _answer(0, "ok", access_token=self._token, expires_in=int(self._token_until - now))

    def invalidate_token(self) -> None:
        """Make the token that was given out invalid before its time."""
        self._token = ""

    def change_secret(self, secret: str) -> None:
        """Take another secret from now on, as after a reset in the admin console."""
        self._secret = secret

    def refusal_of(self, token: str) -> Answer | None:
        """Return why a token does not open the API; `None` if it does."""
        if not token:
            return _answer(41001, "access_token missing")
        if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
            return _answer(40014, "invalid access_token")
        if self._clock.monotonic() >= self._token_until:
            return _answer(42001, "access_token expired")
        return None

    def look_up(self, call: str, query: Mapping[str, str]) -> Answer:
        """Answer `user/get`, `department/get` and `agent/get`."""
        if (refused := self.refusal_of(query.get("access_token", ""))) is not None:
            return refused
        if call == "agent/get":
            known = query.get("agentid") == str(self._agent_id)
            return _answer(0, "ok", name="应用") if known else _answer(40056, "invalid agentid")
        departments = sorted({department for _, department in self.directory.values()})
        if call == "department/get":
            id = int(query.get("id", "0"))
            if not 0 < id <= len(departments):
                return _answer(60123, "invalid party id")
            return _answer(0, "ok", department={"id": id, "name": departments[id - 1]})
        found = self.directory.get(query.get("userid", ""))
        if found is None:
            return _answer(60111, "userid not found")
        id = departments.index(found[1]) + 1
        return _answer(0, "ok", userid=query["userid"], name=found[0], department=[id], main_department=id)

    def send(self, token: str, body: bytes) -> Answer:
        """Take a message for its receivers, or say why not."""
        self._counts.send_calls += 1
        if (refused := self.refusal_of(token)) is not None:
            return refused
        try:
            message = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            return _answer(47001, "data format error")
        return self._refusal(message) or self._accept(message)

    def shown_to(self, user: str, *, after: int = 0) -> list[Shown]:
        """Return what `user` was shown, oldest first, leaving out messages up to number `after`."""
        return [message for message in self._shown[user] if message.number > after]

    async def wait_for(self, user: str, enough: Callable[[list[Shown]], bool], *, after: int) -> list[Shown]:
        """Return what `user` was shown once it is enough."""
        while not enough(found := self.shown_to(user, after=after)):
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[user].append(news)
            try:
                await news
            finally:
                if news in self._waiting[user]:
                    self._waiting[user].remove(news)
        return found

    def _refusal(self, message: dict[str, Any]) -> Answer | None:
        kind, agent, users = message.get("msgtype"), message.get("agentid"), message.get("touser")
        if kind not in ("text", "markdown", *FILES):
            return _answer(40008, "invalid message type")
        if not isinstance(users, str) or not users or users.count("|") >= RECEIVERS:
            return _answer(40058, "invalid touser")
        if not isinstance(agent, int) or isinstance(agent, bool) or agent != self._agent_id:
            return _answer(40056, "invalid agentid")
        body = message.get(kind)
        if kind in FILES:
            known = isinstance(body, dict) and self.media.find(body.get("media_id"), kind)
            return None if known else _answer(40007, "invalid media_id")
        if not isinstance(body, dict) or not isinstance(body.get("content"), str) or not body["content"]:
            return _answer(44004, "content is empty")
        return None

    def _accept(self, message: dict[str, Any]) -> Answer:
        users = message["touser"].split("|")
        known = [user for user in users if user not in self.unknown_members]
        invalid = "|".join(user.lower() for user in users if user in self.unknown_members)
        if not known:
            return _answer(81013, "user & party & tag all invalid", invaliduser=invalid)
        msgtype = message["msgtype"]
        medium = self.media.find(message[msgtype]["media_id"]) if msgtype in FILES else None
        text = medium.name if medium else message[msgtype]["content"]
        if len(text.encode()) > TEXT_BYTES:
            self._counts.violations.append(f"a text of {len(text.encode())} bytes was cut to {TEXT_BYTES}")
            text = cut_bytes(text, TEXT_BYTES)
        window = message.get("duplicate_check_interval", 1_800) if message.get("enable_duplicate_check") == 1 else 0
        for user in known:
            same = message[msgtype]["media_id"] if medium else text
            self._show(user, text, msgtype, medium.content if medium else b"", same=same, window=window)
        return _answer(0, "ok", msgid=f"msg-{secrets.token_hex(8)}", **({"invaliduser": invalid} if invalid else {}))

    def _show(self, user: str, text: str, msgtype: str, content: bytes, *, same: str, window: float) -> None:
        now = self._clock.monotonic()
        before = self._seen.get((user, same))
        if window and before is not None and now - before <= window:
            self._counts.suppressed += 1
            return
        times = self._times[user]
        if len(times) == PER_HOUR and now - times[0] < 3_600:
            self._drop(user, f"more than {PER_HOUR} messages an hour")
            return
        if len(times) >= PER_MINUTE and now - times[-PER_MINUTE] < 60:
            self._drop(user, f"more than {PER_MINUTE} messages a minute")
            return
        times.append(now)
        self._seen[(user, same)] = now
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        self._counts.shown += 1
        self._shown[user].append(Shown(self._counts.shown, user, text, msgtype, self._clock.now(), content))
        for news in self._waiting.pop(user, []):
            if not news.done():
                news.set_result(None)

    def _drop(self, user: str, why: str) -> None:
        self._counts.dropped += 1
        self._counts.violations.append(f"{why} to {user}")


def _answer(errcode: int, errmsg: str, **more: Any) -> Answer:
    return {"errcode": errcode, "errmsg": errmsg, **more}
