"""The simulated WeCom's file shelf: by type and size as strict as the platform, and emptied after three days."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from ai_worker.foundation.clock import Clock

GOOD_FOR_S = 3 * 86_400.0
LEAST_BYTES = 6
MOST_BYTES = {"image": 10_485_760, "voice": 2_097_152, "video": 10_485_760, "file": 20_971_520}
STARTS = {"image": (b"\x89PNG", b"\xff\xd8\xff")}

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Medium:
    """One file at the platform."""

    kind: str
    name: str
    content: bytes
    at: float


class MediaShelf:
    """The temporary media of one company."""

    def __init__(self, clock: Clock, *, violation: Callable[[str], None]) -> None:
        self.uploads = 0
        self.fetches = 0
        self.answering = asyncio.Event()
        """While it is not set, whoever fetches a file waits for it."""

        self.answering.set()
        self._clock, self._violation = clock, violation
        self._media: dict[str, Medium] = {}

    def keep(self, kind: str, name: str, content: bytes) -> str:
        """Put a file on the shelf, as when a member sends one; return its media id."""
        media_id = secrets.token_urlsafe(32)
        self._media[media_id] = Medium(kind, name, content, self._clock.monotonic())
        return media_id

    def find(self, media_id: object, kind: str = "") -> Medium | None:
        """Return a file that is still good, and of the kind that it is asked as."""
        medium = self._media.get(media_id) if isinstance(media_id, str) else None
        if medium is None or self._clock.monotonic() - medium.at > GOOD_FOR_S:
            return None
        return medium if kind in ("", medium.kind) else None

    def upload(self, kind: str, name: str, content: bytes) -> Answer:
        """Take a file that somebody wants to send, or say why not."""
        self.uploads += 1
        if (refused := self.refusal(kind, name, content)) is not None:
            return refused
        return _answer(0, "ok", type=kind, media_id=self.keep(kind, name, content), created_at="1795328640")

    def refusal(self, kind: str, name: str, content: bytes) -> Answer | None:
        """Return why the platform does not take a file; `None` if it does."""
        if kind not in MOST_BYTES:
            return self._wrong(40004, "invalid media type")
        if not name:
            return self._wrong(41005, "media data missing")
        if not LEAST_BYTES <= len(content) <= MOST_BYTES[kind]:
            return self._wrong(40006, f"invalid media size: {len(content)} bytes of {kind}")
        if not content.startswith(STARTS.get(kind, b"")):
            return self._wrong(40005, f"invalid file type: {name}")
        return None

    def served(self, media_id: str) -> web.Response:
        """Answer `media/get`: a file, or JSON that says why there is none."""
        self.fetches += 1
        medium = self.find(media_id)
        if medium is None:
            return web.json_response(_answer(40007, "invalid media_id"))
        headers = {"Content-Disposition": f'attachment; filename="{quote(medium.name)}"'}
        return web.Response(body=medium.content, content_type="application/octet-stream", headers=headers)

    def _wrong(self, errcode: int, what: str) -> Answer:
        self._violation(what)
        return _answer(errcode, what)


async def uploaded(request: web.Request) -> tuple[str, bytes]:
    """Return name and content of the form's field `media`; empty if there is none."""
    reader = await request.multipart()
    async for part in reader:
        if isinstance(part, BodyPartReader) and part.name == "media":
            return part.filename or "", bytes(await part.read())
    return "", b""


def _answer(errcode: int, errmsg: str, **more: Any) -> Answer:
    return {"errcode": errcode, "errmsg": errmsg, **more}
