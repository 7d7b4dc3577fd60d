"""A robot message as the platform writes it, turned into ours."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from ai_worker.channels.dingtalk.address import GROUP_PREFIX, Address
from ai_worker.channels.dingtalk.fields import Fields, moment_of, object_of, text_of
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.refused import Refused
from ai_worker.conversation.message import Contact, InboundMessage, Part, PartKind
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import clean, shorten

MAX_ID = 256
"""Characters of an id; the platform's longest, those of people outside the company, are well below."""

MAX_NICK = 64
MAX_PIECES = 200
"""Pieces of one rich text that are read."""

YEAR_3000_MS = 32_503_680_000_000

_MEDIA: Mapping[str, PartKind] = MappingProxyType(
    {"picture": "image", "file": "file", "video": "video", "audio": "voice"}
)


def decode(
    found: Fields, *, channel: str, robot_code: str, robot_required: bool, hosts: TrustedHosts, received_at: datetime
) -> InboundMessage:
    """Return the message that a callback carries.

    `isAdmin` and everything else that would raise rights is not read at all. A type that we do not
    know becomes a part that names it, so that the turn can say that it cannot read it.

    Args:
        found: The message's JSON.
        channel: The configured channel's name.
        robot_code: Our robot.
        robot_required: Refuse a message that does not say for which robot it is. Over a connection that
            was opened with our secret it may be missing.
        hosts: Whose addresses may be called.
        received_at: Now.

    Raises:
        Refused: It is for another robot, or lacks what every message has.
    """
    if (robot_required or "robotCode" in found) and text_of(found, "robotCode") != robot_code:
        raise Refused("robot")
    address = _address(found, hosts)
    kind = text_of(found, "msgtype")
    if not kind or len(kind) > MAX_ID:
        raise Refused("message")
    text, parts = _content(kind, found)
    return InboundMessage(
        channel=channel,
        message_id=_message_id(found),
        conversation_key=address.conversation_key,
        contact=Contact(address.contact, address.nick or None, member=bool(address.staff)),
        text=text,
        received_at=received_at,
        parts=parts,
        sent_at=moment_of(found, "createAt"),
        address=address.written(),
        group=address.group,
        group_name=shorten(clean(text_of(found, "conversationTitle")), MAX_NICK) if address.group else "",
    )


def mentions_us(found: Fields) -> bool:
    """Return whether a message names the robot. Private ones do; in groups only such ones come unasked."""
    return text_of(found, "conversationType") != "2" or found.get("isInAtList") is not False


def _message_id(found: Fields) -> str:
    """Return the message's own id: the same for every delivery, whatever the delivery is called."""
    message_id = clean(text_of(found, "msgId"))
    if len(message_id) > MAX_ID:
        raise Refused("message")
    if message_id:
        return message_id
    if not text_of(found, "createAt"):
        raise Refused("message")
    content = str(found.get("text") or found.get("content"))
    names = ("conversationId", "senderId", "senderStaffId", "createAt", "msgtype")
    return derived_id("msg", *(text_of(found, name) for name in names), content)


def _address(found: Fields, hosts: TrustedHosts) -> Address:
    staff = clean(text_of(found, "senderStaffId"))
    contact = staff or clean(text_of(found, "senderId"))
    conversation = clean(text_of(found, "conversationId"))
    group = text_of(found, "conversationType") == "2"
    if not 0 < len(contact) <= MAX_ID or contact.startswith(GROUP_PREFIX):
        raise Refused("message")
    if len(conversation) > MAX_ID or (group and not conversation):
        raise Refused("message")
    webhook = text_of(found, "sessionWebhook")
    until = text_of(found, "sessionWebhookExpiredTime")
    usable = until.isascii() and until.isdecimal() and len(until) < 15 and hosts.may_call(webhook)
    return Address(
        conversation=conversation,
        contact=contact,
        staff=staff,
        nick=shorten(clean(text_of(found, "senderNick")), MAX_NICK),
        group=group,
        webhook=webhook if usable else "",
        webhook_until=min(int(until), YEAR_3000_MS) if usable else 0,
    )


def _content(kind: str, found: Fields) -> tuple[str, tuple[Part, ...]]:
    content = object_of(found, "content")
    if kind == "text":  # in a group a space is left where the mention was taken out
        return clean(text_of(object_of(found, "text"), "content")), ()
    if kind == "richText":
        pieces = list(_pieces(content))
        words = "".join(piece for piece in pieces if isinstance(piece, str))
        return clean(words), tuple(piece for piece in pieces if isinstance(piece, Part))
    if kind == "audio":
        transcript = clean(text_of(content, "recognition"))
        return transcript, (Part("voice", text=transcript, media_id=_code(content)),)
    if kind in _MEDIA:
        return "", (Part(_MEDIA[kind], text=clean(text_of(content, "fileName")), media_id=_code(content)),)
    return "", (Part("card", text=clean(kind)),)


def _pieces(content: Fields) -> Iterator[str | Part]:
    listed = content.get("richText")
    for piece in listed[:MAX_PIECES] if isinstance(listed, list) else []:
        if not isinstance(piece, dict):
            continue
        if isinstance(piece.get("text"), str):
            yield piece["text"]
        if code := _code(piece):
            yield Part("image", media_id=code)


def _code(content: Fields) -> str:
    code = clean(text_of(content, "downloadCode"))
    return code if len(code) <= 4_096 else ""
