"""The simulated DingTalk's files: download codes, addresses that end, and media ids that messages name."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import BodyPartReader, web

from ai_worker.demo.dingtalk_chats import Answer, answer
from ai_worker.foundation.clock import Clock

ADDRESS_S = 600.0
MOST_BYTES: Mapping[str, int] = MappingProxyType(
    {"image": 20_971_520, "file": 20_971_520, "video": 20_971_520, "voice": 2_097_152}
)
EXTENSIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "image": frozenset({"jpg", "jpeg", "png", "gif", "bmp"}),
        "file": frozenset({"doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"}),
        "video": frozenset({"mp4"}),
        "voice": frozenset({"amr", "mp3", "wav"}),
    }
)


@dataclass(frozen=True, slots=True)
class Medium:
    """One file at the platform."""

    kind: str
    name: str
    content: bytes
    at: float = 0.0


class DingtalkMedia:
    """What people send to the robot, and what it uploads."""

    def __init__(self, clock: Clock, *, violation: Callable[[str], None]) -> None:
        self.base = ""
        """Where files are served; known once the platform runs."""

        self.elsewhere = ""
        """Another base that addresses of files are given with."""

        self.uploads = 0
        self._clock, self._violation = clock, violation
        self._codes: dict[str, Medium] = {}
        self._addresses: dict[str, Medium] = {}
        self._media: dict[str, Medium] = {}

    def keep(self, kind: str, name: str, content: bytes) -> str:
        """Keep a file that a message brings; return its download code."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = Medium(kind, name, content)
        return code

    def forget(self) -> None:
        """Let every download code be too old."""
        self._codes.clear()

    def address_of(self, code: str) -> tuple[int, Answer]:
        """Give the address of a file, which ends after a while."""
        medium = self._codes.get(code)
        if medium is None:
            return 400, {"code": "invalidParameter.downloadCode", "message": "downloadCode 有误或已过期"}
        id = secrets.token_hex(12)
        self._addresses[id] = Medium(medium.kind, medium.name, medium.content, self._clock.monotonic())
        return 200, {"downloadUrl": f"{self.elsewhere or self.base}/files/{id}?Signature=x"}

    async def serve(self, request: web.Request) -> web.Response:
        """Answer for a file's address."""
        medium = self._addresses.get(request.match_info["id"])
        if medium is None or self._clock.monotonic() - medium.at > ADDRESS_S:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        headers = {"Content-Disposition": f'attachment; filename="{quote(medium.name)}"'}
        return web.Response(body=medium.content, content_type="application/octet-stream", headers=headers)

    def upload(self, kind: str, name: str, content: bytes) -> Answer:
        """Take a file that is to be sent, or say why not."""
        self.uploads += 1
        if kind not in MOST_BYTES:
            return self._wrong(40004, "不合法的媒体文件类型")
        if not content or len(content) > MOST_BYTES[kind]:
            return self._wrong(40006, f"不合法的文件大小 {len(content)}")
        if name.rpartition(".")[2].lower() not in EXTENSIONS[kind]:
            return self._wrong(40005, f"不合法的文件类型 {name}")
        media_id = f"@{secrets.token_urlsafe(20)}"
        self._media[media_id] = Medium(kind, name, content)
        return answer(0, "ok", media_id=media_id, type=kind, created_at=1_795_328_640)

    def sent(self, body: Answer) -> Medium | Answer | None:
        """Return the file that a message of the robot shows, or why it cannot; `None` if it is one of words."""
        wanted = {"sampleImageMsg": ("photoURL", "image"), "sampleFile": ("mediaId", "file")}
        if body.get("msgKey") not in wanted:
            return None
        name, kind = wanted[body["msgKey"]]
        try:
            told = msgspec.json.decode(body.get("msgParam", b""), type=dict[str, Any])
        except (msgspec.DecodeError, TypeError):
            told = {}
        medium = self._media.get(str(told.get(name)))
        complete = kind == "image" or (told.get("fileName") and told.get("fileType") in EXTENSIONS["file"])
        if medium is None or medium.kind != kind or not complete:
            self._violation(f"a {body['msgKey']} without what it needs")
            return {"code": "invalidParameter.msgParam", "message": "msgParam"}
        return medium

    def _wrong(self, errcode: int, what: str) -> Answer:
        self._violation(what)
        return answer(errcode, what)


async def uploaded(request: web.Request) -> tuple[str, bytes]:
    """Return name and content of the form's field `media`; empty if there is none."""
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "media":
            return part.filename or "", bytes(await part.read())
    return "", b""
