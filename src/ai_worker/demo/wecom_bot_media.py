"""The simulated bot platform's files: behind addresses of five minutes, each under a key of its own, and uploads."""

import hashlib
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ai_worker.demo.wecom_media import MediaShelf
from ai_worker.foundation.clock import Clock

ADDRESS_S = 300.0
CHUNK_BYTES, CHUNKS = 524_288, 100
SESSION_S = 1_800.0

Body = dict[str, Any]
Told = tuple[int, str, Body]
"""errcode, errmsg and body of an answer."""


@dataclass(slots=True)
class _Upload:
    kind: str
    name: str
    size: int
    chunks: int
    md5: str
    at: float
    pieces: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sealed:
    name: str
    content: bytes
    at: float


class BotFiles:
    """What people send to a bot, and what it uploads."""

    def __init__(self, shelf: MediaShelf, *, clock: Clock) -> None:
        self.base = ""
        """Where the platform serves files; known once it runs."""

        self._shelf, self._clock = shelf, clock
        self._sealed: dict[str, _Sealed] = {}
        self._uploads: dict[str, _Upload] = {}

    def send(self, name: str, content: bytes, *, key: bytes | None = None) -> Body:
        """Put a file where the bot can fetch it; return its address and key as a message has them."""
        key, id = key or os.urandom(32), secrets.token_hex(12)
        self._sealed[id] = _Sealed(name, sealed(key, content), self._clock.monotonic())
        return {"url": f"{self.base}/files/{id}?sign=q-{secrets.token_hex(4)}", "aeskey": b64encode(key).decode()}

    async def serve(self, request: web.Request) -> web.Response:
        """Answer for a file's address."""
        found = self._sealed.get(request.match_info["id"])
        if found is None or self._clock.monotonic() - found.at > ADDRESS_S:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        disposition = f"attachment; filename=\"file\"; filename*=UTF-8''{quote(found.name)}"
        headers = {"Content-Disposition": disposition}
        return web.Response(body=found.content, content_type="application/octet-stream", headers=headers)

    def handle(self, cmd: str, body: Body) -> Told:
        """Take one step of an upload."""
        steps = {"init": self._init, "chunk": self._chunk, "finish": self._finish}
        step = steps.get(cmd.removeprefix("aibot_upload_media_"))
        return step(body) if step else (40058, f"unknown {cmd}", {})

    def _init(self, body: Body) -> Told:
        kind, name = str(body.get("type")), str(body.get("filename", ""))
        size, chunks = body.get("total_size"), body.get("total_chunks")
        if not isinstance(size, int) or not isinstance(chunks, int) or not 0 < chunks <= CHUNKS:
            return 40058, "an upload without total_size and total_chunks", {}
        upload = _Upload(kind, name, size, chunks, str(body.get("md5", "")), self._clock.monotonic())
        upload_id = secrets.token_hex(12)
        self._uploads[upload_id] = upload
        return 0, "ok", {"upload_id": upload_id}

    def _chunk(self, body: Body) -> Told:
        upload, number = self._upload(body), body.get("chunk_index")
        if upload is None:
            return 40058, "an unknown upload", {}
        if not isinstance(number, int) or not 0 <= number < upload.chunks:
            return 40058, f"chunk {number} of {upload.chunks}", {}
        try:
            piece = b64decode(str(body.get("base64_data", "")), validate=True)
        except (NotBase64, ValueError):
            return 40058, "a chunk that is not Base64", {}
        if not 0 < len(piece) <= CHUNK_BYTES:
            return 40058, f"a chunk of {len(piece)} bytes", {}
        upload.pieces.setdefault(number, piece)
        return 0, "ok", {}

    def _finish(self, body: Body) -> Told:
        upload = self._upload(body)
        if upload is None or len(upload.pieces) != upload.chunks:
            return 40058, "an upload that is unknown, or lacks chunks", {}
        content = b"".join(upload.pieces[number] for number in range(upload.chunks))
        if len(content) != upload.size or hashlib.md5(content, usedforsecurity=False).hexdigest() != upload.md5:
            return 40058, "size or md5 differ", {}
        answer = self._shelf.upload(upload.kind, upload.name, content)
        if answer["errcode"]:
            return answer["errcode"], answer["errmsg"], {}
        return 0, "ok", {"media_id": answer["media_id"], "type": upload.kind, "created_at": 1_795_328_640}

    def _upload(self, body: Body) -> _Upload | None:
        upload = self._uploads.get(str(body.get("upload_id")))
        return None if upload is None or self._clock.monotonic() - upload.at > SESSION_S else upload


def sealed(key: bytes, content: bytes) -> bytes:
    """Return a file as the platform encrypts it: padded to 32 bytes, without the prefix of callbacks."""
    pad = 32 - len(content) % 32
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    return encryptor.update(content + bytes([pad]) * pad) + encryptor.finalize()
