"""Bodies of which the contract names no type of content: the usual one is said, and left unsaid where it is refused."""

from dataclasses import replace

from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.operation import Operation

UNSUPPORTED_TYPE = 415
"""The body's type of content is not taken, and nothing else of the request was looked at (RFC 9110 §15.5.16)."""


class GuessedType:
    """What one system takes, as far as its answers have shown."""

    def __init__(self) -> None:
        self._said = True

    def first(self, operation: Operation, request: Request) -> Request:
        """Return the request as this system takes it, by what is known of it."""
        return request if self._said or not _guessed(operation) else replace(request, untyped=True)

    def other(self, operation: Operation, request: Request, status: int) -> Request | None:
        """Return the request the other way round, if its type was guessed and refused; learn from what was taken.

        Since the system has looked at the type alone, also a call that acts may be made once more.
        """
        if not _guessed(operation):
            return None
        if 200 <= status < 300:
            self._said = not request.untyped
        return replace(request, untyped=not request.untyped) if status == UNSUPPORTED_TYPE else None


def _guessed(operation: Operation) -> bool:
    return operation.body is not None and operation.body.media.assumed
