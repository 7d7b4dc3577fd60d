"""A tool's arguments as a form: which fields its schema makes, and what somebody filled in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_worker.foundation.errors import BadInput

PREFIX = "a."
"""Before the names of arguments in a form, where other fields stand too."""

LONGEST_CHOICE = 100
"""Values of an enumeration that are offered one by one."""


class ArgumentUnreadable(BadInput):
    """A value is not of the kind that its field takes."""

    code = "console.argument_unreadable"

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"{name}: not {wanted}")
        self.name = name
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Field:
    """One argument."""

    name: str
    kind: str
    """`text`, `number`, `choice`, `truth`, or `json` for everything with parts."""

    required: bool
    description: str
    example: str
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the form."""
        return f"{PREFIX}{self.name}"


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """Return a tool's arguments, the required ones first."""
    required = set(schema.get("required", ()))
    found = [_field(name, one, name in required) for name, one in schema.get("properties", {}).items()]
    return sorted(found, key=lambda field: not field.required)


def filled(schema: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that somebody filled in; what is empty is left out.

    Raises:
        ArgumentUnreadable: A value is not of the kind that its field takes.
    """
    properties = schema.get("properties", {})
    given = {field: str(form.get(field.key, "")).strip() for field in fields_of(schema)}
    return {field.name: _value(field, properties[field.name], text) for field, text in given.items() if text}


def _field(name: str, schema: Any, required: bool) -> Field:
    schema = schema if isinstance(schema, Mapping) else {}
    description = str(schema.get("description", ""))
    example = schema.get("example", schema.get("default", ""))
    shown = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    choices = schema.get("enum")
    if isinstance(choices, list) and len(choices) <= LONGEST_CHOICE:
        named = tuple(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in choices)
        return Field(name, "choice", required, description, shown, named)
    kind = {"string": "text", "integer": "number", "number": "number", "boolean": "truth"}.get(
        str(schema.get("type", "")), "json"
    )
    return Field(name, kind, required, description, shown)


def _value(field: Field, schema: Mapping[str, Any], text: str) -> Any:
    if field.kind == "text":
        return text
    if field.kind == "choice":
        return next((one for one in schema["enum"] if text in (one, json.dumps(one, ensure_ascii=False))), text)
    if field.kind == "truth":
        return text == "true"
    try:
        value = json.loads(text)
    except ValueError:
        if field.kind == "json" and "type" not in schema:
            return text
        raise ArgumentUnreadable(field.name, "a number" if field.kind == "number" else "JSON") from None
    if field.kind == "number" and not isinstance(value, int | float):
        raise ArgumentUnreadable(field.name, "a number")
    return value
