"""A business system on loopback that answers as it is told, and a connection to it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractResolver

from ai_worker.connectors.http.authenticate import Credential
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.oauth import Keeping
from ai_worker.connectors.operation import Body, Media, Operation, Parameter, Scheme
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = ("127.0.0.0/8", "::1/128")

READ = Operation(
    name="get_order",
    method="GET",
    path="/orders/{id}",
    title="订单",
    description="查订单",
    input_schema={
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1},
            "page": {"type": "integer"},
            "offset": {"type": "integer"},
            "cursor": {"type": "string"},
        },
        "required": ["id"],
        "additionalProperties": False,
    },
    risk="read",
    parameters=(
        Parameter("id", "id", "path", True, "simple", False),
        *(Parameter(name, name, "query", False, "form", True) for name in ("page", "offset", "cursor")),
    ),
)

WRITE = Operation(
    name="refund",
    method="POST",
    path="/refunds",
    title="退款",
    description="退款",
    input_schema={"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    risk="money",
    body=Body(True, Media("application/json"), {"order": "order"}),
)


class Business:
    """Answers each request with the next of what was planned; the last one stays."""

    def __init__(self) -> None:
        self.plan: list[Answer] = []
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.port = 0

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def says(self, *answers: Answer) -> None:
        """Plan the answers."""
        self.plan = list(answers)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return await (self.plan.pop(0) if len(self.plan) > 1 else self.plan[0])(request)


def json(data: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer in JSON; `_` in a header's name stands for `-`."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(data, status=status, headers={key.replace("_", "-"): headers[key] for key in headers})

    return answer


def raw(content: bytes, content_type: str, status: int = 200) -> Answer:
    """Return an answer of bytes."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=content, status=status, headers={"Content-Type": content_type})

    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    """Hang up in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


class Naps:
    """Counts waits and lets no time go by."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Wait, on paper."""
        self.seconds.append(seconds)


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[int]:
    """Serve every request with `answer`; yield the port."""
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(
    *,
    credentials: Mapping[str, Credential] | None = None,
    schemes: Mapping[str, Scheme] | None = None,
    resolver: AbstractResolver | None = None,
    clock: FixedClock | None = None,
    naps: Naps | None = None,
    remember: Callable[[Secret], Awaitable[None]] | None = None,
    host: str = "127.0.0.1",
    **profile: Any,
) -> AsyncIterator[tuple[Business, HttpCaller]]:
    """Start a business system and a connection to it."""
    business = Business()
    async with served(business.answer) as port:
        business.port = port
        settings = replace(Profile(f"http://{host}:{port}", networks=LOOPBACK), **profile)
        caller = HttpCaller(
            "erp",
            settings,
            schemes=schemes or {},
            credentials=credentials or {},
            clock=clock or FixedClock(),
            resolver=resolver,
            keeping=(lambda _: Keeping(remember)) if remember else None,
            sleep=naps or Naps(),
        )
        await caller.start()
        try:
            yield business, caller
        finally:
            await caller.close()
