"""What is stored of files, and what they are made from again: the same in every database."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ai_worker.conversation.message import Attachment, InboundMessage, PartKind
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.files import UNKNOWN_TYPE, KeptFile, Wanted, safe_name, to_fetch
from ai_worker.storage import codec

PIECE = 524_288
"""Bytes of a file that are written at once: accepts wait for no more than that."""

ERROR = 300
"""Characters that are kept of why a file was not to be had."""

COLUMNS = """id, name, media_type, size, sha256, state, kind, said_in, channel, conversation_id, key, error"""


def wanted(message: InboundMessage, turn_id: str) -> list[dict[str, Any]]:
    """Return what is stored of a message's files when it is accepted; `conversation_id` is added when it is known."""
    return [
        {
            "id": part.file or derived_id("f", turn_id, str(number)),
            "fetched": bool(part.file),
            "said_in": turn_id,
            "part": number,
            "channel": message.channel,
            "key": message.conversation_key,
            "kind": part.kind,
            "name": safe_name(part.text) if part.kind == "file" else "",
            "at": to_micros(message.received_at),
        }
        for number, part in to_fetch(message)
    ]


def put(
    attachment: Attachment, *, kind: PartKind, channel: str, key: str, conversation_id: int, at: datetime
) -> dict[str, Any]:
    """Return the row for a file that is being uploaded."""
    return {
        "id": attachment.id,
        "channel": channel,
        "key": key,
        "conversation_id": conversation_id,
        "kind": kind,
        "at": to_micros(at),
        **known(attachment),
    }


def known(attachment: Attachment) -> dict[str, Any]:
    """Return what is stored of a file's nature."""
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "sha256": attachment.sha256,
    }


def pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield a file's content in pieces, each with its number."""
    for number, start in enumerate(range(0, len(content), PIECE)):
        yield number, content[start : start + PIECE]


def kept(row: Sequence[Any]) -> KeptFile:
    """Return a file as its row tells."""
    number, name, media_type, size, sha256, state, kind, said_in, channel, conversation_id, key, error = row
    return KeptFile(
        attachment=Attachment(number, name, media_type or UNKNOWN_TYPE, size, sha256),
        state=state,
        kind=kind,
        said_in=said_in,
        channel=channel,
        conversation_id=conversation_id,
        key=key,
        error=error,
    )


def in_order(found: list[Wanted]) -> list[Wanted]:
    """Return what is to be fetched in the order in which it was said."""
    return sorted(found, key=lambda wanted: (wanted.since, wanted.message.parts.index(wanted.part)))


def claimed(row: Sequence[Any]) -> Wanted | None:
    """Return what is to be fetched; `None` where its message is not whole any more."""
    number, place, conversation_id, attempts, at, body = row
    message = None if body is None else codec.message(body)
    if message is None or place >= len(message.parts):
        return None
    return Wanted(number, message, message.parts[place], conversation_id, attempts, from_micros(at))
