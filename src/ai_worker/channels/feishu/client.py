"""Calls to the open platform: one connection pool, one tenant token, and what can go wrong with a call."""

import random
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
import structlog
from yarl import URL

from ai_worker.channels import transfer
from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.feishu.answers import APP_FREQUENCY, CHAT_FREQUENCY, OK, TOKEN_REJECTED, Answered, verdict
from ai_worker.conversation.message import Attachment
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.files import Fetched
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

POOL_SIZE = 256
"""Connections at once; more than the pipeline's sends in progress on a channel, so that none queues here."""

CONNECT_S = 5.0
ANSWER_BYTES = 1_048_576
"""An answer may quote a whole message; more than this is not from the platform."""

APP = "app"
"""Key of the limit that all messages of the application count to."""

_LOST_S = 5.0
"""Wait this long after a call whose outcome is unknown, or that never reached the platform."""

_LONGEST_RESET_S = 300.0
_KEY = re.compile(r"[0-9A-Za-z_-]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class _Answer(msgspec.Struct):
    code: int
    msg: str = ""
    data: dict[str, Any] | None = None
    bot: dict[str, Any] | None = None
    tenant_access_token: str = ""
    expire: int = 0


_decode = msgspec.json.Decoder(_Answer).decode


class FeishuClient:
    """Speaks to the open platform for one application.

    Redirects are never followed: they would carry the token away.
    """

    def __init__(
        self,
        *,
        channel: str,
        base_url: str,
        app_id: str,
        app_secret: Secret,
        timeout_s: float,
        clock: Clock,
        store: ChannelStore,
    ) -> None:
        self._base = base_url
        self._app_id = app_id
        self._app_secret = app_secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._token = AccessToken(self.fetch_token, channel=channel, secret=app_secret, store=store, clock=clock)
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the connection pool; nothing is connected yet. Needs a running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=POOL_SIZE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._token.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool, for the long connection as well.

        Raises:
            SendFailed: It is not open.
        """
        if self._session is None:
            raise SendFailed("feishu", "the channel is not started", retry_after=_LOST_S)
        return self._session

    async def fetch_token(self) -> tuple[str, float]:
        """Ask for a tenant token; return it and for how many seconds it is good.

        Raises:
            SendFailed: The platform gave none.
        """
        body = {"app_id": self._app_id, "app_secret": self._app_secret.reveal()}
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        answer = _checked(*await self._ask("POST", path, body, token="", retries_harm=False), path=path)
        if not answer.tenant_access_token:
            raise SendFailed("feishu", "the platform gave no access token", retry_after=_LOST_S)
        return answer.tenant_access_token, float(answer.expire)

    async def discover(self) -> tuple[int, str, dict[str, Any]]:
        """Ask where the long connection is; return the platform's code, words and data.

        Raises:
            SendFailed: It did not answer.
        """
        body = {"AppID": self._app_id, "AppSecret": self._app_secret.reveal()}
        answer, _ = await self._ask("POST", "/callback/ws/endpoint", body, token="", retries_harm=False)
        return answer.code, answer.msg, answer.data or {}

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, chat: str = "", harmless: bool = False
    ) -> dict[str, Any]:
        """Make one call; a refused token is replaced once.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Below the base address, with its query.
            body: Sent as JSON.
            chat: Key of the chat's limit, for the platform's word that it is used up.
            harmless: Whether making the call twice does no harm: then its outcome is never `unsure`.

        Raises:
            SendFailed: It failed, or nobody knows whether it did; `Answered` if the platform has said so.
        """
        token = await self._token.get()
        answer, headers = await self._ask(method, path, body, token=token, retries_harm=not harmless)
        if answer.code in TOKEN_REJECTED:
            self._token.drop(token)
            token = await self._token.get()
            answer, headers = await self._ask(method, path, body, token=token, retries_harm=not harmless)
        checked = _checked(answer, headers, path=path, chat=chat)
        return checked.data if checked.data is not None else {"bot": checked.bot or {}}

    async def download(self, path: tuple[str, ...], **query: str) -> Fetched:
        """Fetch a file.

        Args:
            path: Its steps below the base address, each as it is.
            query: Of the address.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        url = URL(self._base).joinpath(*(step.replace("/", "%2F") for step in path)).with_query(query)
        for final in (False, True):
            token = await self._token.get()
            headers = {"Authorization": f"Bearer {token}"}
            taken = await transfer.download(self.session, url, platform="feishu", headers=headers)
            if taken.status == 200 and (taken.attached or taken.content_type != "application/json"):
                return taken.fetched
            answer = _read_answer(taken.content[:ANSWER_BYTES], taken.status)
            if final or answer.code not in TOKEN_REJECTED:
                break
            self._token.drop(token)
        _checked(answer, {}, path=url.path)
        raise SendFailed("feishu", "the platform sent no file", retry_after=None)

    async def upload(
        self, path: str, field: str, attachment: Attachment, content: bytes, fields: Mapping[str, str]
    ) -> str:
        """Upload a file and return its key.

        Raises:
            SendFailed: It was not taken.
        """
        url = URL(f"{self._base}{path}")
        for final in (False, True):
            token = await self._token.get()
            status, raw = await transfer.upload(
                self.session,
                url,
                attachment,
                content,
                platform="feishu",
                field=field,
                fields=fields,
                headers={"Authorization": f"Bearer {token}"},
            )
            answer = _read_answer(raw, status)
            if final or answer.code not in TOKEN_REJECTED:
                break
            self._token.drop(token)
        told = _checked(answer, {}, path=path).data or {}
        key = told.get(f"{field}_key")
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise SendFailed("feishu", "the platform's answer lacks a key", retry_after=_LOST_S)
        return key

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, token: str, retries_harm: bool
    ) -> tuple[_Answer, Mapping[str, str]]:
        """Make one call; its errors quote neither the body, which may hold the secret, nor the token."""
        headers = {"Content-Type": "application/json; charset=utf-8", "locale": "zh"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else msgspec.json.encode(body)
        url = URL(f"{self._base}{path}", encoded=True)
        try:
            async with self.session.request(
                method, url, data=data, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as response:
                status, raw, told = response.status, await _read(response), dict(response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            detail = f"no connection ({type(error).__name__})"
            raise SendFailed("feishu", detail, retry_after=_LOST_S) from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            detail = f"the connection broke before the answer ({type(error).__name__})"
            raise SendFailed("feishu", detail, retry_after=_LOST_S, unsure=retries_harm) from None
        unsure = retries_harm and (status == 200 or status >= 500)
        return _read_answer(raw, status, unsure=unsure), {name.lower(): value for name, value in told.items()}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body, or its first part if it is larger than any answer of the platform."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES:
            break
    return bytes(raw[:ANSWER_BYTES])


def _read_answer(raw: bytes, status: int, *, unsure: bool = False) -> _Answer:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        detail = f"the answer is not Feishu's (HTTP status {status})"
        raise SendFailed("feishu", detail, retry_after=_LOST_S, unsure=unsure) from None


def _checked(answer: _Answer, headers: Mapping[str, str], *, path: str, chat: str = "") -> _Answer:
    if answer.code == OK:
        return answer
    known = verdict(answer.code)
    log.info("feishu.refused", path=path.partition("?")[0], code=answer.code, log_id=headers.get("x-tt-logid", ""))
    seconds = known.retry_after
    blocks = {"app": APP, "chat": chat, "": ""}[known.blocks]
    if answer.code in APP_FREQUENCY:
        seconds = _reset(headers)
    elif answer.code == CHAT_FREQUENCY:
        seconds = 1.0 + random.uniform(0, 1.0)  # noqa: S311  (spreads load, guards nothing)
    detail = f"{answer.code}, {known.meaning} ({shorten(answer.msg, 300)})"
    raise Answered(answer.code, detail, retry_after=seconds, blocks=blocks)


def _reset(headers: Mapping[str, str]) -> float:
    told = headers.get("x-ogw-ratelimit-reset", "")
    return min(_LONGEST_RESET_S, max(1.0, float(told))) if _SECONDS.fullmatch(told) else _LOST_S
