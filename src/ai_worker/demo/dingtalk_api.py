"""What the simulated DingTalk's API knows and checks; the sockets are in `demo.dingtalk`."""

import base64
import hashlib
import hmac
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from ai_worker.demo.dingtalk_cards import CardDesk, Told
from ai_worker.demo.dingtalk_chats import Answer, Chats, Counts, answer, text_in
from ai_worker.demo.dingtalk_media import DingtalkMedia, Medium
from ai_worker.foundation.clock import Clock

TOKEN_S = 7_200
QPS = 20
"""Calls a second of one interface by the whole organisation."""

WINDOW_MS = 3_600_000
USERS = 20


@dataclass(frozen=True, slots=True)
class Robot:
    """One custom robot."""

    token: str
    secret: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One session webhook."""

    chat: str
    group: bool
    until: float
    """Seconds since 1970."""


class DingtalkApi:
    """Tokens, sends, sessions, custom robots and the directory of one organisation with one application."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        robot_code: str,
        card_template: str,
        clock: Clock,
        counts: Counts,
        minute_s: float,
        cut_off_s: float,
    ) -> None:
        self.chats = Chats(clock=clock, counts=counts, minute_s=minute_s, cut_off_s=cut_off_s)
        self.desk = CardDesk(
            template=card_template, robot_code=robot_code, chats=self.chats, clock=clock, counts=counts
        )
        self.directory: dict[str, tuple[str, tuple[str, ...]]] = {}
        """Name and departments by staff id; empty: everybody is known, without a name."""

        self.media = DingtalkMedia(clock, violation=counts.violations.append)
        self.may_read_departments = True
        self.unknown: set[str] = set()
        """People who may not use the robot."""

        self.flow_controlled: set[str] = set()
        self._client_id, self._client_secret, self._robot_code = client_id, client_secret, robot_code
        self._clock, self._counts = clock, counts
        self._token, self._token_until = "", 0.0
        self._sessions: dict[str, Session] = {}
        self._robots: dict[str, Robot] = {}
        self._calls: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=QPS))

    def sign(self, timestamp: str) -> str:
        """Return the signature that a callback carries."""
        return _sign(self._client_secret, timestamp)

    def open_session(self, chat: str, *, group: bool, seconds: float) -> tuple[str, int]:
        """Return a new session's secret and until when it is good, in milliseconds since 1970."""
        until = self._clock.now().timestamp() + seconds
        secret = secrets.token_hex(16)
        self._sessions[secret] = Session(chat, group, until)
        return secret, int(until * 1000)

    def add_robot(self, *, secret: str, keywords: tuple[str, ...]) -> str:
        """Add a custom robot and return its token."""
        token = secrets.token_hex(32)
        self._robots[token] = Robot(token, secret, keywords)
        return token

    def invalidate_token(self) -> None:
        """Make the access token that was given out invalid before its time."""
        self._token = ""

    def token(self, body: Answer) -> Told:
        """Give out an access token: the same one while it is good."""
        if body.get("appKey") != self._client_id or body.get("appSecret") != self._client_secret:
            return 400, {"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"}
        self._counts.token_fetches += 1
        return 200, {"accessToken": self._renewed(), "expireIn": int(self._token_until - self._clock.monotonic())}

    def old_token(self, query: dict[str, str]) -> Answer:
        """Give out an access token by the old interface."""
        if query.get("appkey") != self._client_id or query.get("appsecret") != self._client_secret:
            return answer(40089, "不合法的corpid或corpsecret")
        self._counts.token_fetches += 1
        return answer(0, "ok", access_token=self._renewed(), expires_in=TOKEN_S)

    async def call(self, method: str, path: str, token: str, body: Answer) -> Told:
        """Answer one call that needs an access token."""
        if not self._good(token):
            return 401, {"code": "InvalidAuthentication", "message": "不合法的access_token"}
        now, calls = self._clock.monotonic(), self._calls[f"{method} {path}"]
        if len(calls) == QPS and now - calls[0] < 1.0:
            self._counts.violations.append(f"more than {QPS} calls a second of {path}")
            return 403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "qps limit"}
        calls.append(now)
        if path.startswith("/v1.0/card/"):
            return await self.desk.serve(method, path, body)
        if body.get("robotCode") != self._robot_code:
            return 400, {"code": "robot.notExist", "message": "机器人不存在"}
        if path == "/v1.0/robot/messageFiles/download":
            return self.media.address_of(str(body.get("downloadCode")))
        file = self.media.sent(body)
        if isinstance(file, dict):
            return 400, file
        words = file.name if file else _words(body)
        if words is None:
            self._counts.violations.append("msgParam is not JSON in a string")
            return 400, {"code": "invalidParameter.msgParam", "message": "msgParam"}
        if path == "/v1.0/robot/oToMessages/batchSend":
            return self._to_people(body, words, file)
        if path == "/v1.0/robot/groupMessages/send":
            msgtype, content = (file.kind, file.content) if file else ("markdown", b"")
            self.chats.show(str(body.get("openConversationId")), words, msgtype=msgtype, by="api", content=content)
            return 200, {"processQueryKey": secrets.token_hex(8)}
        return 404, {"code": "InvalidAction.NotFound", "message": path}

    def by_session(self, query: dict[str, str], message: Answer) -> Answer:
        """Take a message over a session webhook."""
        session = self._sessions.get(query.get("session", ""))
        if session is None or self._clock.now().timestamp() >= session.until:
            return answer(300001, "token is not exist")
        if session.group and self.chats.too_fast(session.chat):
            return answer(130101, "send too fast, exceed 20 times per minute")
        if refusal := self.chats.refusal(message):
            return refusal
        at = tuple(message.get("at", {}).get("atUserIds", ()))
        self.chats.show(session.chat, text_in(message), msgtype=str(message["msgtype"]), by="session", mentions=at)
        return answer(0, "ok")

    def by_robot(self, raw_query: str, message: Answer) -> Answer:
        """Take a message over a custom robot's webhook. The query is as it came: encoded twice is wrong."""
        query = {name: values[0] for name, values in parse_qs(raw_query).items()}
        robot = self._robots.get(query.get("access_token", ""))
        if robot is None:
            return answer(300001, "token is not exist")
        if refusal := self._insecure(robot, query, message):
            return refusal
        if self.chats.too_fast(robot.token):
            return answer(130101, "send too fast, exceed 20 times per minute")
        if refusal := self.chats.refusal(message):
            return refusal
        self.chats.show(robot.token, text_in(message), msgtype=str(message["msgtype"]), by="robot")
        return answer(0, "ok")

    def ask_directory(self, path: str, token: str, body: Answer) -> Answer:
        """Answer one question about a person or a department."""
        if not self._good(token):
            return answer(40014, "不合法的access_token")
        if path == "/topapi/v2/user/get":
            staff = str(body.get("userid"))
            if staff not in self.directory:
                return answer(60121, "找不到该用户")
            name, departments = self.directory[staff]
            ids = [self._departments().index(department) + 2 for department in departments]
            return answer(0, "ok", result={"userid": staff, "name": name, "dept_id_list": ids})
        if not self.may_read_departments:
            return answer(88, "isv auth failed", sub_code="60011", sub_msg="没有调用该接口的权限")
        return answer(0, "ok", result={"name": self._departments()[int(body.get("dept_id", 0)) - 2]})

    def _departments(self) -> list[str]:
        return sorted({department for _, departments in self.directory.values() for department in departments})

    def upload(self, token: str, kind: str, name: str, content: bytes) -> Answer:
        """Take a file by the old interface."""
        if not self._good(token):
            return answer(40014, "不合法的access_token")
        return self.media.upload(kind, name, content)

    def _to_people(self, body: Answer, words: str, file: Medium | None) -> Told:
        users = body.get("userIds")
        if not isinstance(users, list) or not 0 < len(users) <= USERS or not all(users):
            return 400, {"code": "invalidParameter.userIds", "message": "userIds"}
        invalid = [user for user in users if user in self.unknown]
        waiting = [user for user in users if user in self.flow_controlled]
        for user in users:
            if user not in invalid and user not in waiting:
                msgtype, content = (file.kind, file.content) if file else ("markdown", b"")
                self.chats.show(user, words, msgtype=msgtype, by="api", content=content)
        told = {"invalidStaffIdList": invalid, "flowControlledStaffIdList": waiting}
        return 200, {"processQueryKey": secrets.token_hex(8), **told}

    def _insecure(self, robot: Robot, query: dict[str, str], message: Answer) -> Answer | None:
        timestamp = query.get("timestamp", "")
        if robot.secret:
            now = self._clock.now().timestamp() * 1000
            if not timestamp.isdecimal() or abs(now - int(timestamp)) > WINDOW_MS:
                return answer(310000, "invalid timestamp")
            if not hmac.compare_digest(_sign(robot.secret, timestamp).encode(), query.get("sign", "").encode()):
                return answer(310000, "sign not match")
        if robot.keywords and not any(word in text_in(message) for word in robot.keywords):
            return answer(310000, "keywords not in content")
        return None

    def _renewed(self) -> str:
        now = self._clock.monotonic()
        if not self._token or now >= self._token_until:
            self._token, self._token_until = secrets.token_hex(16), now + TOKEN_S
        return self._token

    def _good(self, token: str) -> bool:
        return bool(self._token) and token == self._token and self._clock.monotonic() < self._token_until


def _words(body: Answer) -> str | None:
    """Return the words of an API message, whose parameter is JSON inside a string."""
    try:
        found = msgspec.json.decode(body.get("msgParam", b""), type=dict[str, str])
    except (msgspec.DecodeError, TypeError):
        return None
    return found.get({"sampleText": "content", "sampleMarkdown": "text"}.get(str(body.get("msgKey")), ""))


def _sign(secret: str, timestamp: str) -> str:
    """Sign by the platform's documents, not by `channels.dingtalk.sign`: shared code would share a mistake."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), digestmod=hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
