"""The arguments of a field as JSON Schema: as deep as they fit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ai_worker.connectors.plain import cut

if TYPE_CHECKING:
    from graphql import GraphQLField

MAX_CHARACTERS = 2_500
MAX_PROPERTIES = 40
MAX_VALUES = 60

SCALARS: Mapping[str, Mapping[str, Any]] = {
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "ID": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
}


def schema_of(field: "GraphQLField") -> dict[str, Any]:
    """Return the schema of a field's arguments, cut to a depth at which it stays readable."""
    made: dict[str, Any] = {}
    for depth in (3, 2, 1, 0):
        made = _object(field.args, depth)
        if len(msgspec.json.encode(made)) <= MAX_CHARACTERS:
            break
    return {**made, "additionalProperties": False}


def _object(values: Mapping[str, Any], depth: int) -> dict[str, Any]:
    from graphql import is_required_argument, is_required_input_field

    def required(one: Any) -> bool:
        return is_required_argument(one) or is_required_input_field(one)

    ordered = sorted(values.items(), key=lambda item: not required(item[1]))[:MAX_PROPERTIES]
    needed = [name for name, one in ordered if required(one)]
    properties = {name: _described(_value(one.type, depth), one.description) for name, one in ordered}
    return {"type": "object", "properties": properties, **({"required": needed} if needed else {})}


def _value(kind: Any, depth: int) -> dict[str, Any]:
    from graphql import is_enum_type, is_input_object_type, is_list_type, is_non_null_type

    if is_non_null_type(kind):
        return _value(kind.of_type, depth)
    if is_list_type(kind):
        return {"type": "array", "items": _value(kind.of_type, depth)}
    if is_enum_type(kind):
        values = list(kind.values)
        return {"enum": values} if len(values) <= MAX_VALUES else {"type": "string", "description": kind.name}
    if is_input_object_type(kind):
        return _object(kind.fields, depth - 1) if depth > 0 else {"type": "object", "description": kind.name}
    return dict(SCALARS.get(kind.name, {"description": kind.name}))


def _described(schema: dict[str, Any], words: str | None) -> dict[str, Any]:
    said = cut(words, 80)
    return {**schema, "description": said} if said else schema
