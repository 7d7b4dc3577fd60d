"""Values of the entity data model: as JSON Schema, as literals in an address, and in a body.

Literals by OData 2.0 "Overview" (§6, abstract type system) and by the ABNF of OData 4.01.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote
from uuid import UUID

from ai_worker.connectors.odata.model import Property, Service, Structure
from ai_worker.connectors.plain import cut

MAX_DEPTH = 2
"""Levels of complex values in a tool's schema; what is deeper is any object."""

MAX_PROPERTIES = 60

INTEGERS = frozenset(("Edm.Int16", "Edm.Int32", "Edm.Int64", "Edm.Byte", "Edm.SByte"))
NUMBERS = frozenset(("Edm.Decimal", "Edm.Double", "Edm.Single"))
MOMENTS = frozenset(("Edm.DateTime", "Edm.DateTimeOffset", "Edm.Date"))

_FORMS: Mapping[str, Mapping[str, Any]] = {
    **{kind: {"type": "integer"} for kind in INTEGERS},
    **{kind: {"type": "number"} for kind in NUMBERS},
    "Edm.Boolean": {"type": "boolean"},
    "Edm.Date": {"type": "string", "format": "date"},
    "Edm.DateTime": {"type": "string", "format": "date-time"},
    "Edm.DateTimeOffset": {"type": "string", "format": "date-time"},
    "Edm.Guid": {"type": "string", "format": "uuid"},
    "Edm.Binary": {"type": "string", "description": "base64"},
    "Edm.Duration": {"type": "string", "description": "ISO 8601, as P1DT2H"},
    "Edm.Time": {"type": "string", "description": "ISO 8601, as PT10H30M"},
    "Edm.TimeOfDay": {"type": "string", "description": "as 10:30:00"},
}
_PREFIXED: Mapping[str, str] = {
    "Edm.DateTime": "datetime", "Edm.DateTimeOffset": "datetimeoffset", "Edm.Time": "time",
    "Edm.Guid": "guid", "Edm.Binary": "binary",
}  # fmt: skip
_SUFFIXED: Mapping[str, str] = {"Edm.Int64": "L", "Edm.Decimal": "M", "Edm.Single": "f", "Edm.Double": "d"}
_DURATION = re.compile(r"-?P(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_ORDINARY = re.compile(r"[\w,.-]*")
_PATTERNS = {"Edm.Duration": _DURATION, "Edm.Time": _DURATION, "Edm.TimeOfDay": _TIME, "Edm.Binary": _BASE64}
_TICKS = re.compile(r"/Date\((-?\d{1,17})([+-]\d{4})?\)/")
"""How JSON of 2.0 writes moments: milliseconds since 1970, in UTC."""


class Unfit(ValueError):
    """A value is none of its type."""


def resolved(service: Service, kind: str) -> str:
    """Return the type behind a type definition; of an enumeration its own name."""
    return service.aliases.get(kind, kind)


def scalar(service: Service, kind: str) -> bool:
    """Return whether values of a type are single values that a filter can compare."""
    kind = resolved(service, kind)
    if kind in service.enums:
        return True
    return kind.startswith("Edm.") and not kind.startswith(("Edm.Geo", "Edm.Stream", "Edm.Binary", "Edm.Untyped"))


def schema_of(service: Service, one: Property, *, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON Schema of a property."""
    kind = resolved(service, one.type)
    if kind.startswith("Collection("):
        inner = Property(one.name, kind[11:-1])
        return {"type": "array", "items": schema_of(service, inner, depth=depth), **_described(one.label)}
    if kind in service.enums:
        return {"enum": list(service.enums[kind][:MAX_PROPERTIES]), **_described(one.label)}
    structure = service.structures.get(kind)
    if structure is not None:
        return {**object_of(service, structure, depth=depth - 1), **_described(one.label)}
    form = dict(_FORMS.get(kind, {"type": "string"} if kind == "Edm.String" else {}))
    if kind == "Edm.String" and one.max_length and one.max_length < 1_000:
        form["maxLength"] = one.max_length
    return {**form, **_described(one.label)}


def object_of(service: Service, structure: Structure, *, depth: int) -> dict[str, Any]:
    """Return the JSON Schema of a structured value; at its depth's end it is any object."""
    if depth < 0:
        return {"type": "object"}
    properties = list(structure.properties.values())[:MAX_PROPERTIES]
    return {
        "type": "object",
        "properties": {one.name: schema_of(service, one, depth=depth) for one in properties if not one.computed},
    }


def _described(label: str) -> dict[str, str]:
    return {"description": words} if (words := cut(label, 80)) else {}


def literal(kind: str, value: Any, *, old: bool) -> str:
    """Return a value as it stands in an address, not yet percent-encoded.

    Args:
        kind: Its type, `Edm.…`, or the name of an enumeration.
        value: As JSON has it.
        old: By OData 2.0 and 3.0, not 4.0.

    Raises:
        Unfit: It is none of its type. Nothing that is not checked goes out without quotes.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind in INTEGERS or kind in NUMBERS:
        return _number(value) + (_SUFFIXED.get(kind, "") if old else "")
    if kind == "Edm.String":
        return "'" + str(value).replace("'", "''") + "'"
    text = _checked(kind, str(value))
    if old and kind in _PREFIXED:
        return f"{_PREFIXED[kind]}'{text}'"
    if kind in ("Edm.Duration", "Edm.Binary"):
        return f"{kind[4:].lower()}'{text}'"
    if kind.startswith("Edm."):
        return text
    return f"{kind}'{text}'"


def _number(value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Unfit("it is no number") from None
    if not number.is_finite():
        raise Unfit("it is no number")
    return f"{number:f}"


def _checked(kind: str, text: str) -> str:
    try:
        match kind:
            case "Edm.Guid":
                return str(UUID(text))
            case "Edm.Date":
                return date.fromisoformat(text[:10]).isoformat()
            case "Edm.DateTime":
                return moment(text).replace(tzinfo=None).isoformat()
            case "Edm.DateTimeOffset":
                return moment(text).isoformat().replace("+00:00", "Z")
    except ValueError:
        raise Unfit(f"it is none of {kind}") from None
    if _PATTERNS.get(kind, _ORDINARY).fullmatch(text) is None:
        raise Unfit(f"it is none of {kind}")
    return text


def moment(text: str) -> datetime:
    """Return a moment of ISO 8601; one without a zone is in UTC, one without a time is midnight."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def encoded(text: str) -> str:
    """Return a literal percent-encoded for a path, where quotes, commas and parentheses mean something."""
    return quote(text, safe="'(),=$:@!*")


def in_body(kind: str, value: Any, *, old: bool) -> Any:
    """Return a value as it stands in a body.

    Raises:
        Unfit: It is none of its type.
    """
    if not old or value is None:
        return value
    if kind in ("Edm.Int64", "Edm.Decimal"):
        return _number(value)
    if kind in ("Edm.DateTime", "Edm.DateTimeOffset"):
        try:
            ticks = int(moment(str(value)).timestamp() * 1000)
        except ValueError:
            raise Unfit(f"it is none of {kind}") from None
        return f"/Date({ticks}{'+0000' if kind == 'Edm.DateTimeOffset' else ''})/"
    return value


def from_ticks(text: str) -> str:
    """Return a moment of 2.0's JSON as ISO 8601; every other text as it is."""
    match = _TICKS.fullmatch(text)
    if match is None:
        return text
    try:
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return text
