"""One value as text: what parameters and forms have in common."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ai_worker.connectors.operation import Style

BetweenItems = Callable[[Any], str]

SEPARATORS: Mapping[Style, str] = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
"""Of what is not exploded; every other style: a comma."""


def text(value: Any) -> str:
    """Return a scalar as it stands in a request; a list or an object as JSON, for no style nests them."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            # JSON Schema calls 5.0 an integer; what reads a query does not.
            return str(int(value))
        case list() | dict():
            return json_text(value)
        case None:
            return ""
    return str(value)


def json_text(value: Any) -> str:
    """Return a value as compact JSON."""
    return msgspec.json.encode(value).decode()


def content_text(media_type: str, value: Any) -> str:
    """Return a parameter's value as a type of content."""
    return json_text(value) if "json" in media_type else text(value)


def pairs(name: str, value: Any, style: Style, explode: bool, *, safe: str = "") -> list[str]:
    """Return a value as `name=value` items of a query, a cookie or a form, percent-encoded."""

    def encode(item: Any) -> str:
        return quote(text(item), safe=safe)

    key = quote(name, safe="$")
    between = SEPARATORS.get(style, ",")
    if isinstance(value, list):
        items = [encode(item) for item in value if item is not None]
        if explode or style == "deepObject":
            return [f"{key}={item}" for item in items]
        return [f"{key}={between.join(items)}"] if items else []
    if isinstance(value, Mapping):
        if style == "deepObject":
            return _deep(name, value)
        fields = {quote(inner, safe="$"): encode(item) for inner, item in value.items() if item is not None}
        if explode:
            return [f"{inner}={item}" for inner, item in fields.items()]
        return [f"{key}={between.join(part for field in fields.items() for part in field)}"] if fields else []
    return [f"{key}={encode(value)}"]


def _deep(name: str, value: Mapping[str, Any]) -> list[str]:
    items: list[str] = []
    for key, item in value.items():
        inner = f"{name}[{key}]"
        if isinstance(item, Mapping):
            items += _deep(inner, item)
        elif isinstance(item, list):
            items += [f"{quote(inner, safe='$')}={quote(text(one), safe='')}" for one in item if one is not None]
        elif item is not None:
            items.append(f"{quote(inner, safe='$')}={quote(text(item), safe='')}")
    return items
