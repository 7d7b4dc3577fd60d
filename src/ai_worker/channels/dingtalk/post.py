"""One HTTP call, with a pool, timeouts and a limit on the answer; its errors never quote an address."""

from collections.abc import Mapping
from typing import Literal

import aiohttp
import msgspec
from yarl import URL

from ai_worker.channels.dingtalk.answers import LOST_S, Answer
from ai_worker.channels.dingtalk.fields import Fields, NotJson, fields
from ai_worker.pipeline.sending import SendFailed

POOL_SIZE = 256
"""Connections at once; more than the pipeline's sends in progress on a channel, so that none queues here."""

CONNECT_S = 5.0
ANSWER_BYTES = 262_144
"""An answer has a few hundred bytes; more is not from the platform."""

FRAME_BYTES = 4_194_304
CLOSE_S = 5.0


class Post:
    """Makes calls for one channel. Redirects are never followed: they would carry tokens away."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._session is not None

    def open(self) -> None:
        """Make the connection pool; nothing is connected yet. Needs a running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=POOL_SIZE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        method: Literal["GET", "POST", "PUT"],
        url: URL,
        body: Fields | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        changes: bool = True,
    ) -> Answer:
        """Make one call and return its answer, whatever its status.

        Args:
            method: Of HTTP.
            url: As it is to go out.
            body: Becomes JSON.
            headers: Beside the content type.
            changes: Whether a second call after an unknown outcome could be seen by somebody.

        Raises:
            SendFailed: There was no answer, or none that is the platform's.
        """
        session = self._running()
        told = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with session.request(method, url, data=data, headers=told, allow_redirects=False) as response:
                status, raw = response.status, await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise SendFailed("dingtalk", f"no connection ({type(error).__name__})", retry_after=LOST_S) from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            detail = f"the connection broke before the answer ({type(error).__name__})"
            raise SendFailed("dingtalk", detail, retry_after=LOST_S, unsure=changes) from None
        try:
            return Answer(status, fields(raw))
        except NotJson:
            if status != 200:
                return Answer(status, {})
            raise SendFailed("dingtalk", "the answer is not DingTalk's", retry_after=LOST_S, unsure=changes) from None

    async def connect(self, url: URL) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket whose pings and pongs are left to the caller.

        Raises:
            aiohttp.ClientError: It was refused or broke. The error may quote the address: never log it.
            OSError: There is no connection.
        """
        timeout = aiohttp.ClientWSTimeout(ws_close=CLOSE_S)
        return await self._running().ws_connect(url, autoping=False, max_msg_size=FRAME_BYTES, timeout=timeout)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool, for files.

        Raises:
            SendFailed: It is not open.
        """
        return self._running()

    def _running(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise SendFailed("dingtalk", "the channel is not started", retry_after=LOST_S)
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body, or its first part if it is larger than any answer of the platform."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES:
            break
    return bytes(raw[:ANSWER_BYTES])
