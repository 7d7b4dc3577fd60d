"""Turn a snapshot and what an administrator says into operations. Touches no network."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ai_worker.connectors.operation import Contract, ContractRefused, Operation, Skipped
from ai_worker.connectors.risk import risk_of
from ai_worker.connectors.rpc.fields import moves_money, schema_of, shown, writable
from ai_worker.connectors.rpc.known import DANGER, change, lookup, operation
from ai_worker.connectors.rpc.options import Action, ModelOptions, RpcOptions
from ai_worker.connectors.rpc.snapshot import Model, ModelField, Snapshot, read_snapshot

WHO = "signed_in_as"
"""The operation that shows that the system is there and takes our credentials."""

COMPARISONS = ("=", "!=", ">", ">=", "<", "<=", "in", "contains")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_NAME = 48
"""With a connector's id and a dot before it a tool's name still has at most 64 characters."""

_METHODS: Mapping[Action, tuple[str, str, str]] = {
    "search": ("GET", "read", "Find"),
    "read": ("GET", "read", "Read"),
    "create": ("POST", "create", "Create"),
    "update": ("PUT", "write", "Change"),
    "delete": ("DELETE", "delete", "Delete"),
}
"""By action: the method of HTTP that comes closest, the right that it needs, its verb."""


def compile_snapshot(file: Path, options: RpcOptions, *, kind: str) -> Contract:
    """Return the contract of a system of models.

    Raises:
        ContractRefused: There is no snapshot, or the options name what it does not have.
    """
    snapshot, digest = read_snapshot(file, kind)
    operations: list[Operation] = [_who(kind)]
    skipped: list[Skipped] = []
    for name, model_options in options.models.items():
        model = snapshot.model(name)
        if unknown := set(model_options.fields) - model.fields.keys():
            raise ContractRefused(f"{name} has no field {min(unknown)!r}")
        for action in model_options.actions:
            if _METHODS[action][1] in model.may:
                operations.append(_of_model(snapshot, options, name, action))
            else:
                skipped.append(Skipped(_name(name, action), f"our account may not {action} {name}"))
        operations += [_method(name, model, method) for method in model_options.methods]
    operations += [lookup(snapshot, name, one) for name, one in options.lookups.items()]
    operations += [change(snapshot, name, one) for name, one in options.changes.items()]
    if len(names := [one.name for one in operations]) != len(set(names)):
        raise ContractRefused(f"two operations are called {max(names, key=names.count)!r}")
    return Contract(kind, kind.capitalize(), snapshot.version, digest, tuple(operations), tuple(skipped))


def _who(kind: str) -> Operation:
    return operation(WHO, "GET", kind, "Who the worker is in the system", {}, (), "read", {"do": "who"})


def _of_model(snapshot: Snapshot, options: RpcOptions, name: str, action: Action) -> Operation:
    model, about = snapshot.model(name), options.models[name]
    method, _, verb = _METHODS[action]
    title = f"{verb} {model.title or name} ({name})"
    fields = shown(model, about.fields)
    types = {one: model.fields[one].type for one in fields}
    extra: dict[str, Any] = {"do": action, "model": name, "fields": _plain(model, fields), "types": types}
    extra["flags"] = [one for one, type in types.items() if type == "boolean"]
    properties: dict[str, Any]
    match action:
        case "search":
            properties, required = _search_properties(model, fields), []
        case "read":
            properties, required = {"ids": _ids(MAX_LIMIT), "fields": _fields(fields)}, ["ids"]
        case "delete":
            properties, required = {"id": {"type": "integer", "minimum": 1}}, ["id"]
        case "create":
            lines = _lines(snapshot, options, name, about)
            values = {one: schema_of(field) for one, field in writable(model, about.fields).items()}
            properties = {**values, **{one: _table(model.fields[one].title, row) for one, row in lines.items()}}
            required = [one for one in properties if model.fields[one].required]
            extra["rows"] = {one: {key: field.type for key, field in row.items()} for one, row in lines.items()}
        case "update":
            written = writable(model, about.fields, links=False)
            values = {one: schema_of(field, nullable=True) for one, field in written.items()}
            properties, required = {**values, "id": {"type": "integer", "minimum": 1}}, ["id"]
    risk = risk_of(method, name=f"{action}_{_name(name)}", path=f"/{name.replace('.', '/')}")
    if method != "GET" and moves_money([*properties, _name(name)]):
        risk = max(risk, "money", key=DANGER.index)
    return operation(_name(name, action), method, name, title, properties, required, risk, extra)


def _search_properties(model: Model, fields: Sequence[str]) -> dict[str, Any]:
    found_by = [name for name in fields if model.fields[name].searchable and model.fields[name].type != "file"]
    condition = {
        "type": "object",
        "properties": {"field": {"enum": found_by}, "is": {"enum": list(COMPARISONS)}, "value": {}},
        "required": ["field", "is", "value"],
        "additionalProperties": False,
    }
    return {
        "where": {"type": "array", "items": condition, "maxItems": 10, "description": "All of them must hold"},
        "fields": _fields(()),
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "offset": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "newest_first": {"type": "boolean"},
    }


def _fields(fields: Sequence[str]) -> dict[str, Any]:
    # Not an `enum`, which would be long: a wrong name is refused before anything is sent.
    about = f"Of: {', '.join(fields)}" if fields else "As in `where`"
    return {"type": "array", "items": {"type": "string"}, "maxItems": 60, "description": about[:600]}


def _ids(most: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": most}


def _plain(model: Model, fields: Sequence[str]) -> list[str]:
    """Return the fields that are answered where nobody names any: what one line of a list would show."""
    plain = [name for name in fields if model.fields[name].type not in ("rows", "links", "file", "other")]
    return [name for name in plain if not name.startswith(("create_", "write_"))][:20] or ["id"]


def _lines(snapshot: Snapshot, options: RpcOptions, name: str, about: ModelOptions) -> dict[str, dict[str, ModelField]]:
    """Return the lines that are made with a record, where their model is among the offered ones."""
    return {
        one: writable(snapshot.model(field.relation), options.models[field.relation].fields)
        for one, field in sorted(snapshot.model(name).fields.items())
        if field.type == "rows"
        and not field.readonly
        and field.relation in options.models
        and (not about.fields or one in about.fields)
    }


def _table(title: str, row: Mapping[str, ModelField]) -> dict[str, Any]:
    properties = {key: schema_of(field) for key, field in row.items()}
    items = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"type": "array", "items": items, "maxItems": 100, "description": title}


def _method(name: str, model: Model, method: str) -> Operation:
    if model.methods is not None and method not in model.methods:
        raise ContractRefused(f"{name} has no method {method!r} that may be called from outside")
    title = f"{method} {model.title or name} ({name})"
    risk = risk_of("POST", name=method, path=f"/{name.replace('.', '/')}/{method}")
    extra = {"do": "call", "model": name, "method": method}
    return operation(_name(name, method), "POST", name, title, {"ids": _ids(20)}, ["ids"], risk, extra)


def _name(model: str, action: str = "") -> str:
    name = "_".join([*model.split("."), *([action] if action else [])])
    if len(name) <= MAX_NAME:
        return name
    return f"{name[: MAX_NAME - 9]}_{hashlib.sha256(f'{model} {action}'.encode()).hexdigest()[:8]}"
