"""What stands in the queue: one message as JSON, under the key of its conversation."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.errors import BadInput


class RecordUnreadable(BadInput):
    """A record of the queue is not a message; it was set aside."""

    code = "queue.record_unreadable"


def _plain(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be sent as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(InboundMessage)


def key_of(message: InboundMessage) -> bytes:
    """Return the key that keeps the messages of one conversation in one partition, and so in order."""
    return f"{message.channel}\x1f{message.conversation_key}".encode()


def encode(message: InboundMessage) -> bytes:
    """Return the record's value."""
    return _encoder.encode(message)


def decode(value: bytes | None) -> InboundMessage:
    """Return the message of a record.

    Raises:
        RecordUnreadable: It is none; the words never hold what stands in it.
    """
    if value is None:
        raise RecordUnreadable("the record is empty")
    try:
        message = _decoder.decode(value)
    except msgspec.ValidationError:
        raise RecordUnreadable("the record is JSON, but no message") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RecordUnreadable("the record is not JSON") from None
    if not (message.channel and message.message_id and message.conversation_key):
        raise RecordUnreadable("the message does not say which channel, message or conversation it is")
    if message.received_at.tzinfo is None or (message.sent_at is not None and message.sent_at.tzinfo is None):
        raise RecordUnreadable("a time of the message has no time zone")
    return message
