"""Endpoints: what there is at 18789, and who may use it. Nothing is open by forgetting."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ai_worker.api.auth import STRANGER, Caller, Guard
from ai_worker.keys.keyring import Scope
from ai_worker.keys.network import Networks

NOWHERE = Networks(())

Handler = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    scope: Scope | Literal["public"]
    """What a key must be good for; `public` has to be said in words."""

    handle: Handler
    summary: str
    also: tuple[Scope, ...] = ()
    """Other scopes that let a key in; what each of them is good for there is the handler's to say."""

    keyless: Networks = NOWHERE
    """Addresses that need no key for this, whatever its scope."""

    body: type[msgspec.Struct] | None = None
    """The shape of a JSON body; `None` for no body or another kind, told in `details`."""

    answer: type[msgspec.Struct] | None = None
    status: int = 200
    """The status of success."""

    details: dict[str, Any] = field(default_factory=dict)
    """More of its OpenAPI description, laid over what is derived."""

    def route(self, guard: Guard) -> Route:
        """Return the route that lets nobody in but those who may."""

        async def serve(request: Request) -> Response:
            if self.scope == "public" or (request.client and request.client.host in self.keyless):
                return await self.handle(request, STRANGER)
            return await self.handle(request, await guard.admit(request, self.scope, *self.also))

        return Route(self.path, serve, methods=[self.method])
