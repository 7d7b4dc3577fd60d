"""`/channels/{name}/callback`: where the platforms call. The channel itself verifies and answers."""

from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.problems import NoSuchRoute
from ai_worker.channels.contract import CallbackRequest, Channel

PATH = "/channels/{name}/callback"
DETAILS = {"responses": {"200": {"description": "The platform is answered in its own words"}}}


def endpoints(channels: Mapping[str, Channel]) -> list[Endpoint]:
    """Return the endpoints of this room."""

    async def take(request: Request, method: Literal["GET", "POST"]) -> Response:
        channel = channels.get(request.path_params["name"])
        if channel is None:
            raise NoSuchRoute("There is nothing at this address")
        answered = await channel.callback(
            CallbackRequest(method, _first(request.query_params.multi_items()), _headers(request), await request.body())
        )
        return Response(
            answered.body, answered.status, headers=dict(answered.headers), media_type=answered.content_type
        )

    async def get(request: Request, caller: Caller) -> Response:
        return await take(request, "GET")

    async def post(request: Request, caller: Caller) -> Response:
        return await take(request, "POST")

    return [
        Endpoint(
            method="GET",
            path=PATH,
            scope="public",
            handle=get,
            summary="A platform verifies the callback address",
            details=DETAILS,
        ),
        Endpoint(
            method="POST",
            path=PATH,
            scope="public",
            handle=post,
            summary="A platform delivers a message",
            details=DETAILS,
        ),
    ]


def _first(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
    """Return the first value of each name."""
    return dict(reversed(pairs))


def _headers(request: Request) -> Mapping[str, str]:
    return _first([(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw])
