"""Pictures and files in conversations: shown with their lines, served from here, and attached to replies."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.console.session import Session
from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.message import Attachment
from ai_worker.conversation.store import ThreadItem
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.files import (
    MOST_AT_ONCE,
    MOST_BYTES,
    UNKNOWN_TYPE,
    FileStore,
    FileTooLarge,
    KeptFile,
    NoSuchFile,
    TooManyFiles,
    attached,
)

FORM_BYTES = MOST_BYTES + 1024 * 1024
"""Of a reply with its files, and of what a form adds."""

INERT: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
)
"""What keeps a file that somebody sent from being more than something to look at."""


class Attaching:
    """The files of conversations, for people who are signed in."""

    def __init__(self, files: FileStore, *, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    async def of(self, items: Sequence[ThreadItem]) -> Mapping[str, list[KeptFile]]:
        """Return the files of a thread's lines, by the turn or the reply that they came with."""
        turns = {item.turn_id for item in items if item.author == "contact" and item.parts}
        turns |= {item.turn_id for item in items if item.author == "contact" and not item.text}
        replies = {item.outbound_id for item in items if item.attachments}
        found: dict[str, list[KeptFile]] = {}
        for file in await self._files.said_in(turns | replies):
            found.setdefault(file.said_in, []).append(file)
        return found

    async def keep(self, conversation: Conversation, form: FormData) -> tuple[Attachment, ...]:
        """Keep what is attached to a reply that is about to be said.

        Raises:
            TooManyFiles: They are more than one reply may carry.
            FileTooLarge: They are too large together.
            EmptyFile: One of them has no content.
        """
        given = [upload for upload in form.getlist("file") if isinstance(upload, UploadFile) and upload.filename]
        if len(given) > MOST_AT_ONCE:
            raise TooManyFiles(f"{len(given)} files are attached; at most {MOST_AT_ONCE} can be sent at once")
        contents = [await upload.read() for upload in given]
        if (size := sum(map(len, contents))) > MOST_BYTES:
            raise FileTooLarge(f"the files have {size / 1_048_576:.1f} MB together; at most 20 MB can be sent")
        made = [
            attached(content, name=upload.filename or "", media_type=upload.content_type or "")
            for upload, content in zip(given, contents, strict=True)
        ]
        for attachment, content in zip(made, contents, strict=True):
            await self._files.put(
                attachment,
                content,
                kind="image" if attachment.is_picture else "file",
                channel=conversation.channel,
                key=conversation.key,
                conversation_id=conversation.id,
                at=self._clock.now(),
            )
        return tuple(made)

    async def give_up(self, attachments: Sequence[Attachment]) -> None:
        """Forget what was kept for a reply that could not be said; what cannot be now goes by itself in a day."""
        for attachment in attachments:
            with suppress(Busy):
                await self._files.drop(attachment.id)

    async def serve(self, request: Request, _session: Session) -> Response:
        """Answer with a file of a conversation: raster images to look at, everything else to be saved.

        Raises:
            NoSuchFile: The conversation has no such file.
        """
        file = await self._files.find(request.path_params["file"])
        if file is None or file.state != "kept" or file.conversation_id != request.path_params["id"]:
            raise NoSuchFile("there is no such file in this conversation")
        return await served(self._files, file.attachment, if_none_match=request.headers.get("if-none-match", ""))


async def served(files: FileStore, attachment: Attachment, *, if_none_match: str) -> Response:
    """Return a file as an answer that no browser takes for more than it is."""
    etag = f'"{attachment.sha256[:32]}"'
    headers = {**INERT, "ETag": etag}
    if if_none_match == etag:
        return Response(status_code=304, headers=headers)
    how = "inline" if attachment.is_picture else "attachment"
    headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(attachment.name, safe='')}"
    kind = attachment.media_type if attachment.is_picture else UNKNOWN_TYPE
    return Response(await files.read(attachment.id), headers=headers, media_type=kind)
