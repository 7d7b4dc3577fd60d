"""What the simulated AI-bot platform knows and checks; the sockets are in `demo.wecom_bot`."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from ai_worker.demo.wecom_media import MediaShelf
from ai_worker.foundation.clock import Clock

STREAM_BYTES = 20_480
PER_MINUTE, PER_HOUR = 30, 1_000
"""Messages of one bot in one conversation, answers and pushes together."""

IN_PROGRESS = 3
STREAM_S = 360.0
REPLY_S = 86_400.0
DEADLINE_S = 5.0
"""For a welcome, and for the update of a pressed card."""

KEPT = 200_000
FILES = ("image", "voice", "video", "file")
SHOWN = ("markdown", "template_card", *FILES)
"""What a bot can send of its own."""

Body = dict[str, Any]
Asked = Literal["message", "enter_chat", "template_card_event", "feedback_event"]


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message of the bot, as far as a conversation sees it."""

    number: int
    """1 for the first that the platform took."""

    conversation: str
    """The user's id, or the group's."""

    text: str
    msgtype: str
    finished: bool
    at: datetime
    updates: int = 0
    """How often its text was replaced."""

    feedback_id: str = ""
    card: Body = field(default_factory=dict)
    pushed: bool = False
    """It was sent without being an answer (`aibot_send_msg`)."""

    content: bytes = b""
    """Of a picture or file; its name is the text."""


@dataclass(slots=True)
class BotCounts:
    """What happened at the platform since it started."""

    subscribes: int = 0
    callbacks: int = 0
    undelivered: int = 0
    """Messages that were said while nobody was connected: the platform does not keep them."""

    frames: int = 0
    shown: int = 0
    pings: int = 0
    missed_deadlines: int = 0
    """Pressed cards and entered chats that had no answer in time."""

    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Rules of the platform that were broken, in words."""


@dataclass(slots=True)
class _Callback:
    """What was sent down a connection and may be answered."""

    kind: Asked
    conversation: str
    user: str
    at: float
    task_id: str = ""
    answered: bool = False


@dataclass(slots=True)
class _Stream:
    bubble: Bubble
    user: str
    opened_at: float


class BotApi:
    """The rules for one bot. A connection is known by any object that stands for it."""

    def __init__(self, *, clock: Clock, counts: BotCounts, stream_s: float, deadline_s: float) -> None:
        self.media = MediaShelf(clock, violation=counts.violations.append)
        self._clock, self._counts = clock, counts
        self._stream_s, self._deadline_s = stream_s, deadline_s
        self._callbacks: dict[tuple[object, str], _Callback] = {}
        self._streams: dict[str, _Stream] = {}
        self._bubbles: defaultdict[str, list[Bubble]] = defaultdict(list)
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=PER_HOUR))
        self._met: set[str] = set()
        self._news = asyncio.Condition()

    def called(
        self, link: object, req_id: str, kind: Asked, *, conversation: str, user: str, task_id: str = ""
    ) -> None:
        """Remember a callback that goes out."""
        self._met.add(conversation)
        asked = _Callback(kind, conversation, user, self._clock.monotonic(), task_id)
        self._callbacks[link, req_id] = asked

    def overdue(self, link: object, req_id: str) -> bool:
        """Return whether a callback still has no answer."""
        asked = self._callbacks.get((link, req_id))
        return asked is not None and not asked.answered

    def gone(self, link: object) -> None:
        """Forget a connection: the `req_id`s that went down it mean nothing on another."""
        for key in [key for key in self._callbacks if key[0] is link]:
            del self._callbacks[key]

    def handle(self, link: object, cmd: str, req_id: str, body: Any) -> tuple[int, str]:
        """Take a frame of the bot; return errcode and errmsg."""
        if not isinstance(body, dict):
            return self._wrong(40058, f"{cmd} without a body")
        if cmd == "aibot_send_msg":
            return self._push(body)
        asked = self._callbacks.get((link, req_id))
        if asked is None or self._clock.monotonic() - asked.at > REPLY_S:
            return 846605, "invalid req_id"
        if cmd == "aibot_respond_msg" and asked.kind == "message":
            return self._respond(asked, body)
        if cmd == "aibot_respond_welcome_msg" and asked.kind == "enter_chat":
            return self._welcome(asked, body)
        if cmd == "aibot_respond_update_msg" and asked.kind == "template_card_event":
            return self._update(asked, body)
        return self._wrong(40058, f"{cmd} in answer to {asked.kind}")

    def shown_to(self, conversation: str, *, after: int = 0) -> list[Bubble]:
        """Return what a conversation sees, oldest first, leaving out bubbles up to number `after`."""
        return [bubble for bubble in self._bubbles[conversation] if bubble.number > after]

    async def wait_for(self, conversation: str, enough: Callable[[list[Bubble]], bool], *, after: int) -> list[Bubble]:
        """Return what a conversation sees once it is enough."""
        async with self._news:
            await self._news.wait_for(lambda: enough(self.shown_to(conversation, after=after)))
        return self.shown_to(conversation, after=after)

    async def tell(self) -> None:
        """Wake whoever waits for something to be shown."""
        async with self._news:
            self._news.notify_all()

    def _respond(self, asked: _Callback, body: Body) -> tuple[int, str]:
        msgtype = body.get("msgtype")
        if msgtype == "stream" and isinstance(stream := body.get("stream"), dict):
            return self._on_stream(asked, stream)
        if msgtype in ("markdown", "template_card", *FILES):
            return self._show(asked.conversation, str(msgtype), body)
        return self._wrong(40008, f"an answer of type {msgtype}")

    def _on_stream(self, asked: _Callback, stream: Body) -> tuple[int, str]:
        id, text, finish = stream.get("id"), stream.get("content"), stream.get("finish", False)
        if not isinstance(id, str) or not id or not isinstance(text, str) or not isinstance(finish, bool):
            return self._wrong(40058, "a stream without id, content or finish")
        if len(text.encode()) > STREAM_BYTES:
            return self._wrong(40058, f"a stream of {len(text.encode())} bytes")
        feedback = stream.get("feedback")
        known = self._streams.get(id)
        if known is None:
            return self._open(asked, id, text, finish, str(feedback["id"]) if isinstance(feedback, dict) else "")
        if feedback is not None:
            self._counts.violations.append("feedback in another than a stream's first frame")
        if known.bubble.conversation != asked.conversation:
            return self._wrong(40058, "a stream of another conversation")
        if known.bubble.finished or self._clock.monotonic() - known.opened_at > self._stream_s:
            return 846608, "stream message update expired"
        if finish and not text:
            self._counts.violations.append("an empty last frame clears the answer")
        known.bubble = self._replace(known.bubble, text, finish)
        asked.answered = True
        return 0, "ok"

    def _open(self, asked: _Callback, id: str, text: str, finish: bool, feedback_id: str) -> tuple[int, str]:
        now = self._clock.monotonic()
        growing = [
            stream
            for stream in self._streams.values()
            if stream.user == asked.user and not stream.bubble.finished and now - stream.opened_at <= self._stream_s
        ]
        if len(growing) >= IN_PROGRESS:
            return self._wrong(45009, f"more than {IN_PROGRESS} answers in progress for {asked.user}")
        refused = self._count(asked.conversation)
        if refused is not None:
            return refused
        bubble = self._add(asked.conversation, text, "stream", finished=finish, feedback_id=feedback_id)
        self._streams[id] = _Stream(bubble, asked.user, now)
        asked.answered = True
        return 0, "ok"

    def _push(self, body: Body) -> tuple[int, str]:
        chat, kind, msgtype = body.get("chatid"), body.get("chat_type", 0), body.get("msgtype")
        if not isinstance(chat, str) or kind not in (0, 1, 2) or msgtype not in SHOWN:
            return self._wrong(40058, "a push without chatid, chat_type or a type that can be pushed")
        if chat not in self._met:
            return self._wrong(40058, f"a push to {chat}, who never wrote to the bot")
        return self._show(chat, str(msgtype), body, pushed=True)

    def _show(self, conversation: str, msgtype: str, body: Body, *, pushed: bool = False) -> tuple[int, str]:
        told = body.get(msgtype)
        if not isinstance(told, dict):
            return self._wrong(40058, f"{msgtype} is missing")
        medium = self.media.find(told.get("media_id"), msgtype) if msgtype in FILES else None
        if msgtype in FILES and medium is None:
            return self._wrong(40007, "a media id that is not good")
        text = str(told.get("content", "")) if msgtype == "markdown" else card_text(told)
        text = medium.name if medium else text
        if not text or len(text.encode()) > STREAM_BYTES:
            return self._wrong(40058, f"a message of {len(text.encode())} bytes")
        refused = self._count(conversation)
        if refused is not None:
            return refused
        feedback = told.get("feedback")
        self._add(
            conversation,
            text,
            msgtype,
            finished=True,
            card=told if msgtype == "template_card" else {},
            feedback_id=str(feedback["id"]) if isinstance(feedback, dict) else "",
            pushed=pushed,
            content=medium.content if medium else b"",
        )
        return 0, "ok"

    def _welcome(self, asked: _Callback, body: Body) -> tuple[int, str]:
        if body.get("msgtype") not in ("text", "template_card"):
            return self._wrong(40008, "a welcome that is neither text nor card")
        if asked.answered or self._clock.monotonic() - asked.at > self._deadline_s:
            return 846605, "invalid req_id"
        asked.answered = True
        text = body.get("text")
        self._add(asked.conversation, str(text["content"]) if isinstance(text, dict) else "", "text", finished=True)
        return 0, "ok"

    def _update(self, asked: _Callback, body: Body) -> tuple[int, str]:
        card = body.get("template_card")
        if body.get("response_type") != "update_template_card" or not isinstance(card, dict):
            return self._wrong(40058, "a card's update without the card")
        if asked.answered or self._clock.monotonic() - asked.at > self._deadline_s:
            return 846605, "invalid req_id"
        if card.get("task_id") != asked.task_id:
            return self._wrong(40058, "an update of another card")
        asked.answered = True
        for bubble in self._bubbles[asked.conversation]:
            if bubble.card.get("task_id") == asked.task_id:
                self._put(replace(bubble, card=card, text=card_text(card), updates=bubble.updates + 1))
                return 0, "ok"
        return self._wrong(40058, "an update of a card that was never sent")

    def _count(self, conversation: str) -> tuple[int, str] | None:
        now, times = self._clock.monotonic(), self._times[conversation]
        if len(times) == PER_HOUR and now - times[0] < 3_600:
            return self._wrong(45009, f"more than {PER_HOUR} messages an hour to {conversation}")
        if len(times) >= PER_MINUTE and now - times[-PER_MINUTE] < 60:
            return self._wrong(45009, f"more than {PER_MINUTE} messages a minute to {conversation}")
        times.append(now)
        return None

    def _add(self, conversation: str, text: str, msgtype: str, **more: Any) -> Bubble:
        self._counts.shown += 1
        bubble = Bubble(self._counts.shown, conversation, text, msgtype, at=self._clock.now(), **more)
        self._bubbles[conversation].append(bubble)
        return bubble

    def _replace(self, bubble: Bubble, text: str, finished: bool) -> Bubble:
        return self._put(replace(bubble, text=text, finished=finished, updates=bubble.updates + 1))

    def _put(self, bubble: Bubble) -> Bubble:
        bubbles = self._bubbles[bubble.conversation]
        place = next(place for place, other in enumerate(bubbles) if other.number == bubble.number)
        bubbles[place] = bubble
        return bubble

    def _wrong(self, errcode: int, what: str) -> tuple[int, str]:
        self._counts.violations.append(what)
        return errcode, what


def card_text(card: Body) -> str:
    """Return a card's words as one text."""
    title = card.get("main_title")
    lines = [title.get("title", "") if isinstance(title, dict) else "", card.get("sub_title_text", "")]
    return "\n".join(line for line in lines if line)
