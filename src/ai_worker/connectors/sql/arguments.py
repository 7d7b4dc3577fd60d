"""Arguments of a query: their schema, and the values that the database gets."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Float, Numeric, String, TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.sql.options import ParameterSettings, QuerySettings

_JSON = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "string",
    "datetime": "string",
}
_FORMATS = {"date": "2026-03-31", "datetime": "2026-03-31T09:30:00+08:00"}
BIGGEST = 2**63 - 1


def schema_of(query: QuerySettings) -> dict[str, Any]:
    """Return the schema of a query's arguments."""
    return {
        "type": "object",
        "properties": {name: _property(one) for name, one in query.parameters.items()},
        "required": [name for name, one in query.parameters.items() if one.required and one.default is None],
        "additionalProperties": False,
    }


def _property(one: ParameterSettings) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _JSON[one.type]}
    words = [one.title, f"({_FORMATS[one.type]})" if one.type in _FORMATS else ""]
    if described := " ".join(filter(None, words)):
        schema["description"] = described
    if one.type == "string":
        schema["maxLength"] = one.max_length
    if one.pattern:
        schema["pattern"] = f"^(?:{one.pattern})$"
    if one.enum:
        schema["enum"] = list(one.enum)
    if one.type == "integer":
        schema |= {"minimum": -BIGGEST, "maximum": BIGGEST}
    if one.minimum is not None:
        schema["minimum"] = one.minimum
    if one.maximum is not None:
        schema["maximum"] = one.maximum
    if one.default is not None:
        schema["default"] = one.default
    return schema


def bound(query: QuerySettings, arguments: Mapping[str, Any], *, exact: bool) -> tuple[TextClause, dict[str, Any]]:
    """Return a query's statement with typed parameters, and their values. What is not given is NULL.

    Args:
        query: An administrator's.
        arguments: By the names of its parameters.
        exact: Whether the database knows decimals.

    Raises:
        ArgumentsRefused: A value is not what its parameter takes.
    """
    values, kinds = {}, []
    for name, one in query.parameters.items():
        value = arguments.get(name, one.default)
        values[name] = None if value is None else _value(name, one, value, exact=exact)
        kinds.append(bindparam(name, type_=_kind(one, values[name], exact=exact)))
    return text(query.sql).bindparams(*kinds), values


def _value(name: str, one: ParameterSettings, value: Any, *, exact: bool) -> Any:
    try:
        match one.type:
            case "date":
                return date.fromisoformat(value)
            case "datetime":
                return datetime.fromisoformat(value)
            case "number":
                return Decimal(str(value)) if exact else float(value)
            case "integer":
                return int(value)
    except (ValueError, TypeError, InvalidOperation):
        raise ArgumentsRefused(f"{name}: not a {one.type} such as {_FORMATS.get(one.type, '1')}") from None
    return value


def _kind(one: ParameterSettings, value: Any, *, exact: bool) -> TypeEngine[Any]:
    match one.type:
        case "integer":
            return BigInteger()
        case "number":
            return Numeric() if exact else Float()
        case "boolean":
            return Boolean()
        case "date":
            return Date()
        case "datetime":
            return DateTime(timezone=isinstance(value, datetime) and value.tzinfo is not None)
    return String()
