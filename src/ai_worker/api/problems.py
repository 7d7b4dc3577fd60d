"""Errors as the outside sees them: RFC 9457 problem documents with a stable `code`."""

from typing import Any

import msgspec
from starlette.responses import Response

from ai_worker.foundation.errors import (
    AiWorkerError,
    BadInput,
    Busy,
    Conflict,
    Denied,
    Misconfigured,
    NotFound,
    TooLarge,
)
from ai_worker.keys.refusals import TooManyFailures, Unauthenticated

MEDIA_TYPE = "application/problem+json"


class Malformed(BadInput):
    """The request is not what its headers say it is, or not JSON at all."""

    code = "request.malformed"
    hint = "See /openapi.json for what this address takes."


class Invalid(BadInput):
    """The request is JSON, but a field is missing, of the wrong type or out of range."""

    code = "request.invalid"
    hint = "See /openapi.json for what this address takes."


class BodyTooLarge(TooLarge):
    """The body is larger than this address takes."""

    code = "request.too_large"


class WrongMedia(BadInput):
    """The body comes in a form or compression that this address does not take."""

    code = "request.wrong_media"


class NoSuchRoute(NotFound):
    """There is nothing at this address."""

    code = "request.no_such_route"
    hint = "See /openapi.json for what there is."


class WrongMethod(BadInput):
    """This address takes other methods."""

    code = "request.wrong_method"


class KeyReused(BadInput):
    """This Idempotency-Key was used before with another body."""

    code = "request.idempotency_key_reused"
    hint = "Use a new Idempotency-Key for a new request."


class Unanswered(Busy):
    """A turn was accepted and is kept, but its answer cannot be given now."""

    code = "turn.unanswered"
    hint = "GET /api/v1/turns/{turn_id} tells how it stands; asking again asks again."

    def __init__(self, message: str, *, turn_id: str, retry_after: float = 5.0) -> None:
        super().__init__(message, retry_after=retry_after)
        self.turn_id = turn_id


STATUS: tuple[tuple[type[AiWorkerError], int], ...] = (
    (TooLarge, 413),
    (WrongMedia, 415),
    (WrongMethod, 405),
    (Malformed, 400),
    (BadInput, 422),
    (Unauthenticated, 401),
    (Denied, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooManyFailures, 429),
    (Busy, 503),
    (Misconfigured, 503),
    (AiWorkerError, 503),
)
"""The first class that an error belongs to gives its status. No foreseen error is another 5xx than 503."""

TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    431: "Headers too large",
    503: "Not now",
}

RETRY_AFTER_S = 5

OVER_A_LIMIT = frozenset({408, 413, 431, 503})
"""Statuses that say when to come again; 429 knows it exactly."""


class Defect(Busy):
    """Something went wrong that nobody foresaw; the log has it."""

    code = "internal"
    hint = "The log of ai-worker has the details. Tell us: this should not happen."

    def __init__(self) -> None:
        super().__init__("Something went wrong inside ai-worker", retry_after=RETRY_AFTER_S)


def status_of(error: AiWorkerError) -> int:
    """Return the HTTP status that tells of `error`."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def document(status: int, code: str, detail: str, *, hint: str | None = None) -> dict[str, Any]:
    """Return a problem document. `detail` never holds what the sender wrote."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if hint:
        problem["hint"] = hint
    return problem


def problem(error: AiWorkerError, *, path: str = "") -> Response:
    """Return the response that tells of `error`.

    Args:
        error: What happened.
        path: The request's path. Under `/v1/` the document also has the `error` member that clients
            of the OpenAI API read.
    """
    status = status_of(error)
    body = document(status, error.code, str(error), hint=error.hint)
    if isinstance(error, Unanswered):
        body["turn_id"] = error.turn_id
    if path.startswith("/v1/"):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        body["error"] = {"message": str(error), "type": kind, "param": None, "code": error.code}
    headers = {"cache-control": "no-store"}
    if isinstance(error, Busy):
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    elif status in OVER_A_LIMIT:
        headers["retry-after"] = str(RETRY_AFTER_S)
    elif status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(msgspec.json.encode(body), status, headers, MEDIA_TYPE)
