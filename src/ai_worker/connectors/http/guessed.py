"""Bodies of which the contract names no type of content: the usual one is said, and left unsaid where it is refused.

OpenAPI 2.0 knows no default for `consumes`, so that JSON is a guess; RFC 9110 §8.3 lets a sender that does not know
the type leave it out.
"""

from dataclasses import replace

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.operation import Operation

UNSUPPORTED_TYPE = 415
"""The body's type of content is not taken, and nothing else of the request was looked at (RFC 9110 §15.5.16)."""

MALFORMED = frozenset({400, 422})
"""Nothing was done, for a reason that may be the type: systems without a 415 of their own say it so."""

MAX_TRIES = 3
"""Of leaving the type unsaid after a `MALFORMED`: a system that says it for other reasons is soon left in peace."""

_MAY_TRY = frozenset({"read", "write-reversible"})


class GuessedType:
    """What one system takes, as far as its answers have shown."""

    def __init__(self) -> None:
        self._said = True
        self._shown = False
        self._tries = MAX_TRIES

    def first(self, operation: Operation, request: Request) -> Request:
        """Return the request as this system takes it, by what is known of it."""
        return request if self._said or not _guessed(operation, request) else replace(request, untyped=True)

    def learn(self, operation: Operation, request: Request, status: int) -> None:
        """Remember how a body was taken."""
        if _guessed(operation, request) and 200 <= status < 300:
            self._said, self._shown = not request.untyped, True

    def other(self, operation: Operation, request: Request, status: int) -> Request | None:
        """Return the request the other way round, if its type was guessed and is perhaps refused.

        After a 415 the system has looked at the type alone, and also a call that acts may be made once more. After a
        400 or 422 only one that could be called back, and only while this system has taken no guessed body at all.
        """
        if not _guessed(operation, request):
            return None
        if status == UNSUPPORTED_TYPE or self._tries_anyway(operation, status):
            return replace(request, untyped=not request.untyped)
        return None

    def _tries_anyway(self, operation: Operation, status: int) -> bool:
        if status not in MALFORMED or self._shown or not self._tries or operation.risk not in _MAY_TRY:
            return False
        self._tries -= 1
        return True


def truer(first: Answer | None, second: Answer) -> Answer:
    """Return which of two refusals of the same body says why: the first, unless that was about its type alone."""
    about_the_body = first is not None and first.status in MALFORMED and 400 <= second.status < 500
    return first if first is not None and about_the_body else second


def _guessed(operation: Operation, request: Request) -> bool:
    return request.content is not None and operation.body is not None and operation.body.media.assumed
