"""`/healthz` and `/readyz`, for whoever restarts or routes to this process."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer
from ai_worker.api.endpoint import Endpoint
from ai_worker.ops.health import Check, Readiness


class Alive(msgspec.Struct):
    """The process answers."""

    status: str


class CheckShape(msgspec.Struct, omit_defaults=True):
    """One thing that was looked at. What follows `required` is told of channels, where it is known."""

    name: str
    ok: bool
    detail: str
    required: bool
    state: str = ""
    connected_s: float | None = None
    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_error: str = ""

    @classmethod
    def of(cls, check: Check) -> "CheckShape":
        """Return a check as it is told."""
        stood = None if check.connected_s is None else round(check.connected_s, 1)
        return cls(
            check.name,
            check.ok,
            check.detail,
            check.required,
            check.state,
            stood,
            check.last_inbound_at,
            check.last_outbound_at,
            check.last_error,
        )


class Ready(msgspec.Struct):
    """Whether messages are accepted now: 200 or 503. Channels and model are told, but are not required."""

    status: str
    checks: list[CheckShape]


def endpoints(readiness: Callable[[], Awaitable[Readiness]]) -> list[Endpoint]:
    """Return the endpoints of this room."""

    async def healthz(request: Request, caller: Caller) -> Response:
        return _fresh(answer(Alive("alive")))

    async def readyz(request: Request, caller: Caller) -> Response:
        found = await readiness()
        checks = [CheckShape.of(check) for check in found.checks]
        return _fresh(answer(Ready("ready" if found.ready else "unready", checks), 200 if found.ready else 503))

    return [
        Endpoint(
            method="GET",
            path="/healthz",
            scope="public",
            handle=healthz,
            summary="Whether the process is alive",
            answer=Alive,
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            scope="public",
            handle=readyz,
            summary="Whether messages can be accepted",
            answer=Ready,
        ),
    ]


def _fresh(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    if response.status_code == 503:
        response.headers["retry-after"] = "5"
    return response
