"""The simulated Feishu's files: each belongs to the message that brought it, or waits to be sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from ai_worker.demo.feishu_state import Answer, Json, fresh, granted, refusal

UPLOADS: Mapping[str, str] = MappingProxyType({"/open-apis/im/v1/images": "image", "/open-apis/im/v1/files": "file"})
MOST_BYTES: Mapping[str, int] = MappingProxyType({"image": 10_485_760, "file": 31_457_280})
FILE_TYPES = frozenset({"opus", "mp4", "pdf", "doc", "xls", "ppt", "stream"})
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")

Form = Mapping[str, tuple[str, bytes]]
"""A form's fields: file name and content; a plain field has no file name."""


@dataclass(frozen=True, slots=True)
class File:
    """One file at the platform."""

    kind: str
    name: str
    content: bytes
    message_id: str = ""
    """Of the message that brought it; empty: the application uploaded it."""


class FeishuFiles:
    """What people send, and what the application uploads."""

    def __init__(self, *, violation: Callable[[str], None]) -> None:
        self.uploads = 0
        self._violation = violation
        self._files: dict[str, File] = {}

    def keep(self, message_id: str, kind: str, name: str, content: bytes) -> str:
        """Keep a file that a message brings; return its key."""
        key = fresh("img_v3" if kind == "image" else "file_v3")
        self._files[key] = File(kind, name, content, message_id)
        return key

    def fetch(self, message_id: str, key: str, kind: str) -> Answer:
        """Give out a file of a message, and of no other."""
        file = self._files.get(key)
        if kind not in MOST_BYTES:
            return refusal(234001, "Invalid request param.")
        if file is None or not file.message_id or file.kind != kind:
            return refusal(234003, "File not in msg.")
        if file.message_id != message_id:
            return refusal(234003, "File not in msg.")
        return {"code": 0, "msg": "success", "served": file}

    def upload(self, kind: str, fields: Form) -> Answer:
        """Take a file, or say why not."""
        self.uploads += 1
        name, content = fields.get(kind, ("", b""))
        wanted = "image_type" if kind == "image" else "file_type"
        told = fields.get(wanted, ("", b""))[1].decode()
        if told not in (("message", "avatar") if kind == "image" else FILE_TYPES):
            return self._wrong(234001, f"{wanted} {told!r}")
        if not content:
            return self._wrong(234010, "File's size can't be 0.")
        if len(content) > MOST_BYTES[kind]:
            return self._wrong(234006, f"a {kind} of {len(content)} bytes")
        if kind == "image" and not content.startswith(PICTURES):
            return self._wrong(234011, "Can't recognize the image format.")
        called = fields.get("file_name", ("", b""))[1].decode()
        if kind == "file" and not called:
            return self._wrong(234001, "a file without file_name")
        key = fresh("img_v3" if kind == "image" else "file_v3")
        self._files[key] = File(kind, called or name, content)
        return granted(**{f"{kind}_key": key})

    def uploaded(self, kind: str, content: Json) -> File | None:
        """Return the file that a message of the application names."""
        file = self._files.get(str(content.get(f"{kind}_key")))
        return file if file is not None and file.kind == kind and not file.message_id else None

    def _wrong(self, code: int, what: str) -> Answer:
        self._violation(what)
        return refusal(code, what)


async def form(request: web.Request) -> Form:
    """Return the fields of a form."""
    found: dict[str, tuple[str, bytes]] = {}
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name:
            found[part.name] = (part.filename or "", bytes(await part.read()))
    return found


def served(file: File) -> web.Response:
    """Answer with a file."""
    headers = {"Content-Disposition": f'attachment; filename="{quote(file.name)}"'}
    kind = "image/png" if file.kind == "image" else "application/octet-stream"
    return web.Response(body=file.content, content_type=kind, headers=headers)
