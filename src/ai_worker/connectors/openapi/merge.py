"""Put two schemas that both hold (`allOf`) into one."""

from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.openapi.shape import listed, mapped, text


def combined(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return one schema that asks for what both ask for. Words and limits of `one` go first."""
    result = {**other, **one}
    if "properties" in one and "properties" in other:
        result["properties"] = _properties(mapped(one["properties"]), mapped(other["properties"]))
    if "required" in one and "required" in other:
        names = [name for name in (*listed(one["required"]), *listed(other["required"])) if isinstance(name, str)]
        result["required"] = list(dict.fromkeys(names))
    if "enum" in one and "enum" in other:
        allowed = {value for value in listed(other["enum"]) if _plain(value)}
        result["enum"] = [value for value in listed(one["enum"]) if _plain(value) and value in allowed] or one["enum"]
    if "readOnly" in result:
        result["readOnly"] = one.get("readOnly") is True or other.get("readOnly") is True
    return result


def _properties(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    both = {**other, **one}
    for name in one:
        if name in other and not _same(one[name], other[name]):
            both[name] = {"allOf": [one[name], other[name]]}
    return both


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _same(one: Any, other: Any) -> bool:
    """Return whether two schemas are surely one; comparing their insides could take for ever."""
    return one is other or (
        isinstance(one, Mapping) and "$ref" in one and text(one["$ref"]) == text(mapped(other).get("$ref")) != ""
    )
