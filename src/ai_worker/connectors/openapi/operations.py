"""Turn the reads of an OpenAPI 3 document into operations with a flat parameter schema."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ai_worker.connectors.openapi.document import BadDocument, follow

Place = Literal["path", "query"]

SCALARS = frozenset({"string", "integer", "number", "boolean"})
KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "format", "description", "default")
"""What of a parameter's schema is told to the model and checked before a call."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One read of the business system."""

    id: str
    path: str
    """With its placeholders: `/orders/{id}`."""

    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of an object; every property is a scalar."""

    places: Mapping[str, Place]
    """Where each parameter goes."""


def reads(document: Mapping[str, Any]) -> tuple[dict[str, Operation], dict[str, str]]:
    """Return the GET operations by id, and why each of the others cannot be used.

    Raises:
        BadDocument: The document's `paths` are not what they must be.
    """
    usable: dict[str, Operation] = {}
    unusable: dict[str, str] = {}
    for path, item in follow(document, document.get("paths", {})).items():
        for method, name, node in _operations(path, follow(document, item)):
            if method != "get":
                unusable[name] = f"it is a {method.upper()}; only reads are allowed today"
            elif name in usable:
                raise BadDocument(f"two operations are called {name!r}")
            else:
                try:
                    usable[name] = _operation(document, name, path, follow(document, item), node)
                except BadDocument as error:
                    unusable[name] = str(error)
    return usable, unusable


def _operations(path: str, item: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for method in ("get", "put", "post", "delete", "patch", "head", "options", "trace"):
        if isinstance(node := item.get(method), Mapping):
            fallback = f"{method}_{path}"
            name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(node.get("operationId") or fallback)).strip("_")
            yield method, name, node


def _operation(
    document: Mapping[str, Any], name: str, path: str, item: Mapping[str, Any], node: Mapping[str, Any]
) -> Operation:
    properties: dict[str, Mapping[str, Any]] = {}
    places: dict[str, Place] = {}
    required: list[str] = []
    for parameter in _parameters(document, item, node):
        key, place = str(parameter.get("name", "")), parameter.get("in")
        needed = place == "path" or parameter.get("required") is True
        schema = _scalar(document, parameter) if place in ("path", "query") else None
        if schema is None or key in properties:
            if needed:
                raise BadDocument(f"its parameter {key!r} (in {place}) is of a form that is not supported yet")
            continue
        properties[key] = schema
        places[key] = "path" if place == "path" else "query"
        if needed:
            required.append(key)
    if set(re.findall(r"{([^{}]*)}", path)) != {key for key, place in places.items() if place == "path"}:
        raise BadDocument(f"the placeholders of {path} and its path parameters differ")
    words = str(node.get("description") or node.get("summary") or name)
    shape = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Operation(name, path, words, shape, places)


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], node: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    merged: dict[tuple[object, object], Mapping[str, Any]] = {}
    for listed in (item.get("parameters", []), node.get("parameters", [])):
        if not isinstance(listed, list):
            raise BadDocument("its parameters are not a list")
        for entry in listed:
            parameter = follow(document, entry)
            merged[parameter.get("name"), parameter.get("in")] = parameter
    return list(merged.values())


def _scalar(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameter's schema; `None` when its value is not a plain scalar."""
    schema = follow(document, parameter.get("schema", {}))
    kinds = schema.get("type", "string")
    kinds = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    if not kinds or any(kind not in SCALARS for kind in map(str, kinds)) or "content" in parameter:
        return None
    kept = {key: schema[key] for key in KEPT if key in schema}
    kept["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "description" not in kept and parameter.get("description"):
        kept["description"] = parameter["description"]
    if isinstance(pattern := kept.get("pattern"), str):
        try:
            re.compile(pattern)
        except re.error as error:
            raise BadDocument(f"the pattern of its parameter {parameter.get('name')!r}: {error}") from None
    return kept
