"""WeCom's XML, read without trusting it, and turned into our messages.

The outer document is parsed before its signature can be checked, so the parser takes only what the
platform writes: one shallow UTF-8 element tree, without DOCTYPE, entities or instructions.
"""

import re
from datetime import UTC, datetime
from typing import NoReturn
from xml.parsers import expat

from ai_worker.channels.wecom.refused import Refused
from ai_worker.conversation.message import Contact, InboundMessage, Part, PartKind
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import clean

MAX_DEPTH = 8
MAX_ELEMENTS = 200
MAX_ID = 128
"""Characters of a user or message id; the platform's own are at most 64."""

_UNPRINTABLE = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
"""What XML forbids but a contact can paste. NUL is not among them: no keyboard makes one."""

_SECONDS = re.compile(r"[0-9]{1,10}")
_MEDIA: dict[str, PartKind] = {"image": "image", "voice": "voice", "video": "video", "file": "file"}


class _Fields:
    """Collects the text of the root's direct children; anything deeper is walked past."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._seen = 0
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._seen += 1
        if len(self._path) > MAX_DEPTH or self._seen > MAX_ELEMENTS:
            raise Refused("xml")
        if len(self._path) == 2:
            if name in self.found:  # two readers could each believe another one
                raise Refused("xml")
            self.found[name] = ""
            self._text = []

    def text(self, data: str) -> None:
        if len(self._path) == 2:
            self._text.append(data)

    def end(self, name: str) -> None:
        if len(self._path) == 2:
            self.found[name] = "".join(self._text)
        self._path.pop()


def _refuse(*_: object) -> NoReturn:
    raise Refused("xml")


def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() != "utf-8":
        raise Refused("xml")


def fields(xml: bytes) -> dict[str, str]:
    """Return the texts of the elements directly under the root, by name.

    Raises:
        Refused: It is not the plain, shallow UTF-8 XML that the platform writes.
    """
    # Told to read UTF-8, expat still follows a byte order mark or NULs into UTF-16.
    if b"\0" in xml or not _is_utf8(xml):
        raise Refused("xml")
    collected = _Fields()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.XmlDeclHandler = _declaration
    parser.StartDoctypeDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.StartElementHandler = collected.start
    parser.EndElementHandler = collected.end
    parser.CharacterDataHandler = collected.text
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        raise Refused("xml") from None
    return collected.found


def _is_utf8(xml: bytes) -> bool:
    try:
        xml.decode()
    except UnicodeDecodeError:
        return False
    return True


def encrypted_part(body: bytes) -> str:
    """Return the ciphertext of a callback's body; nothing else in there is signed, so nothing else is read.

    Raises:
        Refused: There is none.
    """
    found = fields(body).get("Encrypt", "")
    if not found:
        raise Refused("xml")
    return found


def decode(xml: bytes, *, channel: str, corp_id: str, agent_id: str, received_at: datetime) -> InboundMessage:
    """Return the message that a decrypted callback carries.

    An event becomes a message without words whose one part is of kind `event`. A type that we do
    not know becomes one whose part names the type, so that the turn can say that it cannot read it.

    Raises:
        Refused: It is for another company or application, or lacks what every message has.
    """
    found = fields(_UNPRINTABLE.sub(b"", xml))
    # The envelope has proved the company already; a message may leave these out, but not contradict us.
    if found.get("ToUserName", corp_id) != corp_id:
        raise Refused("corp_id")
    if found.get("AgentID", agent_id) != agent_id:
        raise Refused("agent_id")
    contact = clean(found.get("FromUserName", ""))
    kind = found.get("MsgType", "")
    message_id = _event_id(found) if kind == "event" else found.get("MsgId", "")
    if not kind or not 0 < len(contact) <= MAX_ID or not 0 < len(message_id) <= MAX_ID:
        raise Refused("message")
    return InboundMessage(
        channel=channel,
        message_id=message_id,
        conversation_key=contact,  # a self-built application is only ever written to one to one
        contact=Contact(contact, member=True),  # others cannot write to a self-built application
        text=clean(found.get("Content", "")) if kind == "text" else "",
        received_at=received_at,
        parts=() if kind == "text" else (_part(kind, found),),
        sent_at=_moment(found.get("CreateTime", "")),
        address={"user": contact},
    )


def _event_id(found: dict[str, str]) -> str:
    """Events carry no MsgId: who, when and what is what a repeated one has in common with the first."""
    names = ("FromUserName", "CreateTime", "Event", "EventKey", "TaskId")
    return derived_id("event", *(found.get(name, "") for name in names))


def _part(kind: str, found: dict[str, str]) -> Part:
    if kind == "event":
        return Part("event", text=clean(found.get("Event", "")))
    if kind == "location":
        return Part("location", text=clean(found.get("Label", "")))
    if kind == "link":
        return Part("link", text=clean(found.get("Title", "")), url=clean(found.get("Url", "")))
    if kind in _MEDIA:
        return Part(
            _MEDIA[kind],
            text=clean(found.get("Recognition", "")),  # what was said, where the application may know it
            media_id=clean(found.get("MediaId", "")),
            url=clean(found.get("PicUrl", "")),
        )
    return Part("card", text=clean(kind))


def _moment(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if _SECONDS.fullmatch(seconds) else None
