"""Messages that people send: from the platform's event to what was said, by whom, to whom."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ai_worker.channels.feishu.contents import read
from ai_worker.channels.feishu.events import Event
from ai_worker.channels.feishu.refused import Refused
from ai_worker.conversation.message import Part
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import clean

MAX_ID = 128
"""Characters of an id; the platform's own are about 40."""

_MILLIS = re.compile(r"[0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody who is named in a message with an @."""

    key: str
    """What stands for them in the words: `@_user_1`."""

    open_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One message that the platform has told us about."""

    message_id: str
    chat_id: str
    group: bool
    sender: str
    """Their open_id: it is theirs within this application."""

    from_person: bool
    """False for what applications and the system say: answering those could go on for ever."""

    text: str
    parts: tuple[Part, ...]
    mentions: tuple[Mention, ...]
    sent_at: datetime | None
    fingerprint: str
    """The same for the same words, said by the same person at the same millisecond in the same chat: the
    platform has been seen to repeat messages under new ids. Empty when it does not say when it was said."""

    member: bool = False
    """Whether they are one of the company's own people; schema 1.0 does not say."""


class _Ids(msgspec.Struct):
    open_id: str | None = None


class _Sender(msgspec.Struct):
    sender_id: _Ids | None = None
    sender_type: str | None = None
    tenant_key: str | None = None


class _Mention(msgspec.Struct):
    key: str | None = None
    id: _Ids | str | None = None
    name: str | None = None


class _Message(msgspec.Struct):
    message_id: str | None = None
    chat_id: str | None = None
    chat_type: str | None = None
    message_type: str | None = None
    content: str | None = None
    create_time: str | int | None = None
    mentions: list[_Mention] | None = None


class _Received(msgspec.Struct):
    sender: _Sender
    message: _Message


class _Old(msgspec.Struct):
    """A message of schema 1.0: its words stand in the event itself."""

    open_message_id: str | None = None
    open_chat_id: str | None = None
    chat_type: str | None = None
    open_id: str | None = None
    msg_type: str | None = None
    text: str | None = None
    text_without_at_bot: str | None = None
    is_mention: bool | None = None


def heard(event: Event, *, own_id: str) -> Heard:
    """Return the message that an event tells of.

    Args:
        event: `im.message.receive_v1`, or the `message` of schema 1.0.
        own_id: Our own open_id; empty while it is not known.

    Raises:
        Refused: It lacks what every message has.
    """
    return _heard_old(event, own_id) if event.schema == "1.0" else _heard(event)


def _heard(event: Event) -> Heard:
    received = decoded(event.body, _Received)
    sender, message = received.sender, received.message
    kind, content = message.message_type or "", message.content or ""
    mentions = tuple(_mention(mention) for mention in message.mentions or ())
    text, parts = read(kind, content)
    said_by = (sender.sender_id.open_id if sender.sender_id else "") or ""
    millis = str(message.create_time or "")
    return _checked(
        Heard(
            message_id=message.message_id or "",
            chat_id=message.chat_id or "",
            group=message.chat_type != "p2p",
            sender=said_by,
            from_person=sender.sender_type == "user",
            member=event.of_our_own(sender.tenant_key),
            text=text,
            parts=parts,
            mentions=mentions,
            sent_at=_moment(millis),
            fingerprint=derived_id("heard", message.chat_id or "", said_by, millis, kind, content) if millis else "",
        )
    )


def _heard_old(event: Event, own_id: str) -> Heard:
    """Schema 1.0 says only whether we were mentioned, and gives the words without it."""
    old = decoded(event.body, _Old)
    plain = old.msg_type == "text"
    return _checked(
        Heard(
            message_id=old.open_message_id or "",
            chat_id=old.open_chat_id or "",
            group=old.chat_type != "private",
            sender=old.open_id or "",
            from_person=True,
            text=clean(old.text_without_at_bot or old.text or "") if plain else "",
            parts=() if plain else (Part("card", text=clean(old.msg_type or "")),),
            mentions=(Mention("", own_id, ""),) if old.is_mention else (),
            sent_at=None,
            fingerprint="",
        )
    )


def worded(text: str, mentions: tuple[Mention, ...], *, own_id: str) -> str:
    """Return the words with names for the keys of mentions, and without the mention of ourselves."""
    names = {mention.key: "" if mention.open_id == own_id else f"@{mention.name}" for mention in mentions}
    names = {key: name for key, name in names.items() if key}
    names.setdefault("@_all", "@所有人")
    keys = "|".join(re.escape(key) for key in sorted(names, key=len, reverse=True))
    # A key ends where its number ends: @_user_1 is not the beginning of @_user_12.
    return clean(re.sub(rf"({keys})(?![0-9])", lambda found: names[found[1]], text))


def decoded(raw: bytes, kind: Any) -> Any:
    """Return an event's body in its shape.

    Raises:
        Refused: It has another.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refused("message") from None


def _mention(mention: _Mention) -> Mention:
    open_id = mention.id if isinstance(mention.id, str) else (mention.id.open_id if mention.id else None)
    return Mention(mention.key or "", open_id or "", clean(mention.name or ""))


def _checked(found: Heard) -> Heard:
    needed = [found.message_id, found.chat_id, *([found.sender] if found.from_person else [])]
    if not all(_is_id(text) for text in needed):
        raise Refused("message")
    return found


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID and clean(text) == text


def _moment(millis: str) -> datetime | None:
    return datetime.fromtimestamp(int(millis) / 1000, UTC) if _MILLIS.fullmatch(millis) else None
