"""What a schema says of one value: its types, limits, form, and the values that are allowed."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.openapi.shape import listed

TYPES: Mapping[str, str] = {
    **{kind: kind for kind in ("string", "integer", "number", "boolean", "array", "object", "null")},
    **dict.fromkeys(("file", "date", "datetime", "date-time", "text", "str", "uuid", "enum"), "string"),
    **dict.fromkeys(("int", "int32", "int64", "long"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "map": "object",
}
"""What contracts write, and what they mean."""

MAX_VALUES = 1_000
"""Allowed values that are looked at."""

MAX_PATTERN = 1_000
"""Characters of a regular expression; a longer one is left out."""

_LIMITS: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum", "multipleOf"),
    "integer": ("minimum", "maximum", "multipleOf"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_SILENT_FORMATS = frozenset({"int64", "float", "double", "string", "enum", "text", "decimal", "number", "integer"})


def kinds_of(flat: Mapping[str, Any]) -> list[str]:
    """Return the types that a value may have; none at all: any."""
    given = flat.get("type")
    said = given if isinstance(given, list) else [given]
    kinds = [TYPES[kind] for kind in said if isinstance(kind, str) and kind in TYPES]
    if not kinds:
        if "properties" in flat or "additionalProperties" in flat:
            kinds = ["object"]
        elif "items" in flat:
            kinds = ["array"]
        elif values := [value for value in listed(flat.get("enum"))[:100] if value is not None]:
            kinds = ["string"] if all(isinstance(value, str) for value in values) else []
    if kinds and (flat.get("nullable") is True or flat.get("x-nullable") is True):
        kinds.append("null")
    return list(dict.fromkeys(kinds))


def add_values(flat: Mapping[str, Any], kinds: list[str], slim: dict[str, Any], *, enum: int) -> None:
    """Write into `slim` what `flat` says of single values; of allowed values at most `enum` characters."""
    for kind in kinds:
        for key in _LIMITS.get(kind, ()):
            if _is_number(flat.get(key)):
                slim[key] = flat[key]
        if kind in ("number", "integer"):
            _exclusive(flat, slim)
    if "string" in kinds:
        _text(flat, slim)
    if "const" in flat and isinstance(flat["const"], str | int | float | bool):
        slim["enum"] = [flat["const"]]
    elif allowed := listed(flat.get("enum")):
        _enum(allowed, kinds, slim, enum)
    default = _usual(flat.get("default"), kinds)
    if default is not None and default in slim.get("enum", [default]):
        slim["default"] = default


def _text(flat: Mapping[str, Any], slim: dict[str, Any]) -> None:
    form = "binary" if flat.get("type") == "file" else flat.get("format")
    if isinstance(form, str) and 0 < len(form) <= 30 and form not in _SILENT_FORMATS:
        slim["format"] = form
    if isinstance(pattern := flat.get("pattern"), str) and 0 < len(pattern) <= MAX_PATTERN and _compiles(pattern):
        slim["pattern"] = pattern


def _enum(allowed: list[Any], kinds: list[str], slim: dict[str, Any], limit: int) -> None:
    values = [value for value in allowed[:MAX_VALUES] if value is None or isinstance(value, str | int | float)]
    if kinds == ["string"]:  # YAML reads `- 1` as a number
        values = [value if isinstance(value, str) else json.dumps(value) for value in values if value is not None]
    elif kinds and "string" not in kinds:  # `"true"`, where the type says a truth value
        values = [typed for value in values if (typed := _usual(value, kinds)) is not None]
    values = list(dict.fromkeys(values))
    if not values:  # lists and objects: too rare to be worth their place
        return
    if "null" in kinds and None not in values:
        values.append(None)
    if len(allowed) <= MAX_VALUES and sum(len(str(value)) + 3 for value in values) <= limit:
        slim["enum"] = values
        return
    few = ", ".join(str(value)[:40] for value in values[:5])
    slim["description"] = f"{slim.get('description', '')} (one of {len(allowed)} values: {few}, …)".strip()
    slim["examples"] = [value for value in values[:3] if len(str(value)) <= 60]


def _usual(default: Any, kinds: list[str]) -> str | int | float | bool | None:
    """Return the value that stands where none is given, in the type that the contract says; `None`: none."""
    if "string" in kinds and isinstance(default, str):
        return default if 0 < len(default) <= 60 else None
    if isinstance(default, str) and len(default) <= 20:
        try:
            default = json.loads(default.lower())  # "False" and "1", where a truth value or a number is meant
        except ValueError:
            return None
    if isinstance(default, bool):
        return default if not kinds or "boolean" in kinds else None
    if isinstance(default, int) or (isinstance(default, float) and default.is_integer()):
        return default if not kinds or {"integer", "number"} & {*kinds} else None
    return default if isinstance(default, float) and "number" in kinds else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _exclusive(flat: Mapping[str, Any], slim: dict[str, Any]) -> None:
    for key, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = flat.get(key)
        if value is True and limit in slim:  # as 3.0 has it
            slim[key] = slim.pop(limit)
        elif _is_number(value):
            slim[key] = value


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return False
    return True
