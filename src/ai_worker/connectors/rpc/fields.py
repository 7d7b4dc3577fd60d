"""What a field takes and is told as, in JSON Schema and in JSON."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ai_worker.connectors.rpc.snapshot import Model, ModelField

MAX_CHOICES = 60
MAX_TITLE = 60
DATE = r"^\d{4}-\d{2}-\d{2}$"
MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$"
_MONEY = re.compile(
    "(^|_)(price|amount|cost|fee|discount|payment|credit|debit|tax|currency|salary|wage|bonus|iban|bank|refund"
    "|balance|deposit|money)s?(_|$)"
)
"""In the names of fields whose writing moves money, or decides how much."""

_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string", "maxLength": 10_000},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "decimal": {"type": ["number", "string"], "pattern": r"^-?\d{1,18}(\.\d{1,12})?$"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "pattern": DATE},
    "datetime": {"type": "string", "pattern": MOMENT},
    "time": {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2})?$"},
    "duration": {"type": "number", "description": "seconds"},
    "one": {"type": "integer", "minimum": 1},
    "links": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 200},
}


def schema_of(field: ModelField, *, nullable: bool = False) -> dict[str, Any]:
    """Return the schema of a field's value, short; its title is what people read."""
    titled = {"title": field.title[:MAX_TITLE]} if field.title else {}
    if field.type == "choice":
        values = [value for value, _ in field.choices if value][:MAX_CHOICES]
        schema: dict[str, Any] = {"enum": values} if 0 < len(values) < MAX_CHOICES else {"type": "string"}
        if names := [f"{value}={name}" for value, name in field.choices if value and name != value][:20]:
            schema["description"] = ", ".join(names)
        return {**schema, **titled}
    schema = dict(_SCHEMAS[field.type])
    if field.relation:
        schema["description"] = f"id of {field.relation}"
    if nullable and field.type in ("text", "date", "datetime", "one") and isinstance(schema["type"], str):
        schema["type"] = [schema["type"], "null"]
    return {**schema, **titled}


def writable(model: Model, only: Iterable[str] = (), *, links: bool = True) -> dict[str, ModelField]:
    """Return the fields that can be written as they are; `only`: no others; `links`: with lists of other records."""
    wanted = set(only)
    return {
        name: field
        for name, field in sorted(model.fields.items())
        if not field.readonly
        and (not wanted or name in wanted)
        and (field.type in _SCHEMAS or field.type == "choice")
        and (links or field.type != "links")
    }


def shown(model: Model, only: Iterable[str] = ()) -> list[str]:
    """Return the fields that are answered; `only`: no others."""
    wanted = set(only)
    return [name for name in sorted(model.fields) if not wanted or name in wanted]


def moves_money(names: Iterable[str]) -> bool:
    """Return whether writing one of these fields moves money, or decides how much."""
    return any(_MONEY.search(name) for name in names)
