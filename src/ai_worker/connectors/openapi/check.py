"""Check arguments against a flat schema before anything is sent."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

MAX_CHARACTERS = 1_000
"""The longest text that an argument may have; a number or a name is meant, not an essay."""

_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def complaint(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with `arguments`, without repeating their values; `None` if nothing is."""
    properties = parameters["properties"]
    for name in parameters["required"]:
        if name not in arguments:
            return f"the argument {name!r} is missing"
    for name, value in arguments.items():
        if name not in properties:
            return "an argument has a name that the operation does not know"
        if wrong := _wrong(properties[name], value):
            return f"the argument {name!r} {wrong}"
    return None


def _wrong(schema: Mapping[str, Any], value: object) -> str | None:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_KINDS[kind](value) for kind in kinds):
        return f"must be of type {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        return _wrong_text(schema, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _wrong_number(schema, value)
    return None


def _wrong_text(schema: Mapping[str, Any], value: str) -> str | None:
    if not schema.get("minLength", 0) <= len(value) <= min(schema.get("maxLength", MAX_CHARACTERS), MAX_CHARACTERS):
        return "is too short or too long"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "has control characters or broken ones"
    if "pattern" in schema and not re.search(schema["pattern"], value, re.ASCII):  # \d is 0-9 in JSON Schema
        return f"must look like {schema['pattern']}"
    return None


def _wrong_number(schema: Mapping[str, Any], value: float) -> str | None:
    if not (schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        return f"must be between {schema.get('minimum', '…')} and {schema.get('maximum', '…')}"
    return None
