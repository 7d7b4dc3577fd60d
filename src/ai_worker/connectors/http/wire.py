"""One request and its answer over the gated pool: bounded, timed, and never led elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ai_worker.connectors.gate import AddressRefused, Gate, LedInside, gated_pool
from ai_worker.skills.tool import ToolFailed

MAX_REDIRECTS = 3

MAX_TOKEN_BYTES = 256 * 1024
"""Of a token server's answer."""


class Unanswered(Exception):
    """One attempt ended without an answer."""

    def __init__(self, problem: str, *, sent: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.sent = sent
        """Whether the request may have reached the system."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    """In lower case."""

    content: bytes
    whole: bool
    """Whether the content is all of it."""

    cookies: Mapping[str, str]
    """That it sets."""


class Wire:
    """The connection pool of one connection."""

    def __init__(
        self, gate: Gate, *, timeout_s: float, max_connections: int, max_bytes: int, resolver: AbstractResolver | None
    ) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._max_connections = max_connections
        self._max_bytes = max_bytes
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool; calls nobody."""
        self._session = aiohttp.ClientSession(
            connector=gated_pool(self._gate, limit=self._max_connections, resolver=self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(5.0, self._timeout_s)),
            headers={"User-Agent": "ai-worker"},
            skip_auto_headers=("Content-Type",),  # only what the contract names, or the caller, is said to be sent
        )

    async def close(self) -> None:
        """Close the pool; requests in flight fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        follow: bool = False,
        at_most: int | None = None,
    ) -> Reply:
        """Send one request.

        Args:
            method: In capitals.
            target: The whole address, percent-encoded.
            headers: With the proof of who calls.
            content: The body; `None`: there is none.
            follow: Whether redirects are followed, as long as scheme, host and port stay the same.
            at_most: Bytes of the answer that are read; left out: as many as of every other.

        Raises:
            AddressRefused: The gate is shut for the address, or its name led inside; nothing was sent.
            Unanswered: No answer came, or not all of it.
            ToolFailed: The pool is not open.
        """
        url, most = URL(target, encoded=True), at_most or self._max_bytes
        reply = await self._round(method, url, headers, content, most)
        for _ in range(MAX_REDIRECTS if follow else 0):
            elsewhere = _same_place(url, reply)
            if elsewhere is None:
                break
            url = elsewhere
            reply = await self._round(method, url, headers, content, most)
        return reply

    async def ask(self, method: str, address: str, headers: Mapping[str, str], content: bytes | None) -> Reply:
        """Ask whoever gives tokens.

        Raises:
            ToolFailed: Nobody answers there, or the gate is shut for it.
        """
        try:
            return await self._round(method, URL(address, encoded=True), headers, content, MAX_TOKEN_BYTES)
        except Unanswered as error:
            raise ToolFailed(f"no token could be got: {error.problem}") from None

    async def _round(
        self, method: str, url: URL, headers: Mapping[str, str], content: bytes | None, most: int
    ) -> Reply:
        if self._session is None:
            raise ToolFailed("the connection to the business system is not open")
        self._gate.check(url)
        try:
            async with self._session.request(
                method, url, headers=headers, data=content, allow_redirects=False
            ) as response:
                body, whole = await _bounded(response.content, most)
                answered = {key.lower(): value for key, value in response.headers.items()}
                cookies = {name: morsel.value for name, morsel in response.cookies.items()}
                return Reply(response.status, answered, body, whole, cookies)
        except LedInside as error:
            raise AddressRefused(str(error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Unanswered(f"the system cannot be reached ({type(error).__name__})", sent=False) from None
        except ValueError:
            # A header with a line end in it: a credential that was pasted with more than itself.
            raise ToolFailed("a header or a credential holds characters that none may carry") from None
        except TimeoutError:
            raise Unanswered(f"no answer within {self._timeout_s:g} s", sent=True) from None
        except aiohttp.ClientError as error:
            # The error's own words may hold the request's headers; its kind says enough.
            raise Unanswered(f"the answer broke off ({type(error).__name__})", sent=True) from None


def _same_place(url: URL, reply: Reply) -> URL | None:
    """Return where a redirect leads if scheme, host and port stay the same; `None`: it is none, or they do not."""
    location = reply.headers.get("location", "")
    if reply.status not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        elsewhere = url.join(URL(location))
        return elsewhere if elsewhere.origin() == url.origin() else None
    except ValueError:
        return None


async def _bounded(content: aiohttp.StreamReader, most: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for piece in content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > most:
            return bytes(body[:most]), False
    return bytes(body), True
