"""Pictures and files of web chats: brought by visitors before they say something, and fetched by their pages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.problems import NoSuchRoute
from ai_worker.api.visitors import Visitors
from ai_worker.channels.contract import Channel
from ai_worker.channels.web.adapter import WebChannel
from ai_worker.conversation.message import Attachment
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput, Denied, TooLarge
from ai_worker.pipeline.files import UNKNOWN_TYPE, FileStore, KeptFile, NoSuchFile, attached

MOST_BYTES = 10 * 1024 * 1024
"""Of one file of a visitor: anybody may bring one, so it is less than colleagues may send."""

TAKEN = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "txt", "zip", "rar", "mp4"})
"""What visitors may bring besides pictures, by extension."""

TOKEN_HEADER = "x-chat-token"  # noqa: S105  (a header's name)

INERT: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "no-referrer",
    }
)
"""What keeps a file that somebody brought from being more than something to look at."""


class UnknownVisitor(Denied):
    """Whoever brings a file has not opened the chat."""

    code = "web_chat.unknown_visitor"


class FileKindRefused(BadInput):
    """A visitor brought a file of a kind that is not taken."""

    code = "web_chat.file_kind_refused"
    hint = "Pictures, PDF, Office documents, CSV, TXT, ZIP, RAR and MP4 are taken."


class VisitorFileTooLarge(TooLarge):
    """A visitor brought a file that is larger than visitors may send."""

    code = "web_chat.file_too_large"


class ChatFiles:
    """The files of all web chats of this installation."""

    def __init__(self, channels: Mapping[str, Channel], files: FileStore, *, visitors: Visitors, clock: Clock) -> None:
        self._channels = channels
        self._files = files
        self._visitors = visitors
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Return the two addresses. Who may use them stands in tokens that we have signed."""
        described = {"schema": {"type": "string", "format": "binary"}}
        return [
            Endpoint(
                method="POST",
                path="/chat/{name}/files",
                scope="public",
                handle=self._take,
                summary="Keep a file that a web chat's visitor is about to send",
                status=201,
                details={"requestBody": {"content": {"application/octet-stream": described}, "required": True}},
            ),
            Endpoint(
                method="GET",
                path="/chat/{name}/files/{file}",
                scope="public",
                handle=self._serve,
                summary="A file of a web chat, under an address that its page was told",
                details={"responses": {"200": {"description": "The file", "content": {"*/*": described}}}},
            ),
        ]

    def told(self, channel: str, attachment: Attachment) -> dict[str, Any]:
        """Return what a page is told of a file; the address opens this file and no other."""
        seal = self._visitors.seal(channel, attachment.id)
        return {
            "id": attachment.id,
            "name": attachment.name,
            "size": attachment.size,
            "picture": attachment.is_picture,
            "url": f"/chat/{quote(channel)}/files/{attachment.id}?k={seal}",
        }

    async def brought(self, channel: str, visitor: str, ids: list[str]) -> list[KeptFile]:
        """Return files that a visitor has brought; those that are another's, or gone, are left out."""
        found = [await self._files.find(id) for id in ids]
        return [file for file in found if file is not None and (file.channel, file.key) == (channel, visitor)]

    async def of(self, turns: set[str]) -> dict[str, list[Attachment]]:
        """Return the files of visitors' messages, by turn."""
        found: dict[str, list[Attachment]] = {}
        for file in await self._files.said_in(turns):
            if file.state == "kept":
                found.setdefault(file.said_in, []).append(file.attachment)
        return found

    async def _take(self, request: Request, caller: Caller) -> Response:
        channel = self._channel(request)
        if not channel.origins.welcomes(request.headers.get("origin"), request.headers.get("host", "")):
            raise UnknownVisitor("This page may not use the chat")
        visitor = self._visitors.known(channel.name, request.headers.get(TOKEN_HEADER))
        if visitor is None:
            raise UnknownVisitor("Open the chat first")
        content = await request.body()
        if len(content) > MOST_BYTES:
            raise VisitorFileTooLarge(f"At most {MOST_BYTES // 1_048_576} MB can be sent here")
        attachment = attached(content, name=request.query_params.get("name", ""))
        if not attachment.is_picture and attachment.name.rpartition(".")[2].lower() not in TAKEN:
            raise FileKindRefused("Files of this kind are not taken")
        await channel.admit_file(visitor)
        await self._files.put(
            attachment,
            content,
            kind="image" if attachment.is_picture else "file",
            channel=channel.name,
            key=visitor,
            at=self._clock.now(),
        )
        return answer(self.told(channel.name, attachment), 201)

    async def _serve(self, request: Request, caller: Caller) -> Response:
        channel, file_id = self._channel(request), request.path_params["file"]
        if not self._visitors.opens(channel.name, file_id, request.query_params.get("k", "")):
            raise NoSuchFile("There is no such file")
        file = await self._files.find(file_id)
        if file is None or file.state != "kept" or file.channel != channel.name:
            raise NoSuchFile("There is no such file")
        attachment = file.attachment
        etag = f'"{attachment.sha256[:32]}"'
        headers = {**INERT, "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        how = "inline" if attachment.is_picture else "attachment"
        headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(attachment.name, safe='')}"
        kind = attachment.media_type if attachment.is_picture else UNKNOWN_TYPE
        return Response(await self._files.read(attachment.id), headers=headers, media_type=kind)

    def _channel(self, request: Request) -> WebChannel:
        channel = self._channels.get(request.path_params["name"])
        if not isinstance(channel, WebChannel):
            raise NoSuchRoute("There is nothing at this address")
        return channel
