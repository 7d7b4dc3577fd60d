"""What the reader sees when something went wrong: what happened, why, what to do, and the code."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.console.frame import Frame
from ai_worker.console.session import Sessions
from ai_worker.foundation.errors import AiWorkerError, BadInput, Busy, Conflict, Denied, NotFound, TooLarge
from ai_worker.foundation.wording import tell_error

log = structlog.get_logger(__name__)

STATUS: dict[type[AiWorkerError], int] = {
    TooLarge: 413,
    BadInput: 422,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Busy: 503,
}


class Mishaps:
    """Answers errors: to htmx a short notice at the top of the page, to everybody else a page."""

    def __init__(self, *, frame: Frame, sessions: Sessions) -> None:
        self._frame = frame
        self._sessions = sessions

    async def foreseen(self, request: Request, error: Exception) -> Response:
        """Answer an error that has a code."""
        assert isinstance(error, AiWorkerError)
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        response = await self._answer(request, error.code, status, error)
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(round(error.retry_after))
        return response

    async def http(self, request: Request, error: Exception) -> Response:
        """Answer a path, method or body that the routes do not know."""
        assert isinstance(error, HTTPException)
        return await self._answer(request, f"http.{error.status_code}", error.status_code)

    async def defect(self, request: Request, error: Exception) -> Response:
        """Answer what nobody foresaw. The server logs the traceback; the reader gets none of it."""
        log.error("console.defect", path=request.url.path, error=type(error).__name__)
        return await self._answer(request, "internal", 500)

    async def _answer(self, request: Request, code: str, status: int, error: AiWorkerError | None = None) -> Response:
        t = self._frame.words(request)
        if error is not None and not t.has(f"error.{code}.what"):
            told = tell_error(error, t.language)
            context = {"what": told.words, "why": told.detail, "how": told.hint, "code": code}
        else:
            known = code if t.has(f"error.{code}.what") else "internal"
            context = {part: t(f"error.{known}.{part}") for part in ("what", "why", "how")} | {"code": code}
        if "hx-request" in request.headers:
            response = self._frame.render(request, "parts/mishap.html", status=status, **context)
            response.headers["HX-Retarget"] = "#flash"
            response.headers["HX-Reswap"] = "innerHTML"
            return response
        session = self._sessions.read(request)
        if session is None:
            return self._frame.render(request, "mishap_bare.html", status=status, **context)
        return await self._frame.page(request, session, "mishap.html", nav="", status=status, **context)
