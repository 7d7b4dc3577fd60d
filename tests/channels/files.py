"""Pictures and files for the channels' tests, and replies that carry them."""

import struct
import zlib
from dataclasses import replace

from ai_worker.conversation.message import Attachment
from ai_worker.pipeline.files import attached
from ai_worker.pipeline.store import OutboundMessage

PDF = b"%PDF-1.7\n" + b"quote" * 40


def png(width: int = 8, height: int = 8, shade: int = 120) -> bytes:
    """Return a real picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade, 150, 90]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = attached(png(), name="屏幕截图.png", id="f-picture")
QUOTE = attached(PDF, name="报价单 2026.pdf", media_type="application/pdf", id="f-quote")
CONTENTS = {PICTURE.id: png(), QUOTE.id: PDF}


def carrying(message: OutboundMessage, *attachments: Attachment, text: str | None = None) -> OutboundMessage:
    """Return a message as the delivery hands it over with its files."""
    words = message.reply.text if text is None else text
    reply = replace(message.reply, text=words, attachments=attachments or (PICTURE, QUOTE))
    return replace(message, kind="human", reply=reply, contents=CONTENTS)
