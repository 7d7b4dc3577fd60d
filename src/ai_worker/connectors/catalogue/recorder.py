"""A loopback proxy before the judge: what it did not see was never sent, and what it saw is what was sent."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

from ai_worker.connectors.catalogue.prism import complaint

ENDED = "judge ended"
"""The judge broke down over a request, instead of saying anything to it."""

MAX_BODY = 64 * 1024 * 1024
_HOP = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what the judge said to it."""

    text: str
    """Its target and its headers: where a credential may stand."""

    complaint: str
    """What is wrong with it; empty: nothing."""


class Recorder:
    """Hands every request on as it is, and keeps it until it is taken."""

    def __init__(self, judge: str) -> None:
        self._judge = judge
        self._seen: list[Exchange] = []
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.base = ""

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{tail:.*}", self._hand_on)
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=20), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def move(self, judge: str) -> None:
        """Hand on to another address from now on."""
        self._judge = judge

    def taken(self) -> list[Exchange]:
        """Return what was sent since the last time, and forget it."""
        seen, self._seen = self._seen, []
        return seen

    async def _hand_on(self, request: web.Request) -> web.Response:
        assert self._session is not None
        content = await request.read()
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP}
        text = "\n".join([request.raw_path, *(f"{key}: {value}" for key, value in headers.items())])
        try:
            async with self._session.request(
                request.method,
                URL(self._judge + request.raw_path, encoded=True),
                headers=headers,
                data=content or None,
                allow_redirects=False,
                skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
            ) as response:
                body = await response.read()
                self._seen.append(Exchange(text, complaint(body, response.headers)))
                kind = {"Content-Type": response.headers.get("Content-Type", "application/json")}
                return web.Response(status=response.status, body=body, headers=kind)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._seen.append(Exchange(text, f"{ENDED}: {type(error).__name__}"))
            return web.Response(status=502)
