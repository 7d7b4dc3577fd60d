"""Calls to WeCom's API with the access token of one application of one company."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from yarl import URL

from ai_worker.channels import transfer
from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.wecom.answers import OK, TOKEN_REJECTED, Declined
from ai_worker.channels.wecom.http import ANSWER_BYTES, LOST_S, Http
from ai_worker.conversation.message import Attachment
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.files import Fetched
from ai_worker.pipeline.sending import SendFailed


class Answer(msgspec.Struct):
    """What every answer has."""

    errcode: int
    errmsg: str = ""


class _Token(Answer):
    access_token: str = ""
    expires_in: int = 0


A = TypeVar("A", bound=Answer)


class WecomApi:
    """Speaks to the API for one application."""

    def __init__(
        self,
        *,
        channel: str,
        api_base: str,
        corp_id: str,
        secret: Secret,
        timeout_s: float,
        clock: Clock,
        store: ChannelStore,
    ) -> None:
        self._base = URL(f"{api_base}/cgi-bin")
        self._corp_id, self._secret = corp_id, secret
        self._http = Http(timeout_s)
        self._token = AccessToken(self._fetch_token, channel=channel, secret=secret, store=store, clock=clock)

    def open(self) -> None:
        """Make the connection pool; nothing is connected yet. Needs a running event loop."""
        self._http.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._token.close()
        await self._http.close()

    async def check(self) -> None:
        """Have the platform take the credentials.

        Raises:
            SendFailed: It does not, or cannot be reached.
        """
        await self._token.get()

    async def get(self, path: str, query: Mapping[str, str], answer: type[A]) -> A:
        """Ask for something.

        Raises:
            SendFailed: It was not told.
        """
        return await self._call("GET", path, query, None, answer, "")

    async def post(self, path: str, body: Any, answer: type[A], *, limit: str = "") -> A:
        """Have something done.

        Args:
            path: Below `/cgi-bin`.
            body: Becomes JSON.
            answer: What the answer is read as.
            limit: Key of the limit that a refusal for too many calls is about.

        Raises:
            SendFailed: It was not done, or nobody knows whether it was.
        """
        return await self._call("POST", path, {}, msgspec.json.encode(body), answer, limit)

    async def download(self, path: str, query: Mapping[str, str]) -> Fetched:
        """Fetch a file.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        for final in (False, True):
            token = await self._token.get()
            url = (self._base / path).with_query(query).update_query(access_token=token)
            taken = await transfer.download(self._http.session, url, platform="wecom")
            if taken.status != 200:
                raise SendFailed("wecom", f"HTTP status {taken.status}", retry_after=LOST_S)
            if taken.attached:
                return taken.fetched
            told = read(taken.content[:ANSWER_BYTES], Answer, sends=False)  # no file, but why there is none
            if final or told.errcode not in TOKEN_REJECTED:
                break
            self._token.drop(token)
        checked(told)
        raise SendFailed("wecom", "the platform sent no file", retry_after=None)

    async def upload(
        self, path: str, query: Mapping[str, str], attachment: Attachment, content: bytes, answer: type[A]
    ) -> A:
        """Upload a file.

        Raises:
            SendFailed: It was not taken.
        """
        for final in (False, True):
            token = await self._token.get()
            url = (self._base / path).with_query(query).update_query(access_token=token)
            session = self._http.session
            status, raw = await transfer.upload(session, url, attachment, content, platform="wecom", field="media")
            if status != 200:
                raise SendFailed("wecom", f"HTTP status {status}", retry_after=LOST_S)
            told = read(raw, answer, sends=False)
            if final or told.errcode not in TOKEN_REJECTED:
                break
            self._token.drop(token)
        return checked(told)

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None, answer: type[A], limit: str
    ) -> A:
        token = await self._token.get()
        url = (self._base / path).with_query(query)
        told = read(await self._http.call(method, url.update_query(access_token=token), body), answer, sends=bool(body))
        if told.errcode in TOKEN_REJECTED:
            self._token.drop(token)
            token = await self._token.get()
            raw = await self._http.call(method, url.update_query(access_token=token), body)
            told = read(raw, answer, sends=bool(body))
        return checked(told, limit=limit)

    async def _fetch_token(self) -> tuple[str, float]:
        query = {"corpid": self._corp_id, "corpsecret": self._secret.reveal()}
        raw = await self._http.call("GET", (self._base / "gettoken").with_query(query))
        told = checked(read(raw, _Token, sends=False))
        if not told.access_token:
            raise SendFailed("wecom", "the platform gave no access token", retry_after=LOST_S)
        return told.access_token, float(told.expires_in)


def read(raw: bytes, answer: type[A], *, sends: bool) -> A:
    """Return an answer's fields.

    Raises:
        SendFailed: It is not one of WeCom's.
    """
    try:
        return msgspec.json.decode(raw, type=answer)
    except (msgspec.DecodeError, RecursionError):
        raise SendFailed("wecom", "the answer is not WeCom's", retry_after=LOST_S, unsure=sends) from None


def checked(answer: A, *, limit: str = "") -> A:
    """Return an answer that says that all went well.

    Raises:
        Declined: It says something else.
    """
    if answer.errcode == OK:
        return answer
    raise Declined(answer.errcode, answer.errmsg, limit=limit)
