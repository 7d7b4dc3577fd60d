"""Pictures and files: brought from the message that has them, and uploaded for a message of ours."""

from ai_worker.channels.feishu.client import FeishuClient
from ai_worker.channels.feishu.words import Content
from ai_worker.conversation.message import Attachment, InboundMessage, Part
from ai_worker.pipeline.files import Fetched
from ai_worker.pipeline.sending import SendFailed

PICTURE_BYTES = 10_485_760
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})
"""What goes out as a picture; larger ones go out as files."""

_FILE_TYPES = {"pdf": "pdf", "doc": "doc", "docx": "doc", "xls": "xls", "xlsx": "xls", "ppt": "ppt", "pptx": "ppt"}
"""The platform's own kinds by extension; everything else is a stream of bytes to it."""


class Files:
    """The files of one application."""

    def __init__(self, client: FeishuClient) -> None:
        self._client = client

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a part of a message names.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        message_id = message.address.get("message", "")
        if not part.media_id or not message_id:
            raise SendFailed("feishu", "the message names no file", retry_after=None)
        kind = "image" if part.kind == "image" else "file"
        return await self._client.download(
            ("open-apis", "im", "v1", "messages", message_id, "resources", part.media_id), type=kind
        )

    async def content(self, attachment: Attachment, content: bytes) -> Content:
        """Upload a file and return the message that shows it.

        Raises:
            SendFailed: It was not taken.
        """
        if attachment.media_type in PICTURES and attachment.size <= PICTURE_BYTES:
            fields = {"image_type": "message"}
            key = await self._client.upload("/open-apis/im/v1/images", "image", attachment, content, fields)
            return "image", f'{{"image_key":"{key}"}}'
        extension = attachment.name.rpartition(".")[2].lower()
        fields = {"file_type": _FILE_TYPES.get(extension, "stream"), "file_name": attachment.name}
        key = await self._client.upload("/open-apis/im/v1/files", "file", attachment, content, fields)
        return "file", f'{{"file_key":"{key}"}}'
