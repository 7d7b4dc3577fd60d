"""Pictures and files of an AI bot: encrypted behind an address of five minutes, uploaded in pieces over the link."""

import hashlib
import re
from base64 import b64decode, b64encode
from typing import Any

from yarl import URL

from ai_worker.channels import transfer
from ai_worker.channels.wecom.answers import OK, Declined
from ai_worker.channels.wecom.bot_link import BotLink
from ai_worker.channels.wecom.crypto import decode_key, decrypt
from ai_worker.channels.wecom.hosts import may_fetch
from ai_worker.channels.wecom.http import Http
from ai_worker.channels.wecom.media import kind_of
from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.settings import WecomBotSettings
from ai_worker.conversation.message import Attachment, Part
from ai_worker.pipeline.files import MOST_BYTES, Fetched
from ai_worker.pipeline.sending import SendFailed

CHUNK = 262_144
"""Bytes of one piece, before Base64. The platform takes twice as much, and a hundred of them: but each has to be
answered within the time that any frame has."""

_HEX = re.compile(r"[0-9a-fA-F]{64}")


async def fetch(http: Http, part: Part, settings: WecomBotSettings) -> Fetched:
    """Bring what a part of a message names, and decrypt it.

    Raises:
        SendFailed: It could not be had.
        FileTooLarge: It is larger than what is kept.
    """
    if not part.url:
        raise SendFailed("wecom", "the message names no address", retry_after=None)
    if not may_fetch(part.url, bases=(settings.api_base, *settings.media_hosts)):
        host = URL(part.url).host
        detail = f"the file is at {host}, which is not known to be WeCom's: name it in media_hosts if it is"
        raise SendFailed("wecom", detail, retry_after=None)
    taken = await transfer.download(http.session, URL(part.url, encoded=True), platform="wecom", most=MOST_BYTES + 32)
    if taken.status != 200:
        gone = 400 <= taken.status < 500 and taken.status not in (408, 429)
        why = "the address is good for five minutes, and they are over" if gone else "the file cannot be had now"
        raise SendFailed("wecom", f"{why} (HTTP status {taken.status})", retry_after=None if gone else transfer.LOST_S)
    try:
        content = decrypt(media_key(part.seal or settings.encoding_aes_key.reveal()), taken.content)
    except (Refused, ValueError):
        raise SendFailed("wecom", "the file cannot be decrypted", retry_after=None) from None
    return Fetched(content, taken.name)


def media_key(text: str) -> bytes:
    """Return the 32 bytes of a file's key: Base64 of either alphabet, padded or not, or hexadecimal.

    Raises:
        ValueError: It is no such key.
    """
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    plain = text.replace("-", "+").replace("_", "/")
    return b64decode(plain, validate=True)[:32] if len(plain) == 44 else decode_key(plain)


async def upload(link: BotLink, attachment: Attachment, content: bytes) -> dict[str, Any]:
    """Upload a file over the link, and return what is sent for it.

    Raises:
        SendFailed: It was not taken.
    """
    kind = kind_of(attachment)
    pieces = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]
    begun = await _told(
        link,
        "init",
        type=kind,
        filename=attachment.name,
        total_size=len(content),
        total_chunks=len(pieces),
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )
    upload_id = _text(begun, "upload_id")
    for number, piece in enumerate(pieces):
        await _told(link, "chunk", upload_id=upload_id, chunk_index=number, base64_data=b64encode(piece).decode())
    media_id = _text(await _told(link, "finish", upload_id=upload_id), "media_id")
    return {"msgtype": kind, kind: {"media_id": media_id}}


async def _told(link: BotLink, step: str, **body: Any) -> Any:
    """Return what the platform says to a step; doing it again does no harm, so nothing of it is unsure."""
    try:
        answer = await link.request(f"aibot_upload_media_{step}", body)
    except SendFailed as failure:
        raise SendFailed("wecom", str(failure), retry_after=failure.retry_after) from None
    if answer.errcode != OK:
        raise Declined(answer.errcode, answer.errmsg)
    return answer.body


def _text(body: Any, name: str) -> str:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, str) or not found:
        raise SendFailed("wecom", f"the platform gave no {name}", retry_after=transfer.LOST_S)
    return found
