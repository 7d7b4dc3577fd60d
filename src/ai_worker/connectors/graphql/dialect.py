"""Speak GraphQL over HTTP: one document and its variables out, and what an answer of 200 really says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.dialect import Dialect
from ai_worker.connectors.http.serialise import Request, request_of
from ai_worker.connectors.http.verdicts import acts
from ai_worker.connectors.operation import Body, Media, Operation
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

BUSY = frozenset(("THROTTLED", "RATE_LIMITED", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR"))
STRANGER = frozenset(("UNAUTHENTICATED", "UNAUTHORIZED", "ACCESS_DENIED", "FORBIDDEN"))
"""Codes in `extensions` that servers have agreed on; the specification names none."""

WHOLE = frozenset(("data", "errors", "extensions"))
MAX_WORDS = 300


class GraphQL(Dialect):
    """GraphQL over HTTP, by POST."""

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> Request:
        """Return the request for arguments that were checked."""
        spoken = operation.extra["graphql"]
        defaults = {} if "last" in arguments else spoken["defaults"]
        body = {"query": spoken["document"], "variables": {**defaults, **arguments}, "operationName": spoken["field"]}
        return request_of(replace(operation, body=Body(True, Media("application/json"), fixed=body)), {})

    def read(self, operation: Operation, data: Any) -> tuple[Any, Sequence[str]]:
        """Return the field that was asked for; of an answer without it, all that came."""
        if not _is_whole(data):
            return data, ()
        errors = _errors(data)
        inner = data.get("data")
        value = inner.get(operation.extra["graphql"]["field"]) if isinstance(inner, Mapping) else None
        if value is None and errors:
            return data, ()
        return value, [f"only a part; the system says: {_words(error)}" for error in errors[:3]]

    def judge(self, operation: Operation, answer: Answer) -> None:
        """Raise if an answer of success is none: it holds errors and no value, or a mutation's own complaints.

        Raises:
            ToolRefused: The system says no.
            ToolUnsure: A mutation was begun, and its outcome cannot be seen.
            ToolFailed: The system is too busy, or does not take our credentials; nothing was changed.
        """
        name, data = operation.name, answer.data
        if _is_whole(data) and (errors := _errors(data)):
            codes = {str(_mapping(error.get("extensions")).get("code")) for error in errors}
            words = f"{name}: the system refused: “{_words(errors[0])}”"
            if acts(operation) and any(len(_list(error.get("path"))) > 1 for error in errors):
                # The mutation's own field has run; something below it failed and took the answer with it.
                raise ToolUnsure(words)
            raise ToolFailed(words) if codes & (BUSY | STRANGER) else ToolRefused(words)
        if acts(operation) and isinstance(data, Mapping):
            for key, value in data.items():
                if (key == "errors" or key.lower().endswith("usererrors")) and _list(value):
                    raise ToolRefused(f"{name}: the system refused: “{_words(value[0])}”")
            if data.get("success") is False or data.get("ok") is False:
                raise ToolRefused(f"{name}: the system refused")


def _is_whole(data: Any) -> bool:
    return isinstance(data, Mapping) and bool(data) and not data.keys() - WHOLE


def _errors(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [error if isinstance(error, Mapping) else {"message": error} for error in _list(data.get("errors"))]


def _words(error: Any) -> str:
    message = error.get("message", "") if isinstance(error, Mapping) else error
    return " ".join(str(message).split())[:MAX_WORDS]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
