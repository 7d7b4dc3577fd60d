"""Pictures and files: fetched with a message's download code, uploaded by the old API, named in messages of the new."""

from typing import Any

import msgspec
from yarl import URL

from ai_worker.channels import transfer
from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.dingtalk.answers import LOST_S, OPERATOR_S
from ai_worker.channels.dingtalk.client import DingtalkClient
from ai_worker.channels.dingtalk.directory import TOKEN_REFUSED
from ai_worker.channels.dingtalk.fields import Fields, NotJson, fields, text_of
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.conversation.message import Attachment, Part
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.files import Fetched
from ai_worker.pipeline.sending import SendFailed

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp"})
FILES = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "rar"})
"""What the platform takes as a file, by extension; it refuses all others."""


class Media:
    """The files of one robot."""

    def __init__(
        self,
        settings: DingtalkSettings,
        *,
        post: Post,
        client: DingtalkClient,
        old_token: AccessToken,
    ) -> None:
        self._robot_code, self._oapi = settings.robot_code, settings.oapi_base
        self._post, self._client, self._old_token = post, client, old_token
        self._hosts = TrustedHosts([settings.api_base, settings.oapi_base, *settings.media_hosts])

    async def fetch(self, part: Part) -> Fetched:
        """Bring what a part of a message names by its download code.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        if not part.media_id:
            raise SendFailed("dingtalk", "the message names no download code", retry_after=None)
        body: Fields = {"downloadCode": part.media_id, "robotCode": self._robot_code}
        answer = await self._client.call("POST", "/v1.0/robot/messageFiles/download", body, changes=False)
        if not answer.ok:
            raise answer.failure()
        address = text_of(answer.found, "downloadUrl")
        if not self._hosts.may_fetch(address):
            host = URL(address).host if address.isascii() else ""
            detail = f"the file is at {host}, which is not known to be DingTalk's: name it in media_hosts if it is"
            raise SendFailed("dingtalk", detail, retry_after=None)
        taken = await transfer.download(self._post.session, URL(address, encoded=True), platform="dingtalk")
        if taken.status != 200:
            raise SendFailed("dingtalk", f"the file cannot be had (HTTP status {taken.status})", retry_after=LOST_S)
        return taken.fetched

    async def message(self, attachment: Attachment, content: bytes) -> Fields:
        """Upload a file and return the message that shows it.

        Raises:
            SendFailed: It was not taken.
        """
        picture = attachment.media_type in PICTURES
        media_id = await self._uploaded("image" if picture else "file", attachment, content)
        if picture:
            return _message("sampleImageMsg", photoURL=media_id)
        extension = attachment.name.rpartition(".")[2].lower()
        return _message("sampleFile", mediaId=media_id, fileName=attachment.name, fileType=extension)

    async def _uploaded(self, kind: str, attachment: Attachment, content: bytes) -> str:
        for final in (False, True):
            token = await self._old_token.get()
            url = URL(f"{self._oapi}/media/upload").with_query(access_token=token, type=kind)
            status, raw = await transfer.upload(
                self._post.session, url, attachment, content, platform="dingtalk", field="media"
            )
            try:
                found = fields(raw)
            except NotJson:
                raise SendFailed("dingtalk", f"HTTP status {status} of the upload", retry_after=LOST_S) from None
            if final or text_of(found, "errcode") not in TOKEN_REFUSED:
                break
            self._old_token.drop(token)
        media_id = text_of(found, "media_id")
        if media_id:
            return media_id
        said = shorten(f"{text_of(found, 'errcode')} {text_of(found, 'errmsg')}", 200)
        wait = LOST_S if status >= 500 or text_of(found, "errcode") == "-1" else OPERATOR_S
        raise SendFailed("dingtalk", f"the file was not taken ({said})", retry_after=wait)


def carried(attachment: Attachment) -> bool:
    """Return whether the platform takes a file."""
    return attachment.media_type in PICTURES or attachment.name.rpartition(".")[2].lower() in FILES


def _message(key: str, **parameter: Any) -> Fields:
    return {"msgKey": key, "msgParam": msgspec.json.encode(parameter).decode()}
