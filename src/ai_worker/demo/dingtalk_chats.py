"""What the simulated DingTalk's chats show, and the rules for writing into them."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ai_worker.foundation.clock import Clock

PER_MINUTE, MINUTE_S, CUT_OFF_S = 20, 60.0, 600.0
"""A robot that writes more than 20 messages into a group in a minute is cut off for ten minutes."""

TEXT_CHARACTERS, TEXT_BYTES = 5_000, 20_000
MSGTYPES = frozenset({"text", "markdown", "link", "actionCard", "feedCard"})
KEPT = 200_000
"""Messages and violations that are remembered; a simulation that sends more forgets the oldest."""

Answer = dict[str, Any]
Way = Literal["session", "api", "card", "robot"]


@dataclass(slots=True)
class Counts:
    """What happened at the platform since it started."""

    token_fetches: int = 0
    tickets: int = 0
    connections: int = 0
    ticket_reuses: int = 0
    """Connections that were tried with a ticket that had opened one, or was too old, or never given out."""

    pushes: int = 0
    """Robot messages and pressed buttons that went down a connection, repeated ones included."""

    lost: int = 0
    """Robot messages for which no connection stood: the platform does not keep them."""

    answered: int = 0
    refused: int = 0
    """Pushes and calls that were answered with anything but success."""

    missed_deadlines: int = 0
    """Pushes, pings and calls that were not answered in time although their connection stood."""

    callbacks: int = 0
    shown: int = 0
    dropped: int = 0
    """Messages that were refused because the robot was cut off."""

    card_calls: int = 0
    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Limits and rules of the platform that were broken, in words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One message that a chat shows."""

    number: int
    """1 for the first that the platform took."""

    chat: str
    """Staff id of a private chat, conversation id of a group, token of a custom robot."""

    text: str
    msgtype: str
    by: Way
    at: datetime
    mentions: tuple[str, ...] = ()
    card: str = ""
    """`outTrackId`, if it is a card; `text` is then what it shows now."""

    content: bytes = b""
    """Of a picture or file; its name is the text."""


class Chats:
    """Every chat, what it shows, and how often robots wrote into it."""

    def __init__(self, *, clock: Clock, counts: Counts, minute_s: float, cut_off_s: float) -> None:
        self._clock, self._counts = clock, counts
        self._minute_s, self._cut_off_s = minute_s, cut_off_s
        self._shown: defaultdict[str, list[Shown]] = defaultdict(list)
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=PER_MINUTE))
        self._cut_off: dict[str, float] = {}
        self._waiting: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self.text_of_card: Callable[[str], str] = str
        """Returns what a card shows now."""

    def show(
        self,
        chat: str,
        text: str,
        *,
        msgtype: str,
        by: Way,
        mentions: tuple[str, ...] = (),
        card: str = "",
        content: bytes = b"",
    ) -> None:
        """Let a chat show one message more."""
        self._counts.shown += 1
        now = self._clock.now()
        self._shown[chat].append(Shown(self._counts.shown, chat, text, msgtype, by, now, mentions, card, content))
        self.changed(chat)

    def changed(self, chat: str) -> None:
        """Wake those who wait for something in a chat."""
        for news in self._waiting.pop(chat, []):
            if not news.done():
                news.set_result(None)

    def shown_in(self, chat: str, *, after: int = 0) -> list[Shown]:
        """Return what a chat shows, oldest first, leaving out messages up to number `after`."""
        return [
            shown if not shown.card else _as_now(shown, self.text_of_card(shown.card))
            for shown in self._shown[chat]
            if shown.number > after
        ]

    async def wait_for(self, chat: str, enough: Callable[[list[Shown]], bool], *, after: int) -> list[Shown]:
        """Return what a chat shows once it is enough."""
        while not enough(found := self.shown_in(chat, after=after)):
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[chat].append(news)
            try:
                await news
            finally:
                if news in self._waiting[chat]:
                    self._waiting[chat].remove(news)
        return found

    def too_fast(self, writer: str) -> bool:
        """Count one message of a robot into a group; return whether the robot is cut off."""
        now = self._clock.monotonic()
        if now < self._cut_off.get(writer, 0.0):
            self._counts.dropped += 1
            return True
        times = self._times[writer]
        if len(times) == PER_MINUTE and now - times[0] < self._minute_s:
            self._cut_off[writer] = now + self._cut_off_s
            self._counts.dropped += 1
            self._counts.violations.append(f"more than {PER_MINUTE} messages a minute by {writer[:12]}…")
            return True
        times.append(now)
        return False

    def refusal(self, message: Answer) -> Answer | None:
        """Return why a webhook does not take a message; `None` if it does."""
        kind = message.get("msgtype")
        if kind not in MSGTYPES:
            return answer(400105, "unsupported msgtype")
        text = text_in(message)
        if not text:
            return answer(40035, "missing parameter text")
        if len(text) >= TEXT_CHARACTERS or len(text.encode()) >= TEXT_BYTES:
            self._counts.violations.append(f"a message of {len(text)} characters, {len(text.encode())} bytes")
            return answer(460101, "message too long")
        at = message.get("at", {}).get("atUserIds", [])
        if not isinstance(at, list) or not all(isinstance(user, str) and user for user in at):
            self._counts.violations.append("atUserIds is not a list of ids")
            return answer(40035, "invalid parameter at")
        if kind == "markdown" and not all(f"@{user}" in text for user in at):
            self._counts.violations.append("a Markdown message mentions somebody whom its text does not name")
        return None


def _as_now(shown: Shown, text: str) -> Shown:
    return Shown(shown.number, shown.chat, text, shown.msgtype, shown.by, shown.at, shown.mentions, shown.card)


def text_in(message: Answer) -> str:
    """Return the words of a text or Markdown message; of the others their JSON."""
    kind = str(message.get("msgtype"))
    body = message.get(kind)
    if not isinstance(body, dict):
        return ""
    found = body.get({"text": "content", "markdown": "text"}.get(kind, "title"))
    return found if isinstance(found, str) else ""


def answer(errcode: int, errmsg: str, **more: Any) -> Answer:
    """Return an answer of a webhook or the old API: HTTP says 200 whatever it is."""
    return {"errcode": errcode, "errmsg": errmsg, **more}
