"""The calls to WeCom's API that an application makes: fetch a token, send a message."""

import math
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.wecom.answers import OK, TOKEN_REJECTED, verdict
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed

POOL_SIZE = 256
"""Connections at once; more than the pipeline's sends in progress on a channel, so that none queues here."""

CONNECT_S = 5.0
ANSWER_BYTES = 65_536
"""An answer has a few hundred bytes; more is not from the platform."""

DUPLICATE_WINDOW_S = 14_400
"""The longest that the platform remembers messages for `enable_duplicate_check`."""

_LOST_S = 5.0
"""Wait this long after a call whose outcome is unknown, or that never reached the platform."""

_JSON = MappingProxyType({"Content-Type": "application/json"})


class _Answer(msgspec.Struct):
    errcode: int
    errmsg: str = ""
    msgid: str = ""
    access_token: str = ""
    expires_in: int = 0
    invaliduser: str = ""
    unlicenseduser: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


class WecomClient:
    """Speaks to the API for one application. Redirects are never followed: they would carry the token away."""

    def __init__(
        self,
        *,
        channel: str,
        api_base: str,
        corp_id: str,
        secret: Secret,
        agent_id: str,
        timeout_s: float,
        clock: Clock,
        store: ChannelStore,
    ) -> None:
        self._token_url = URL(f"{api_base}/cgi-bin/gettoken")
        self._send_url = URL(f"{api_base}/cgi-bin/message/send")
        self._corp_id = corp_id
        self._secret = secret
        self._agent_id = int(agent_id)  # the API wants a number
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._token = AccessToken(self._fetch_token, channel=channel, secret=secret, store=store, clock=clock)
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

    async def send_text(self, user: str, content: str, *, duplicate_window_s: float | None) -> str:
        """Send a text message of at most 2,048 bytes; return the platform's id of it.

        Args:
            user: Whom to send it to.
            content: The words.
            duplicate_window_s: Have the platform drop it if the same words went to the same user in
                the last so many seconds. `None`: send it in any case.

        Raises:
            SendFailed: It was not taken, or nobody knows whether it was.
        """
        message: dict[str, Any] = {
            "touser": user,
            "msgtype": "text",
            "agentid": self._agent_id,
            "text": {"content": content},
        }
        if duplicate_window_s is not None:
            message["enable_duplicate_check"] = 1
            message["duplicate_check_interval"] = min(DUPLICATE_WINDOW_S, math.ceil(duplicate_window_s))
        answer = await self._send(msgspec.json.encode(message))
        if answer.invaliduser or answer.unlicenseduser:
            which = "outside the visible range or unknown" if answer.invaliduser else "without a licence"
            raise SendFailed("wecom", f"the member is {which}", retry_after=None)
        return answer.msgid

    async def _send(self, body: bytes) -> _Answer:
        token = await self._token.get()
        answer = await self._call("POST", self._send_url.with_query(access_token=token), body)
        if answer.errcode in TOKEN_REJECTED:
            self._token.drop(token)
            token = await self._token.get()
            answer = await self._call("POST", self._send_url.with_query(access_token=token), body)
        return _checked(answer)

    async def _fetch_token(self) -> tuple[str, float]:
        query = {"corpid": self._corp_id, "corpsecret": self._secret.reveal()}
        answer = _checked(await self._call("GET", self._token_url.with_query(query), None))
        if not answer.access_token:
            raise SendFailed("wecom", "the platform gave no access token", retry_after=_LOST_S)
        return answer.access_token, float(answer.expires_in)

    async def _call(self, method: str, url: URL, body: bytes | None) -> _Answer:
        """Make one call; its errors never quote the URL, which carries the token or the secret."""
        if self._session is None:
            raise SendFailed("wecom", "the channel is not started", retry_after=_LOST_S)
        sends = body is not None
        try:
            async with self._session.request(method, url, data=body, headers=_JSON, allow_redirects=False) as response:
                status, raw = response.status, await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            detail = f"no connection ({type(error).__name__})"
            raise SendFailed("wecom", detail, retry_after=_LOST_S) from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            detail = f"the connection broke before the answer ({type(error).__name__})"
            raise SendFailed("wecom", detail, retry_after=_LOST_S, unsure=sends) from None
        if status != 200:
            raise SendFailed("wecom", f"HTTP status {status}", retry_after=_LOST_S, unsure=sends and status >= 500)
        try:
            return _decode(raw)
        except msgspec.DecodeError:
            raise SendFailed("wecom", "the answer is not WeCom's", retry_after=_LOST_S, unsure=sends) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body, or its first part if it is larger than any answer of the platform."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES:
            break
    return bytes(raw[:ANSWER_BYTES])


def _checked(answer: _Answer) -> _Answer:
    if answer.errcode == OK:
        return answer
    known = verdict(answer.errcode)
    detail = f"{answer.errcode}, {known.meaning} ({shorten(answer.errmsg, 200)})"
    raise SendFailed("wecom", detail, retry_after=known.retry_after)
