"""The port through which pictures and files are kept, and what is fetched from a platform is remembered.

A message is accepted without its files: the platform waits for an answer, and its file servers are no
part of that. In the same transaction it is written down that they are to be fetched, so that no crash
forgets one. What a person or a visitor attaches is kept first, and belongs to nothing until it is said.
"""

import hashlib
import mimetypes
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal, Protocol

from ai_worker.conversation.message import Attachment, InboundMessage, Part, PartKind
from ai_worker.foundation.errors import BadInput, NotFound, TooLarge
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.text import clean, cut_bytes

MOST_BYTES = 20 * 1024 * 1024
"""Of one file, and of all that one reply carries: what every platform takes."""

MOST_AT_ONCE = 9
"""Files of one message."""

NAME_BYTES = 180
"""The longest name in UTF-8; file systems take 255, and platforms add their own."""

UNSAID_KEPT = timedelta(hours=24)
"""How long a file is kept that was uploaded and never said."""

FETCHED_KINDS: frozenset[PartKind] = frozenset({"image", "file", "voice", "video"})

FileState = Literal["waiting", "kept", "failed"]
"""`waiting`: it is still to be fetched. `failed`: it was not to be had; why, is known."""

UNKNOWN_TYPE = "application/octet-stream"

_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
_DEFAULT_NAMES: Mapping[PartKind, str] = MappingProxyType(
    {"image": "图片", "voice": "语音", "video": "视频", "file": "文件"}
)


class FileTooLarge(TooLarge):
    """A file, or what a reply carries together, is larger than files may be."""

    code = "file.too_large"
    hint = "Send it in parts of at most 20 MB, or as a link."


class TooManyFiles(BadInput):
    """A message carries more files than one may."""

    code = "file.too_many"
    hint = "Send at most nine at once."


class EmptyFile(BadInput):
    """A file has nothing in it; no platform takes such a one."""

    code = "file.empty"


class NoSuchFile(NotFound):
    """There is no such file, it is not fetched yet, or it was forgotten with its message."""

    code = "file.not_found"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a platform gave for a part of a message."""

    content: bytes
    name: str = ""
    """As the platform calls it; empty if it does not say."""

    media_type: str = ""
    """As the platform says; empty if it does not."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as far as it has come."""

    attachment: Attachment
    """While it is `waiting`, or has `failed`, without size and digest."""

    state: FileState
    kind: PartKind
    said_in: str
    """The turn of the message, or the id of the reply, that it came with; empty: nobody has said it yet."""

    channel: str
    conversation_id: int
    """0 as long as nobody has said it."""

    key: str = ""
    """The conversation's key within its channel."""

    error: str = ""
    """Why it has failed, or why the latest try did."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a message that this owner is to fetch."""

    id: str
    """The file's."""

    message: InboundMessage
    part: Part
    conversation_id: int
    attempt: int
    """1 for the first; counted on disk before the fetch."""

    since: datetime
    """When the message was accepted."""


class FileStore(Protocol):
    """Keeps files with their content. Every method may raise `Busy`."""

    async def put(
        self,
        attachment: Attachment,
        content: bytes,
        *,
        kind: PartKind,
        channel: str,
        key: str = "",
        conversation_id: int = 0,
        at: datetime,
    ) -> None:
        """Keep a file that is about to be said in a conversation; until it is, it belongs to nothing."""
        ...

    async def drop(self, file_id: str) -> None:
        """Forget a file that nobody has said; nothing happens to another."""
        ...

    async def find(self, file_id: str) -> KeptFile | None:
        """Return what is known of a file; `None` if there is none."""
        ...

    async def said_in(self, ids: Collection[str]) -> list[KeptFile]:
        """Return the files of turns and replies, in the order in which each has them."""
        ...

    async def read(self, file_id: str) -> bytes:
        """Return a file's content.

        Raises:
            NoSuchFile: It is not kept (any more, or yet).
        """
        ...

    async def claim(self, *, limit: int, lease: timedelta, now: datetime) -> list[Wanted]:
        """Take files that are to be fetched now, the longest due first; after `lease` they come back."""
        ...

    async def keep(self, file_id: str, attachment: Attachment, content: bytes) -> bool:
        """Keep what was fetched; return False, and change nothing, if the file does not wait any more."""
        ...

    async def postpone(self, file_id: str, *, until: datetime, error: str) -> None:
        """Let a file be fetched again at `until`."""
        ...

    async def fail(self, file_id: str, *, error: str) -> None:
        """Record that a file is not to be had."""
        ...


def attached(content: bytes, *, name: str, kind: PartKind = "file", media_type: str = "", id: str = "") -> Attachment:
    """Return what is to be known of a file.

    Args:
        content: All of it.
        name: As its sender calls it; made harmless here.
        kind: What to call it if it has no name.
        media_type: As its sender says; not believed of pictures.
        id: Of the file; empty: a new one.

    Raises:
        FileTooLarge: It is larger than `MOST_BYTES`.
        EmptyFile: It has no content.
    """
    if not content:
        raise EmptyFile("the file is empty")
    if len(content) > MOST_BYTES:
        raise FileTooLarge(f"the file has {len(content) / 1_048_576:.1f} MB; at most 20 MB can be kept")
    seen = picture_type(content)
    named = safe_name(name) or _DEFAULT_NAMES.get(kind, "文件")
    if "." not in named:
        named += (seen and mimetypes.guess_extension(seen)) or mimetypes.guess_extension(media_type) or ""
    return Attachment(
        id=id or new_id("f"),
        name=named,
        media_type=seen or _claimed(media_type, named),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def picture_type(content: bytes) -> str:
    """Return the media type of a raster image, by its first bytes; empty if it is none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in _RASTER if content.startswith(start)), "")


def safe_name(name: str) -> str:
    """Return a file's name without a path, line ends or marks that could lead a reader astray."""
    last = PurePosixPath(clean(name).replace("\\", "/")).name
    plain = "".join(character for character in last if character.isprintable() and character not in '<>:"|?*')
    plain = plain.strip(". ")
    if len(plain.encode()) <= NAME_BYTES:
        return plain
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension) > 10:
        return cut_bytes(plain, NAME_BYTES)
    return f"{cut_bytes(stem, NAME_BYTES - len(extension.encode()) - 1)}.{extension}"


def to_fetch(message: InboundMessage) -> list[tuple[int, Part]]:
    """Return the parts of a message that are files, each with its number, whether fetched already or not."""
    return [(number, part) for number, part in enumerate(message.parts) if is_file(part)][:MOST_AT_ONCE]


def is_file(part: Part) -> bool:
    """Return whether a part is a file that we have, or that its platform can be asked for."""
    return part.kind in FETCHED_KINDS and bool(part.media_id or part.url or part.file)


def _claimed(media_type: str, name: str) -> str:
    """Return the type that sender or name say, unless it is one that only the content may say."""
    plain = media_type.partition(";")[0].strip().lower()
    if plain in ("", UNKNOWN_TYPE) or not plain.isascii() or len(plain) > 100 or plain.count("/") != 1:
        plain = mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
    return UNKNOWN_TYPE if plain.startswith("image/") or not plain.isprintable() else plain
