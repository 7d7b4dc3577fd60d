"""Ask an Odoo for its models."""

from collections.abc import Mapping
from typing import Any, Literal

from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.fetch import READING
from ai_worker.connectors.rpc.snapshot import FieldType, Model, ModelField
from ai_worker.connectors.rpc.system import Call
from ai_worker.skills.tool import ToolFailed

TYPES: Mapping[str, FieldType] = {
    "char": "text", "text": "text", "html": "text",
    "integer": "integer", "float": "number", "monetary": "decimal", "boolean": "boolean",
    "date": "date", "datetime": "datetime", "selection": "choice",
    "many2one": "one", "one2many": "rows", "many2many": "links", "binary": "file",
}  # fmt: skip
"""By Odoo's name; every other type is `other`."""

ATTRIBUTES = ("type", "string", "required", "readonly", "searchable", "relation", "selection")

RIGHTS: Mapping[Literal["read", "create", "write", "delete"], str] = {
    "read": "read",
    "create": "create",
    "write": "write",
    "delete": "unlink",
}
"""By ours, Odoo's name of a right."""


async def version(exchange: Exchange) -> str:
    """Return the server's series: `17.0`."""
    match await exchange.ask(READING, Call("", "version"), acts=False):
        case {"server_serie": str(series)}:
            return series[:20]
    return ""


async def describe(exchange: Exchange, name: str) -> Model:
    """Return one model.

    Raises:
        ToolFailed: There is none of this name, or the server cannot be reached.
    """
    asked = Call(name, "fields_get", (), {"attributes": list(ATTRIBUTES)})
    fields = await exchange.ask(READING, asked, acts=False)
    if not isinstance(fields, Mapping):
        raise ToolFailed(f"Odoo does not say what {name} is like")
    needed = [key for key, one in fields.items() if one.get("required") and not one.get("readonly")]
    given = await exchange.ask(READING, Call(name, "default_get", (needed,)), acts=False)
    own = given.keys() if isinstance(given, Mapping) else ()
    may = tuple([right for right, theirs in RIGHTS.items() if await _may(exchange, name, theirs)])
    # What can be called is not told by Odoo; it refuses what begins with an underscore.
    return Model({key: _field(one, asked=key not in own) for key, one in sorted(fields.items())}, "", may)


async def _may(exchange: Exchange, name: str, right: str) -> bool:
    try:
        asked = Call(name, "check_access_rights", (right,), {"raise_exception": False})
        return bool(await exchange.ask(READING, asked, acts=False))
    except ToolFailed:
        # Odoo 18 has another name for it, and later ones no longer know the old one.
        return bool(await exchange.ask(READING, Call(name, "has_access", ([], right)), acts=False))


def _field(told: Any, *, asked: bool) -> ModelField:
    kind: FieldType = TYPES.get(told.get("type"), "other")
    choices = told.get("selection") if kind == "choice" else ()
    return ModelField(
        kind,
        str(told.get("string") or ""),
        required=bool(told.get("required")) and asked,
        readonly=bool(told.get("readonly")),
        searchable=bool(told.get("searchable", True)),
        relation=str(told.get("relation") or ""),
        choices=tuple((str(value), str(name)) for value, name in choices or ()),
    )
