"""What an AI bot is told, turned into our messages: the same JSON over the long connection and by callback."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ai_worker.channels.wecom.refused import Refused
from ai_worker.conversation.message import Contact, InboundMessage, Part, PartKind
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import Rating

MAX_ID = 256
"""Characters of an id; the platform's own are shorter."""

MAX_URL, MAX_SEAL = 4_096, 128
"""Characters of a file's address, and of its key."""

MAX_ITEMS = 50
"""Pieces of a mixed message that are looked at."""

_MEDIA: dict[str, PartKind] = {"image": "image", "voice": "voice", "video": "video", "file": "file"}
_MENTION = re.compile(r"^@\S{1,64}[\s\u2005]+|[\s\u2005]+@\S{1,64}$")


@dataclass(frozen=True, slots=True)
class BotMessage:
    """Something that a person said to the bot."""

    message: InboundMessage
    chat: str
    """The group it was said in; empty in a private chat."""

    response_url: str = ""
    """Where a late answer to a callback may go, once; checked before it is called."""


@dataclass(frozen=True, slots=True)
class BotEvent:
    """Something that happened without words."""

    kind: str
    user: str
    chat: str
    event_id: str
    told: Mapping[str, Any]
    """What the event itself says, unchecked."""

    at: datetime | None = None

    def text(self, name: str) -> str:
        """Return a text of the event; empty if it has none."""
        return _text(self.told, name)


@dataclass(frozen=True, slots=True)
class BotPoll:
    """The platform asks how far an answer is."""

    stream: str


Told = BotMessage | BotEvent | BotPoll


def decode(body: Any, *, channel: str, bot_id: str, bot_name: str, received_at: datetime) -> Told:
    """Return what the platform says.

    Args:
        body: The decrypted callback, or the frame's body.
        channel: The configured channel's name.
        bot_id: The only bot it may be about; empty: any.
        bot_name: What `@` mentions the bot by; empty: unknown.
        received_at: Now.

    Raises:
        Refused: It is about another bot, or lacks what everything has.
    """
    if not isinstance(body, dict):
        raise Refused("json")
    if bot_id and body.get("aibotid", bot_id) != bot_id:
        raise Refused("bot_id")
    kind = _text(body, "msgtype")
    if kind == "stream":
        return BotPoll(_id(_inner(body, "stream"), "id"))
    user, message_id = clean(_id(_inner(body, "from"), "userid")), _id(body, "msgid")
    chat = clean(_id(body, "chatid")) if body.get("chattype") == "group" else ""
    if kind == "event":
        return _event(body, user, chat, message_id)
    text, parts = _content(kind, body)
    message = InboundMessage(
        channel=channel,
        message_id=message_id,
        conversation_key=f"group:{chat}" if chat else user,
        contact=Contact(user, member=True),
        text=without_mention(text, bot_name) if chat else text,
        received_at=received_at,
        parts=parts,
        sent_at=_moment(body.get("create_time")),
        address={"user": user, **({"chat": chat} if chat else {})},
        group=bool(chat),
    )
    return BotMessage(message, chat, _text(body, "response_url"))


def without_mention(text: str, name: str) -> str:
    """Return what was said in a group, without the `@` that called the bot.

    Without a name only one word at the beginning or the end can be it: it was called, or the
    platform would not have passed the message on.
    """
    if name:
        return clean(re.sub(rf"@{re.escape(name)}(?=[\s\u2005]|$)[\s\u2005]*", "", text))
    return clean(_MENTION.sub("", text, count=1))


def _event(body: dict[str, Any], user: str, chat: str, event_id: str) -> BotEvent:
    event = _inner(body, "event")
    kind = _text(event, "eventtype")
    told = event.get(kind)
    return BotEvent(
        kind, user, chat, event_id, told if isinstance(told, dict) else {}, at=_moment(body.get("create_time"))
    )


def _content(kind: str, body: dict[str, Any]) -> tuple[str, tuple[Part, ...]]:
    if not kind:
        raise Refused("message")
    if kind == "mixed":
        items = _inner(body, "mixed").get("msg_item")
        found = [
            _content(_text(item, "msgtype"), item)
            for item in (items if isinstance(items, list) else [])[:MAX_ITEMS]
            if isinstance(item, dict) and item.get("msgtype") in ("text", *_MEDIA)
        ]
        words = "\n".join(text for text, _ in found if text)
        return words, tuple(part for _, parts in found for part in parts)
    if kind == "text":
        return clean(_text(_inner(body, "text"), "content")), ()
    told = body.get(kind)
    told = told if isinstance(told, dict) else {}
    if kind == "voice":  # the platform has written down what was said
        words = clean(_text(told, "content"))
        return words, (Part("voice", text=words),)
    if kind in _MEDIA:  # its address is good for five minutes and leads to ciphertext
        return "", (_media(_MEDIA[kind], told),)
    return "", (Part("card", text=clean(kind)),)


def _media(kind: PartKind, told: Mapping[str, Any]) -> Part:
    url, seal = _text(told, "url") or _text(told, "pic_url"), _text(told, "aeskey")
    return Part(
        kind,
        text=clean(_text(told, "filename") or _text(told, "name")),
        url=url if len(url) <= MAX_URL else "",
        seal=seal if len(seal) <= MAX_SEAL else "",
    )


def _inner(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    if not isinstance(found, dict):
        raise Refused("message")
    return found


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _id(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_ID:
        raise Refused("message")
    return found


def _moment(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 10**10:
        return None
    return datetime.fromtimestamp(seconds, UTC)


Mark = Literal["up", "down"]
_MARKS: dict[int, Mark] = {1: "up", 2: "down"}
TAKEN_BACK = 3
_REASONS = {1: "与问题无关", 2: "内容不完整", 3: "内容有错误", 4: "数据分析错误"}
"""The reasons that the platform offers with a thumb down, by number, in its own words."""

MAX_REASON = 500


def opinion(event: BotEvent) -> tuple[str, Mark | None, str] | None:
    """Return turn, mark and reason of a `feedback_event`, without a mark if it takes an opinion back; `None` of others.

    The turn is the `feedback.id` that went out with the answer.
    """
    told, turn_id = event.told.get("type"), event.text("id")
    mark = _MARKS.get(told) if isinstance(told, int) else None
    if (mark is None and told != TAKEN_BACK) or not 0 < len(turn_id) <= MAX_ID:
        return None
    listed = event.told.get("inaccurate_reason_list")
    reasons = [_REASONS[code] for code in (listed if isinstance(listed, list) else []) if _known(code)]
    return turn_id, mark, clean("；".join([*reasons, event.text("content")]).strip("；"))[:MAX_REASON]


def _known(code: Any) -> bool:
    return isinstance(code, int) and code in _REASONS


def rating_of(found: tuple[str, Mark | None, str], *, channel: str, contact: str, at: datetime) -> Rating:
    """Return what an opinion means for the answer that it is about."""
    turn_id, mark, reason = found
    return Rating(turn_id, mark or "up", at, channel=channel, contact=contact, reason=reason, withdrawn=mark is None)
