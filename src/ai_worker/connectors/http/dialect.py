"""How a kind of contract is spoken over HTTP, where that is more than arguments in their places."""

from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.serialise import Request, request_of
from ai_worker.connectors.operation import Operation


class Dialect:
    """Plain HTTP: every argument has its place, and what comes back is what is meant. Kinds say otherwise."""

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> Request:
        """Return the request for arguments that were checked.

        Raises:
            ArgumentsRefused: A value cannot stand where it has to.
        """
        return request_of(operation, arguments)

    def read(self, operation: Operation, data: Any) -> tuple[Any, Sequence[str]]:
        """Return what an answer of success says without its wrapping, and what its reader must know of it."""
        return data, ()

    def judge(self, operation: Operation, answer: Answer) -> None:
        """Raise if an answer of success says that it is none.

        Raises:
            ToolRefused: The system says no.
            ToolUnsure: Of an operation that acts: it does not say whether it has.
            ToolFailed: The system failed, or does not take our credentials; nothing was changed.
        """


PLAIN = Dialect()
