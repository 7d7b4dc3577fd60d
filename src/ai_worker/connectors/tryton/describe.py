"""Ask a Tryton for its models."""

from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.fetch import READING
from ai_worker.connectors.rpc.snapshot import FieldType, Model, ModelField
from ai_worker.connectors.rpc.system import Call
from ai_worker.skills.tool import ToolFailed

TYPES: Mapping[str, FieldType] = {
    "char": "text", "text": "text", "fullname": "text",
    "integer": "integer", "biginteger": "integer", "float": "number", "numeric": "decimal", "boolean": "boolean",
    "date": "date", "datetime": "datetime", "timestamp": "datetime", "time": "time", "timedelta": "duration",
    "selection": "choice", "many2one": "one", "one2one": "one", "one2many": "rows", "many2many": "links",
    "binary": "file",
}  # fmt: skip
"""By Tryton's name; every other type is `other`."""

_RIGHTS = {"read": "read", "create": "create", "write": "write", "delete": "delete"}


class Describer:
    """Describes models; what is the same for all of them is asked for once."""

    def __init__(self) -> None:
        self._methods: Mapping[str, list[str]] | None = None

    async def version(self, exchange: Exchange) -> str:
        """Return the server's series: `8.2`."""
        modules = Call("ir.module", "search_read", ([["state", "=", "activated"]], 0, 9, None, ["version"]))
        told = await exchange.ask(READING, modules, acts=False)
        # The core modules have none of their own.
        versions = [str(one.get("version") or "") for one in told] if isinstance(told, list) else []
        return ".".join(next(filter(None, versions), "").split(".")[:2])

    async def describe(self, exchange: Exchange, name: str) -> Model:
        """Return one model.

        Raises:
            ToolFailed: There is none of this name, or the server cannot be reached.
        """
        fields = await exchange.ask(READING, Call(name, "fields_get", ([],)), acts=False)
        rights = await exchange.ask(READING, Call("ir.model.access", "get_access", ([name],)), acts=False)
        if not isinstance(fields, Mapping) or not isinstance(rights, Mapping):
            raise ToolFailed(f"Tryton does not say what {name} is like")
        needed = [key for key, one in fields.items() if one.get("required") and not one.get("readonly")]
        given = await exchange.ask(READING, Call(name, "default_get", (needed, False)), acts=False)
        own = {key for key, value in given.items() if value is not None} if isinstance(given, Mapping) else set()
        may = rights.get(name) or {}
        return Model(
            {key: _field(one, asked=key not in own) for key, one in sorted(fields.items())},
            "",
            tuple(right for right in ("read", "create", "write", "delete") if may.get(right, True)),
            await self._callable(exchange, name),
        )

    async def _callable(self, exchange: Exchange, name: str) -> tuple[str, ...]:
        if self._methods is None:
            methods: dict[str, list[str]] = {}
            listed = await exchange.ask(READING, Call("", "system.listMethods"), acts=False)
            for one in listed if isinstance(listed, list) else ():
                model, _, method = str(one).removeprefix("model.").rpartition(".")
                methods.setdefault(model, []).append(method)
            self._methods = methods
        return tuple(sorted(one for one in self._methods.get(name, ()) if not one.startswith(_INNER)))


_INNER = (
    "on_change", "on_scan", "fields_", "view_toolbar", "history", "autocomplete", "pre_validate", "default_get",
    "get_", "export_", "import_", "resources", "search", "read", "create", "write", "delete", "copy",
)  # fmt: skip
"""What a client's forms call, and what is an operation of its own; the rest are the buttons."""


def _field(told: Any, *, asked: bool) -> ModelField:
    kind: FieldType = TYPES.get(told.get("type"), "other")
    choices = told.get("selection") if kind == "choice" else ()
    if isinstance(choices, str):
        # Put together by a method of the server when a form asks for it.
        kind, choices = "text", ()
    return ModelField(
        kind,
        str(told.get("string") or ""),
        required=bool(told.get("required")) and asked,
        readonly=bool(told.get("readonly")),
        searchable=bool(told.get("searchable", True)),
        relation=str(told.get("relation") or ""),
        choices=tuple((str(value), str(name)) for value, name in choices or () if value is not None),
    )
