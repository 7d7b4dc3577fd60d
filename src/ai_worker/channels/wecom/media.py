"""Pictures and files of WeCom's API: fetched and uploaded by `media_id`, which is good for three days."""

from datetime import timedelta
from typing import Any

from ai_worker.channels.wecom.api import Answer, WecomApi
from ai_worker.conversation.message import Attachment, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.files import Fetched
from ai_worker.pipeline.sending import SendFailed
from ai_worker.pipeline.store import OutboundMessage

LEAST_BYTES = 6
"""The platform takes nothing of five bytes or less."""

PICTURE_BYTES = 10_485_760
PICTURES = frozenset({"image/jpeg", "image/png"})
"""What goes out as a picture; other pictures, and larger ones, go out as files."""

GOOD_FOR = timedelta(days=3) - timedelta(hours=2)


class Uploaded(Answer):
    """What the platform says of an upload."""

    media_id: str = ""


def kind_of(attachment: Attachment) -> str:
    """Return the platform's kind of message for a file."""
    return "image" if attachment.media_type in PICTURES and attachment.size <= PICTURE_BYTES else "file"


def carried(attachment: Attachment) -> bool:
    """Return whether the platform takes a file at all."""
    return attachment.size >= LEAST_BYTES


class Media:
    """The files of one application."""

    def __init__(self, channel: str, api: WecomApi, *, clock: Clock, store: ChannelStore) -> None:
        self._channel, self._api = channel, api
        self._clock, self._store = clock, store

    async def body(self, message: OutboundMessage, attachment: Attachment) -> dict[str, Any]:
        """Return what is sent for a file: the same when it is sent again, so that the platform recognises it.

        Raises:
            SendFailed: It could not be uploaded.
        """
        kind, key = kind_of(attachment), f"media:{attachment.id}"
        try:
            media_id = await self._store.recall(self._channel, key)
            if media_id is None:
                content = message.contents[attachment.id]
                told = await self._api.upload("media/upload", {"type": kind}, attachment, content, Uploaded)
                media_id = told.media_id
                await self._store.remember(self._channel, key, media_id, until=self._clock.now() + GOOD_FOR)
        except Busy as busy:
            raise SendFailed("wecom", "our store is busy", retry_after=busy.retry_after) from None
        return {"msgtype": kind, kind: {"media_id": media_id}}

    async def fetch(self, part: Part) -> Fetched:
        """Bring what a part of a message names.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        if not part.media_id:
            raise SendFailed("wecom", "the message names no media id", retry_after=None)
        return await self._api.download("media/get", {"media_id": part.media_id})
