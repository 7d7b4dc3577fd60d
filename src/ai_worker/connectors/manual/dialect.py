"""Put the arguments of a manifest's operation where they belong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai_worker.connectors.http.dialect import Dialect
from ai_worker.connectors.http.serialise import Request, request_of
from ai_worker.connectors.http.values import json_text
from ai_worker.connectors.operation import Operation


class Manual(Dialect):
    """Plain HTTP, with bodies of several levels."""

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> Request:
        """Return the request for arguments that were checked."""
        told = operation.extra["manual"]
        given = {**told["defaults"], **arguments}
        given = {name: json_text(value) if name in told["text"] else value for name, value in given.items()}
        if operation.body is None:
            return request_of(operation, given)
        content = _copied(operation.body.fixed)
        # The shallower first: what a deeper argument says stays, whatever stands in the object around it.
        for name, way in sorted(told["body"].items(), key=lambda item: len(item[1])):
            if name in given:
                _put(content, way, given[name])
        return request_of(replace(operation, body=replace(operation.body, fixed=content)), given)


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _put(content: dict[str, Any], way: Sequence[str], value: Any) -> None:
    *levels, last = way
    for level in levels:
        content = content.setdefault(level, {})
    below = content.get(last)
    content[last] = {**below, **value} if isinstance(below, Mapping) and isinstance(value, Mapping) else value
