"""The guard at each page: who is signed in, and whether a change was meant."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ai_worker.console.session import Session, Sessions

log = structlog.get_logger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
Page = Callable[[Request, Session], Awaitable[Response]]
"""A page for people who are signed in."""

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
ACTIVE_HEADER = "x-active"
"""Sent with a page's own refreshes while somebody has touched mouse or keyboard in the last minute."""


class Guard:
    """Turns a page for signed-in people into one that shows everybody else how to sign in."""

    def __init__(self, sessions: Sessions, *, sign_in: Callable[[Request], Response]) -> None:
        self._sessions = sessions
        self._sign_in = sign_in

    def __call__(self, page: Page) -> Endpoint:
        """Return `page` behind session, Origin and CSRF checks."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            finally:
                await request.close()  # what was uploaded lies in temporary files until then

        async def answer(request: Request) -> Response:
            session = self._sessions.read(request)
            if session is None:
                return self._not_signed_in(request)
            if request.method == "POST" and not await self._is_meant(request, session):
                log.warning("console.change_refused", path=request.url.path)
                return PlainTextResponse("Forbidden\n", 403)
            response = await page(request, session)
            if "set-cookie" not in response.headers and is_active(request):
                self._sessions.renew(session, response)
            return response

        return endpoint

    def _not_signed_in(self, request: Request) -> Response:
        response = self._sign_in(request)
        if "hx-request" in request.headers:
            response.headers["HX-Refresh"] = "true"
        return response

    async def _is_meant(self, request: Request, session: Session) -> bool:
        token = request.headers.get(CSRF_HEADER) or str((await request.form()).get(CSRF_FIELD, ""))
        return is_own_origin(request) and self._sessions.csrf_matches(session, token)


def is_own_origin(request: Request) -> bool:
    """Return whether the request came from our own page, or from a program that sends no Origin.

    The scheme is not compared: behind a proxy that ends TLS it is not ours.
    """
    origin = request.headers.get("origin")
    return origin is None or (
        urlsplit(origin).netloc != "" and urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    )


def is_active(request: Request) -> bool:
    """Return whether a person did this, rather than a page that refreshes itself."""
    own_refresh = request.url.path.startswith("/parts/") or request.url.path == "/events"
    return not own_refresh or ACTIVE_HEADER in request.headers
