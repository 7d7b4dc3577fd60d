"""One HTTP call to WeCom: bounded in time and size, never redirected, its address never quoted."""

from types import MappingProxyType

import aiohttp
from yarl import URL

from ai_worker.pipeline.sending import SendFailed

POOL_SIZE = 256
"""Connections at once; more than the pipeline's sends in progress on a channel, so that none queues here."""

CONNECT_S = 5.0
ANSWER_BYTES = 8_388_608
"""A page of a thousand customers' messages is the largest answer; more is not from the platform."""

LOST_S = 5.0
"""Wait this long after a call whose outcome is unknown, or that never reached the platform."""

_JSON = MappingProxyType({"Content-Type": "application/json"})


class Http:
    """A pool of connections. Redirects are never followed: they would carry tokens and keys away."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the pool; nothing is connected yet. Needs a running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=POOL_SIZE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool, for files.

        Raises:
            SendFailed: It is not open.
        """
        if self._session is None:
            raise SendFailed("wecom", "the channel is not started", retry_after=LOST_S)
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, url: URL, body: bytes | None = None) -> bytes:
        """Make one call and return the answer's body; errors never quote `url`, which carries secrets.

        Raises:
            SendFailed: There was no answer, or not one with status 200.
        """
        session, sends = self.session, body is not None
        try:
            async with session.request(method, url, data=body, headers=_JSON, allow_redirects=False) as response:
                status, raw = response.status, await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            detail = f"no connection ({type(error).__name__})"
            raise SendFailed("wecom", detail, retry_after=LOST_S) from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            detail = f"the connection broke before the answer ({type(error).__name__})"
            raise SendFailed("wecom", detail, retry_after=LOST_S, unsure=sends) from None
        if status != 200:
            raise SendFailed("wecom", f"HTTP status {status}", retry_after=LOST_S, unsure=sends and status >= 500)
        return raw


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body, or its first part if it is larger than any answer of the platform."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES:
            break
    return bytes(raw[:ANSWER_BYTES])
