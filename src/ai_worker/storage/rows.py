"""What is stored of a message that came in, and what holds for every row: the same in every database.

What is stored of other things stands in the modules beside this one, each called after its thing.
"""

from typing import Any

from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.store import show
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.text import shorten
from ai_worker.storage import codec, filing

LINE = 120
"""Characters of the latest message that lists show."""


def plain(text: str) -> str:
    """Return text without the one character that PostgreSQL cannot keep."""
    return text.replace("\0", "")


def without_nul(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose texts are all `plain`. The doors have cleaned them; no other source may stop a batch."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            row[name] = plain(value)
    return row


def inbound(message: InboundMessage) -> dict[str, Any]:
    """Return what is stored of a message; made before it is anybody's turn, so that nobody waits for it."""
    text, turn_id = show(message), message.turn_id or new_id("t")
    return {
        "channel": message.channel,
        "message_id": message.message_id,
        "turn_id": turn_id,
        "key": message.conversation_key,
        "contact_id": message.contact.id,
        "contact_name": message.contact.name,
        "grouped": message.group,
        "group_name": message.group_name,
        "worker": message.worker or "",
        "standalone": message.standalone,
        "address": codec.encode(message.address),
        "received_at": to_micros(message.received_at),
        "line": shorten(text, LINE),
        "digest": message.digest,
        "text": text,
        "body": codec.encode(message),
        "files": filing.wanted(message, turn_id),
    }


def pattern(words: str) -> str:
    """Return the `LIKE` pattern of texts in which `words` stand; its escape character is the backslash."""
    escaped = plain(words).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
