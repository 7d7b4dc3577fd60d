"""Put two schemas that both hold (`allOf`) into one."""

from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.openapi.shape import listed, mapped


def combined(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return one schema that asks for what both ask for. Words and limits of `one` go first."""
    result = {**other, **one}
    if "properties" in one and "properties" in other:
        result["properties"] = _properties(mapped(one["properties"]), mapped(other["properties"]))
    if "required" in one and "required" in other:
        names = [name for name in (*listed(one["required"]), *listed(other["required"])) if isinstance(name, str)]
        result["required"] = list(dict.fromkeys(names))
    if "enum" in one and "enum" in other:
        allowed = listed(other["enum"])[:200]
        result["enum"] = [value for value in listed(one["enum"])[:200] if value in allowed] or listed(one["enum"])
    if "readOnly" in result:
        result["readOnly"] = one.get("readOnly") is True or other.get("readOnly") is True
    return result


def _properties(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    both = {**other, **one}
    for name in one:
        if name in other and not _same(one[name], other[name]):
            both[name] = {"allOf": [one[name], other[name]]}
    return both


def _same(one: Any, other: Any) -> bool:
    """Return whether two schemas are surely one; comparing their insides could take for ever."""
    return one is other or (isinstance(one, Mapping) and "$ref" in one and one["$ref"] == mapped(other).get("$ref"))
