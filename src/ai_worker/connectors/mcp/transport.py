"""The network of the SDK's HTTP client: our gated pool, so that MCP goes where its connection may and nowhere else."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import httpx2
from aiohttp.abc import AbstractResolver
from yarl import URL

from ai_worker.connectors.gate import AddressRefused, Gate, LedInside, gated_pool
from ai_worker.connectors.http.authenticate import Proof
from ai_worker.connectors.profile import Profile
from ai_worker.skills.tool import ToolFailed

CONNECT_S = 5.0

_HOP = frozenset({"content-length", "transfer-encoding", "connection", "host"})
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Of an answer: aiohttp has undone them."""


class GatedTransport(httpx2.AsyncBaseTransport):
    """Carries the SDK's requests over a pool whose every socket has passed the gate.

    A redirect is handed back as it is: the SDK follows it within the server's origin, through the gate once more.
    """

    def __init__(
        self,
        gate: Gate,
        profile: Profile,
        *,
        prove: Callable[[], Awaitable[Proof]],
        resolver: AbstractResolver | None,
    ) -> None:
        """Open the pool; calls nobody.

        Args:
            gate: Of the connection.
            profile: Its limits.
            prove: Returns what proves who calls, for one attempt.
            resolver: Answers for host names; `None`: the machine's own.
        """
        self._gate, self._prove, self._max_bytes = gate, prove, profile.max_bytes
        self.refused: ToolFailed | None = None
        """Why a request was not sent, or its answer not read: the SDK wraps such errors in its own."""

        self._session = aiohttp.ClientSession(
            # One more than there are calls: the server's own stream of news holds a socket for as long as it likes.
            connector=gated_pool(gate, limit=profile.max_connections + 1, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_S, profile.timeout_s)),
            headers={"User-Agent": "ai-worker"},
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            ToolFailed: The gate is shut for its address, or no credentials are given; nothing was sent.
            TransportError: No answer came.
        """
        content = await request.aread()
        try:
            self._gate.check(URL(str(request.url), encoded=True))
            proof = await self._prove()
            response = await self._send(request, content, proof)
            if response.status == 401 and proof.discard():
                response.close()
                response = await self._send(request, content, await self._prove())
        except LedInside as inside:
            self.refused = AddressRefused(str(inside))
            raise self.refused from None
        except ToolFailed as failed:
            self.refused = failed
            raise
        except TimeoutError:
            raise httpx2.ConnectTimeout("no answer in time", request=request) from None
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(type(error).__name__, request=request) from None
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(type(error).__name__, request=request) from None
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _DECODED]
        most = None if request.method == "GET" else self._max_bytes
        return httpx2.Response(response.status, headers=headers, stream=_Content(self, response, most), request=request)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._session.close()

    async def _send(self, request: httpx2.Request, content: bytes, proof: Proof) -> aiohttp.ClientResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        return await self._session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers={**headers, **proof.headers},
            data=content or None,
            allow_redirects=False,
        )


class _Content(httpx2.AsyncByteStream):
    """An answer's content, as it comes, up to as much as is read at all.

    The server's stream of news (GET) has no end: of it the SDK bounds each event.
    """

    def __init__(self, transport: GatedTransport, response: aiohttp.ClientResponse, most: int | None) -> None:
        self._transport, self._response, self._most = transport, response, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in self._response.content.iter_any():
                size += len(piece)
                if self._most is not None and size > self._most:
                    self._transport.refused = ToolFailed(f"the answer is larger than {self._most} bytes")
                    raise httpx2.ReadError("too large")
                yield piece
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(type(error).__name__) from None

    async def aclose(self) -> None:
        self._response.close()
