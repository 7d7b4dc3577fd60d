"""Speak OData: keys and filters into the address, values into bodies, and answers out of their wrapping."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ai_worker.connectors.contract import Answer, ArgumentsRefused
from ai_worker.connectors.http.dialect import Dialect
from ai_worker.connectors.http.serialise import Request, request_of
from ai_worker.connectors.http.values import json_text
from ai_worker.connectors.odata.types import Unfit, encoded, from_ticks, in_body, literal
from ai_worker.connectors.operation import Body, Media, Operation, Parameter
from ai_worker.skills.tool import ToolRefused

MAX_DEPTH = 30
LINKS = ("@odata.nextLink", "@nextLink", "__next", "odata.nextLink")
NEXT = ("$skiptoken", "$skip")
"""What of a next page's address is taken over: nothing else in it is ours to send."""

OWN_HEADERS: Mapping[bool, Mapping[str, str]] = {
    True: {"DataServiceVersion": "2.0", "MaxDataServiceVersion": "3.0"},
    False: {"OData-Version": "4.0", "OData-MaxVersion": "4.01"},
}


class OData(Dialect):
    """OData of all versions; each operation knows its own."""

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> Request:
        """Return the request for arguments that were checked.

        Raises:
            ArgumentsRefused: A value is none of its type.
        """
        writing = _Writing(operation, arguments)
        for name, value in arguments.items():
            try:
                writing.add(name, value)
            except Unfit as error:
                raise ArgumentsRefused(f"{operation.name}: {name}: {error}") from None
        return writing.request()

    def read(self, operation: Operation, data: Any) -> tuple[Any, Sequence[str]]:
        """Return the entities, or the one, without what only programs need."""
        if not isinstance(data, Mapping) or "error" in data:
            return data, ()
        inner: Any = data["d"] if isinstance(data.get("d"), Mapping | list) else data
        if operation.extra["odata"]["act"] != "list":
            if isinstance(inner, Mapping) and isinstance(inner.get("results"), list):
                inner = inner["results"]  # of a function that returns many
            return _plain(inner), ()
        return _listed(inner), ()

    def judge(self, operation: Operation, answer: Answer) -> None:
        """Raise if the answer of success holds an error: gateways answer 200 for what their system refused.

        Raises:
            ToolRefused: It does.
        """
        error = answer.data.get("error") if isinstance(answer.data, Mapping) else None
        if isinstance(error, Mapping) and ("message" in error or "code" in error):
            message = error.get("message")
            words = message.get("value") if isinstance(message, Mapping) else message
            raise ToolRefused(f"{operation.name}: the system refused: “{str(words or error.get('code'))[:300]}”")


class _Writing:
    """One request on its way."""

    def __init__(self, operation: Operation, arguments: Mapping[str, Any]) -> None:
        spoken = operation.extra["odata"]
        self._operation = operation
        self._old = spoken["version"] != "4.0"
        self._uses: Mapping[str, Sequence[str]] = spoken["uses"]
        self._alone = sum(use[0] == "key" for use in self._uses.values()) == 1
        self._key: list[str] = []
        self._filters: list[str] = []
        self._query: dict[str, str] = {}
        self._body: dict[str, Any] = {}
        self._inline: list[str] = []
        self._etag = ""

    def add(self, argument: str, value: Any) -> None:
        """Put one argument where it belongs."""
        use, *rest = self._uses[argument]
        match use, rest:
            case "key", [name, kind]:
                written = literal(kind, value, old=self._old)
                self._key.append(written if self._alone else f"{name}={written}")
            case (("eq" | "ge" | "le"), [name, kind]):
                self._filters.append(f"{name} {use} {literal(kind, value, old=self._old)}")
            case "filter", _:
                self._filters.append(f"({value})")
            case "page", _:
                self._query |= {key: text for key, text in parse_qsl(value) if key in NEXT}
            case "etag", _:
                self._etag = value
            case "body", [name, kind]:
                self._body[name] = in_body(kind, value, old=self._old)
            case "fn", [name, kind]:
                self._add_parameter(name, kind, value)
            case _:
                self._query[use] = ",".join(value) if isinstance(value, list) else str(value)

    def _add_parameter(self, name: str, kind: str, value: Any) -> None:
        if self._operation.method != "GET" and not self._old:
            self._body[name] = value
        elif isinstance(value, list | Mapping):
            self._inline.append(f"{name}=@{name}")
            self._query[f"@{name}"] = json_text(value)
        elif self._old:
            self._query[name] = literal(kind, value, old=True)
        else:
            self._inline.append(f"{name}={literal(kind, value, old=False)}")

    def request(self) -> Request:
        """Return it."""
        operation, act = self._operation, self._operation.extra["odata"]["act"]
        path = operation.path.replace("{key}", encoded(",".join(self._key)))
        if act == "call" and operation.method == "GET" and not self._old:
            path += f"({encoded(','.join(self._inline))})"
        if self._filters:
            one = self._filters[0]
            joined = " and ".join(self._filters)
            self._query["$filter"] = one[1:-1] if len(self._filters) == 1 and one.startswith("(") else joined
        parameters = [_fixed(name, text, "query") for name, text in self._query.items()]
        parameters += [_fixed(name, text, "header") for name, text in OWN_HEADERS[self._old].items()]
        if act in ("update", "delete"):
            # A star: whatever its state. Without the header 4.0 would make what is not there, and 2.0 refuse.
            parameters.append(_fixed("If-Match", self._etag or "*", "header"))
        body = None
        if act in ("create", "update") or (act == "call" and operation.method != "GET" and not self._old):
            body = Body(True, Media("application/json"), fixed=self._body)
            if not self._old:
                parameters.append(_fixed("Prefer", "return=representation", "header"))
        return request_of(replace(operation, path=path, parameters=tuple(parameters), body=body), {})


def _fixed(name: str, value: str, place: Any) -> Parameter:
    return Parameter(name, name, place, True, "form" if place == "query" else "simple", False, fixed=value)


def _listed(inner: Any) -> Any:
    """Return a list as `{"items": …, "next": …, "count": …}`; what is none as it is."""
    if isinstance(inner, list):
        return {"items": _plain(inner)}
    items = inner.get("results", inner.get("value"))
    if not isinstance(items, list):
        return _plain(inner)
    found: dict[str, Any] = {"items": _plain(items)}
    link = next((inner[key] for key in LINKS if key in inner), "")
    if link and (more := _next(str(link))):
        found["next"] = more
    for key in ("@odata.count", "__count", "odata.count"):
        if key in inner:
            found["count"] = int(inner[key]) if str(inner[key]).isdigit() else inner[key]
    return found


def _next(link: str) -> str:
    query = parse_qsl(urlsplit(link).query)
    return "&".join(f"{name}={value.replace('%', '%25').replace('&', '%26')}" for name, value in query if name in NEXT)


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value without metadata and deferred links; the ETag stays, moments of 2.0 become readable."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return from_ticks(value)
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("results"), list) and not value.keys() - {"results", "__count", "__next"}:
        return _plain(value["results"], depth + 1)
    metadata = value.get("__metadata")
    etag = value.get("@odata.etag") or (metadata.get("etag") if isinstance(metadata, Mapping) else None)
    kept = {
        key: _plain(item, depth + 1)
        for key, item in value.items()
        if "@odata." not in key and key != "__metadata" and not _deferred(item)
    }
    return {**kept, "etag": etag} if etag else kept


def _deferred(item: Any) -> bool:
    return isinstance(item, Mapping) and item.keys() == {"__deferred"}
