"""Files over HTTP, for all platforms: fetched as a stream that ends at its limit, and uploaded as forms.

Addresses carry tokens and are never quoted; redirects are never followed, for they would lead elsewhere.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from io import BytesIO
from urllib.parse import unquote

import aiohttp
from yarl import URL

from ai_worker.conversation.message import Attachment
from ai_worker.pipeline.files import MOST_BYTES, Fetched, FileTooLarge, safe_name
from ai_worker.pipeline.sending import SendFailed

SILENT_S = 15.0
"""A platform that sends nothing of a file for so long has stopped."""

TRANSFER_S = 45.0
"""20 MB within this time are 3.6 Mbit/s."""

CONNECT_S = 5.0
LOST_S = 10.0
ANSWER_BYTES = 262_144
"""What a platform says to an upload has a few hundred bytes."""

_TIMEOUT = aiohttp.ClientTimeout(total=TRANSFER_S, connect=CONNECT_S, sock_read=SILENT_S)
_EXTENDED = re.compile(r"filename\*\s*=\s*UTF-8'[^']*'([^;]{1,1000})", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a platform gave, whatever its status."""

    status: int
    content: bytes
    content_type: str
    """In lower case, without parameters."""

    name: str
    """As `Content-Disposition` says; empty if it does not."""

    attached: bool
    """Whether it says that this is a file."""

    @property
    def fetched(self) -> Fetched:
        """The file that it is."""
        return Fetched(self.content, self.name, self.content_type)


async def download(
    session: aiohttp.ClientSession,
    url: URL,
    *,
    platform: str,
    headers: Mapping[str, str] | None = None,
    most: int = MOST_BYTES,
) -> Taken:
    """Fetch what is at an address.

    Raises:
        SendFailed: It did not come.
        FileTooLarge: It is more than `most` bytes; the rest was not read.
    """
    try:
        async with session.get(url, headers=headers, allow_redirects=False, timeout=_TIMEOUT) as response:
            if response.status == 200 and (response.content_length or 0) > most:
                raise _too_large(most)
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > most:
                    raise _too_large(most)
            disposition = response.headers.get("Content-Disposition", "")
            return Taken(
                response.status,
                bytes(content),
                response.content_type.lower(),
                disposition_name(disposition),
                bool(disposition),
            )
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        detail = f"the file did not come ({type(error).__name__})"
        raise SendFailed(platform, detail, retry_after=LOST_S) from None


async def upload(
    session: aiohttp.ClientSession,
    url: URL,
    attachment: Attachment,
    content: bytes,
    *,
    platform: str,
    field: str,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Upload a file as a form's field; return the answer's status and body.

    Whatever becomes of it, nobody sees it yet: doing it again does no harm.

    Raises:
        SendFailed: There was no answer.
    """
    form = aiohttp.FormData(quote_fields=False)  # names go out as UTF-8, as the platforms' own programs write them
    for name, value in (fields or {}).items():
        form.add_field(name, value)
    form.add_field(field, BytesIO(content), filename=attachment.name, content_type=attachment.media_type)
    try:
        async with session.post(url, data=form, headers=headers, allow_redirects=False, timeout=_TIMEOUT) as response:
            raw = bytearray()
            async for chunk in response.content.iter_any():
                raw += chunk
                if len(raw) > ANSWER_BYTES:
                    break
            return response.status, bytes(raw)
    except (aiohttp.ClientError, OSError) as error:
        detail = f"the file could not be uploaded ({type(error).__name__})"
        raise SendFailed(platform, detail, retry_after=LOST_S) from None


def disposition_name(header: str) -> str:
    """Return the file name of a `Content-Disposition`: RFC 6266's, or what the platforms write in its place."""
    if not header:
        return ""
    with suppress(UnicodeError):  # raw UTF-8, read as bytes by HTTP
        header = header.encode("latin-1").decode("utf-8")
    if extended := _EXTENDED.search(header):
        return safe_name(unquote(extended[1].strip('" ')))
    parsed = EmailMessage()
    parsed["Content-Disposition"] = header.replace("\r", "").replace("\n", "")
    name = parsed.get_filename() or ""
    return safe_name(unquote(name) if _PERCENT.search(name) else name)


def _too_large(most: int) -> FileTooLarge:
    return FileTooLarge(f"the file is larger than {most // 1_048_576} MB")
