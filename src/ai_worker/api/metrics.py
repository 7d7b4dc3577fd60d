"""`GET /metrics`, in the text form that Prometheus reads."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.endpoint import Endpoint
from ai_worker.keys.network import Networks

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def endpoints(metrics: Callable[[], bytes], *, allow: Networks) -> list[Endpoint]:
    """Return the endpoints of this room.

    Args:
        metrics: Writes the current figures.
        allow: Addresses that need no key.
    """

    async def show(request: Request, caller: Caller) -> Response:
        return Response(metrics(), media_type=MEDIA_TYPE)

    return [
        Endpoint(
            method="GET",
            path="/metrics",
            scope="metrics",
            keyless=allow,
            handle=show,
            summary="Figures for Prometheus",
            details={"responses": {"200": {"description": "Figures", "content": {"text/plain": {}}}}},
        )
    ]
