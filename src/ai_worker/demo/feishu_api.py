"""What the simulated Feishu's API knows and checks; the sockets are in `demo.feishu`."""

import asyncio
import base64
import hmac
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping

import msgspec

from ai_worker.demo.feishu_cards import Cards, card_fault
from ai_worker.demo.feishu_files import FeishuFiles
from ai_worker.demo.feishu_state import KEPT, Answer, Counts, Json, Shown, Window, fresh, granted, refusal
from ai_worker.foundation.clock import Clock

TOKEN_S, RENEWABLE_S = 7_200.0, 1_800.0
UUID_S = 3_600.0
TEXT_BYTES, RICH_BYTES, ROBOT_BYTES = 150_000, 30_000, 20_000
PER_CHAT = ((5, 1.0),)
PER_ROBOT = ((5, 1.0), (100, 60.0))
ROBOT = "robot"


class FeishuApi:
    """Tokens, messages, limits and the directory, for one application of one tenant."""

    def __init__(
        self, *, app_id: str, app_secret: str, bot_id: str, per_minute: int, clock: Clock, counts: Counts
    ) -> None:
        self.people: dict[str, tuple[str, str]] = {}
        """Name and department by open_id; who is not here is outside what the application may read."""

        self.outside: set[str] = set()
        """Who is outside the application's availability."""

        self.robot_secret = ""
        self.robot_keywords: tuple[str, ...] = ()
        self.has_bot = True
        self.cards = Cards(clock=clock, counts=counts)
        self.files = FeishuFiles(violation=counts.violations.append)
        self.withdrawn: set[str] = set()
        """Messages of people that they took back."""

        self._app_id, self._app_secret, self._bot_id = app_id, app_secret, bot_id
        self._clock, self._counts = clock, counts
        self._tokens: dict[str, float] = {}
        self._newest = ""
        self._chats: defaultdict[str, Window] = defaultdict(
            lambda: Window("one chat", PER_CHAT, clock=clock, counts=counts)
        )
        self._app = Window("the application", ((per_minute // 20, 1.0), (per_minute, 60.0)), clock=clock, counts=counts)
        self._robot = Window("the robot", PER_ROBOT, clock=clock, counts=counts)
        self._uuids: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._shown: defaultdict[str, list[Shown]] = defaultdict(list)
        self._by_id: OrderedDict[str, Shown] = OrderedDict()
        self._heard: dict[str, str] = {}
        self._waiting: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def token(self, body: Json) -> Answer:
        """Give out a tenant token: the same one while it has more than half an hour left."""
        self._counts.token_fetches += 1
        if body.get("app_id") != self._app_id:
            return refusal(10003, "invalid param")
        if not hmac.compare_digest(str(body.get("app_secret", "")), self._app_secret):
            return refusal(10014, "app secret invalid")
        now = self._clock.monotonic()
        if self._tokens.get(self._newest, 0.0) - now <= RENEWABLE_S:
            self._newest = f"t-{secrets.token_urlsafe(32)}"
            self._tokens[self._newest] = now + TOKEN_S
        left = int(self._tokens[self._newest] - now)
        return {"code": 0, "msg": "ok", "tenant_access_token": self._newest, "expire": left}

    def invalidate_tokens(self) -> None:
        """Make every token that was given out invalid before its time."""
        self._tokens.clear()

    def knows(self, authorization: str) -> bool:
        """Return whether a call carries a token that is good."""
        token = authorization.removeprefix("Bearer ")
        return self._tokens.get(token, 0.0) > self._clock.monotonic()

    def bot(self) -> Answer:
        """Say who the application is."""
        if not self.has_bot:
            return refusal(230006, "bot ability is not activated")
        return {"code": 0, "msg": "ok", "bot": {"open_id": self._bot_id, "app_name": "小智", "activate_status": 2}}

    def person(self, open_id: str) -> Answer:
        """Say who somebody is."""
        if open_id not in self.people:
            return refusal(41050, "no user authority error")
        name, department = self.people[open_id]
        return granted(user={"open_id": open_id, "name": name, "department_ids": [f"od-{department}"]})

    def department(self, department_id: str) -> Answer:
        """Say what a department is called."""
        return granted(department={"name": department_id.removeprefix("od-")})

    def heard(self, message_id: str, chat: str) -> None:
        """Know a message that somebody wrote in a chat, so that it can be answered."""
        self._heard[message_id] = chat

    def send(self, receive_id_type: str, body: Json) -> Answer:
        """Take a message for a person or a chat."""
        to = body.get("receive_id")
        if receive_id_type not in ("open_id", "chat_id") or not isinstance(to, str) or not to:
            return refusal(99992402, "field validation failed")
        return self._take(to, body)

    def reply(self, message_id: str, body: Json) -> Answer:
        """Take a message that answers one."""
        if message_id in self.withdrawn:
            return refusal(230011, "the message was withdrawn")
        if message_id not in self._heard:
            return refusal(230001, "param is invalid: message_id")
        return self._take(self._heard[message_id], body, answers=message_id)

    def withdraw(self, message_id: str) -> Answer:
        """Take a message off the screen."""
        if message_id not in self._by_id:
            return refusal(230001, "param is invalid: message_id")
        self._by_id[message_id].withdrawn = True
        return granted()

    def post_to_group(self, body: Json) -> Answer:
        """Take a message of the group's robot."""
        size = len(msgspec.json.encode(body))
        text = msgspec.json.encode(body).decode()
        if not self._robot.take():
            return refusal(11232, "frequency limited psm[lark.oapi.app_platform_runtime]")
        if size > ROBOT_BYTES:
            return refusal(9499, "Bad Request")
        if self.robot_secret and not self._is_signed(body):
            return refusal(19021, "sign match fail or timestamp is not within one hour from current time")
        if self.robot_keywords and not any(word in text for word in self.robot_keywords):
            return refusal(19024, "Key Words Not Found")
        kind = body.get("msg_type")
        content = body.get("card") if kind == "interactive" else body.get("content")
        if kind not in ("text", "post", "interactive") or not isinstance(content, dict):
            return refusal(9499, "Bad Request")
        self._show(ROBOT, str(kind), content)
        return {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}

    def shown_to(self, to: str, *, after: int = 0) -> list[Shown]:
        """Return what stands on a screen, oldest first, leaving out messages up to number `after`."""
        return [message for message in self._shown[to] if message.number > after and not message.withdrawn]

    def message(self, message_id: str) -> Shown:
        """Return a message that was shown."""
        return self._by_id[message_id]

    async def wait_for(self, to: str, enough: Callable[[list[Shown]], bool], *, after: int) -> list[Shown]:
        """Return what stands on a screen once it is enough."""
        while not enough(found := self.shown_to(to, after=after)):
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[to].append(news)
            await news
        return found

    def _is_signed(self, body: Json) -> bool:
        stamp, sign = str(body.get("timestamp", "")), str(body.get("sign", ""))
        if not stamp.isdecimal() or abs(int(stamp) - self._clock.now().timestamp()) > 3_600:
            return False
        expected = hmac.digest(f"{stamp}\n{self.robot_secret}".encode(), b"", "sha256")
        return hmac.compare_digest(base64.b64encode(expected).decode(), sign)

    def _take(self, to: str, body: Json, *, answers: str = "") -> Answer:
        uuid = body.get("uuid", "")
        if not isinstance(uuid, str) or len(uuid) > 50:
            return refusal(230001, "param is invalid: uuid")
        if not uuid:
            self._counts.violations.append("a message was sent without uuid")
        if known := self._known(uuid):
            self._counts.suppressed += 1
            return granted(message_id=known)
        if not self._app.take():
            return refusal(99991400, "request trigger frequency limit")
        if not self._chats[to].take():
            return refusal(230020, "the frequency of sending messages to this chat is limited")
        if to in self.outside:
            return refusal(230013, "Bot has NO availability to this user.")
        return self._put(to, body, uuid, answers)

    def _put(self, to: str, body: Json, uuid: str, answers: str) -> Answer:
        kind, raw = body.get("msg_type"), body.get("content")
        if fault := _fault(kind, raw):
            return fault
        content = msgspec.json.decode(raw or "", type=Json)
        if kind in ("image", "file"):
            file = self.files.uploaded(str(kind), content)
            if file is None:
                return refusal(230001, f"Your request contains an invalid request parameter, ext=invalid {kind}_key")
            content = {**content, "name": file.name, "bytes": file.content}
        entity = None
        if kind == "interactive" and content.get("type") == "card":
            entity = self.cards.send(str(content.get("data", {}).get("card_id")))
            if entity is None:
                return refusal(230099, "Failed to create card content, ext=ErrCode: 11310; the entity was sent before")
            content = entity.content
        elif kind == "interactive" and (words := card_fault(content)):
            return refusal(230099, f"Failed to create card content, ext=ErrCode: 11310; {words}")
        shown = self._show(to, str(kind), content, answers=answers)
        if entity is not None:
            entity.shown, shown.card_id = shown, entity.card_id
            shown.versions.append(shown.text)
        if uuid:
            self._uuids[uuid] = (self._clock.monotonic(), shown.message_id)
        return granted(message_id=shown.message_id, chat_id=to)

    def _known(self, uuid: str) -> str:
        at, message_id = self._uuids.get(uuid, (0.0, ""))
        return message_id if message_id and self._clock.monotonic() - at < UUID_S else ""

    def _show(self, to: str, kind: str, content: Json, *, answers: str = "") -> Shown:
        self._counts.shown += 1
        shown = Shown(self._counts.shown, fresh("om"), to, kind, content, self._clock.now(), answers)
        self._shown[to].append(shown)
        self._by_id[shown.message_id] = shown
        if len(self._by_id) > KEPT:
            self._by_id.popitem(last=False)
        for news in self._waiting.pop(to, []):
            if not news.done():
                news.set_result(None)
        return shown


def _fault(kind: object, raw: object) -> Answer | None:
    rich = ("post", "interactive", "image", "file")
    limits: Mapping[str, int] = {"text": TEXT_BYTES, **dict.fromkeys(rich, RICH_BYTES)}
    if not isinstance(kind, str) or kind not in limits or not isinstance(raw, str):
        return refusal(230001, "Your request contains an invalid request parameter, ext=invalid msg_type or content")
    if len(raw.encode()) > limits[kind]:
        return refusal(230025, "The length of the message content reaches its limit")
    try:
        content = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        content = None
    if not isinstance(content, dict) or (kind == "text" and not content.get("text")):
        return refusal(230001, "Your request contains an invalid request parameter, ext=invalid content")
    return None
