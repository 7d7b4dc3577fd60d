"""What WeCom's customer service tells: the event that there is something, and the things themselves."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from ai_worker.channels.wecom.api import Answer
from ai_worker.conversation.message import Contact, InboundMessage, Part, PartKind
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import Mark

MAX_ID = 128
CUSTOMER, SYSTEM = 3, 4
"""Who an item is from; 5 is a person of the company, who answers in WeCom itself."""

_MEDIA: dict[str, PartKind] = {"image": "image", "voice": "voice", "video": "video", "file": "file"}

RATE = "rate"
"""What the ids of the menu's opinions begin with."""


class Item(msgspec.Struct):
    """One thing that happened with a customer, as `sync_msg` tells it."""

    msgid: str = ""
    open_kfid: str = ""
    external_userid: str = ""
    send_time: int = 0
    origin: int = 0
    msgtype: str = ""
    text: Any = None
    event: Any = None
    location: Any = None
    link: Any = None
    image: Any = None
    voice: Any = None
    video: Any = None
    file: Any = None

    def told(self, name: str) -> dict[str, Any]:
        """Return one of the parts that depend on `msgtype`; empty if it is not there."""
        found = getattr(self, name, None)
        return found if isinstance(found, dict) else {}

    @property
    def at(self) -> datetime | None:
        """When it happened; `None` if the platform does not say."""
        return datetime.fromtimestamp(self.send_time, UTC) if 0 < self.send_time < 10**10 else None


class Page(Answer):
    """One page of `sync_msg`."""

    next_cursor: str = ""
    has_more: int = 0
    msg_list: list[msgspec.Raw] = msgspec.field(default_factory=list)
    """Each is read on its own: one that we cannot read must not hide the others."""


def read_item(raw: msgspec.Raw) -> Item | None:
    """Return one item; `None` if it cannot be read, or is of nobody."""
    try:
        item = msgspec.json.decode(raw, type=Item)
    except (msgspec.DecodeError, RecursionError):
        return None
    known = 0 < len(item.msgid) <= MAX_ID and 0 < len(clean(item.external_userid)) <= MAX_ID
    return item if known or item.msgtype == "event" else None


def message_of(item: Item, *, channel: str, account: str, received_at: datetime) -> InboundMessage:
    """Return what a customer said."""
    customer = clean(item.external_userid)
    text, parts = _content(item)
    menu_id = item.told("text").get("menu_id")
    return InboundMessage(
        channel=channel,
        message_id=item.msgid,
        conversation_key=f"{account}:{customer}",
        contact=Contact(customer),
        text=text,
        received_at=received_at,
        parts=parts,
        sent_at=item.at,
        address={"user": customer, "account": account, "asked": item.msgid, "at": str(item.send_time)},
        chosen=clean(menu_id) if isinstance(menu_id, str) else "",
    )


def opinion_of(item: Item) -> tuple[str, Mark] | None:
    """Return turn and mark if a customer has pressed an opinion in the menu below an answer."""
    menu_id = item.told("text").get("menu_id")
    if not isinstance(menu_id, str) or not menu_id.startswith(f"{RATE}:"):
        return None
    mark, _, turn_id = menu_id.removeprefix(f"{RATE}:").partition(":")
    marks: dict[str, Literal["up", "down"]] = {"up": "up", "down": "down"}
    return (turn_id, marks[mark]) if mark in marks and turn_id else None


def _content(item: Item) -> tuple[str, tuple[Part, ...]]:
    told = item.told(item.msgtype)
    if item.msgtype == "text":
        return _words(told, "content"), ()
    if item.msgtype == "location":
        return "", (Part("location", text=_words(told, "name") or _words(told, "address")),)
    if item.msgtype == "link":
        return "", (Part("link", text=_words(told, "title"), url=_words(told, "url")),)
    if item.msgtype in _MEDIA:
        return "", (Part(_MEDIA[item.msgtype], media_id=_words(told, "media_id")),)
    return "", (Part("card", text=clean(item.msgtype)),)


def _words(told: dict[str, Any], name: str) -> str:
    found = told.get(name)
    return clean(found) if isinstance(found, str) else ""
