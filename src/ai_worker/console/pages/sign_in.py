"""Signing in through a one-time link, and what a browser remembers: name, language, theme."""

from typing import Protocol
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console.frame import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Frame
from ai_worker.console.guard import Guard, is_own_origin
from ai_worker.console.session import Session, Sessions
from ai_worker.console.words import LANGUAGES

log = structlog.get_logger(__name__)

A_YEAR_S = 365 * 24 * 3600


class LoginLinks(Protocol):
    """One-time links into the console, as the command line hands them out."""

    async def take(self, token: str) -> bool:
        """Use a link up; return whether it was there, unused and in time."""
        ...


class SignInPage:
    """Serves `/start`, `/sign-out`, `/name` and `/preferences`."""

    def __init__(self, *, frame: Frame, sessions: Sessions, links: LoginLinks) -> None:
        self._frame = frame
        self._sessions = sessions
        self._links = links

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes; only what belongs to a session is behind `guard`."""
        return [
            Route("/start", self._start, methods=["GET"]),
            Route("/preferences", self._preferences, methods=["POST"]),
            Route("/name", guard(self._name), methods=["POST"]),
            Route("/sign-out", guard(self._sign_out), methods=["POST"]),
        ]

    def ask(self, request: Request) -> Response:
        """Return the page that says how to sign in."""
        return self._frame.render(request, "sign_in.html", status=401, refused=False)

    async def _start(self, request: Request) -> Response:
        if request.method == "HEAD":  # a preview must not use the link up
            return Response()
        if not await self._links.take(request.query_params.get("t", "")):
            log.warning("console.link_refused", address=request.client.host if request.client else "")
            return self._frame.render(request, "sign_in.html", status=401, refused=True)
        response = RedirectResponse("/", 303)
        self._sessions.write(self._sessions.begin(), response)
        log.info("console.signed_in", address=request.client.host if request.client else "")
        return response

    async def _name(self, request: Request, session: Session) -> Response:
        form = await request.form()
        response = RedirectResponse(own_path(str(form.get("back", ""))), 303)
        self._sessions.rename(session, str(form.get("name", "")), response)
        return response

    async def _sign_out(self, _request: Request, _session: Session) -> Response:
        response = RedirectResponse("/", 303)
        self._sessions.end(response)
        return response

    async def _preferences(self, request: Request) -> Response:
        """Remember language and theme; open to all, because the sign-in page has a language too."""
        if not is_own_origin(request):
            return PlainTextResponse("Forbidden\n", 403)
        form = await request.form()
        response = RedirectResponse(own_path(str(form.get("back", ""))), 303)
        if (language := form.get("language")) in LANGUAGES:
            self._remember(response, LANGUAGE_COOKIE, str(language))
        if (theme := form.get("theme")) in THEMES:
            self._remember(response, THEME_COOKIE, str(theme))
        elif theme == "auto":
            response.delete_cookie(THEME_COOKIE)
        return response

    @staticmethod
    def _remember(response: Response, cookie: str, value: str) -> None:
        response.set_cookie(cookie, value, max_age=A_YEAR_S, httponly=True, samesite="strict")


def own_path(text: str) -> str:
    """Return `text` if it is a path of this console, else the overview's: no redirect leads away.

    A used-up link and the parts of pages are no place to go back to either.
    """
    parts = urlsplit(text)
    own = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    printable = all(" " < character <= "~" and character != "\\" for character in text)
    return text if own and printable and parts.path != "/start" and not parts.path.startswith("/parts/") else "/"
