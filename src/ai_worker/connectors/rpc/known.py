"""Turn the questions and changes that an administrator has made up into operations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ai_worker.connectors.operation import ContractRefused, Operation
from ai_worker.connectors.risk import risk_of
from ai_worker.connectors.rpc.fields import moves_money, schema_of
from ai_worker.connectors.rpc.options import Argument, ChangeOptions, Created, Fixed, LookupOptions, OfRecord, Source
from ai_worker.connectors.rpc.snapshot import ModelField, Snapshot
from ai_worker.skills.tool import Risk

DANGER: Sequence[Risk] = ("read", "write-reversible", "write-irreversible", "money", "admin")


def operation(
    name: str, method: str, path: str, title: str, properties: Any, required: Sequence[str], risk: Risk, extra: Any
) -> Operation:
    """Return an operation on models: `extra` says to its caller what to do."""
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    if not required:
        del schema["required"]
    return Operation(name, method, f"/{path}", title, title, schema, risk, transport="rpc", extra=extra)


def lookup(snapshot: Snapshot, name: str, options: LookupOptions) -> Operation:
    """Return the operation that asks for a record by its number.

    Raises:
        ContractRefused: The models do not have what the options name.
    """
    properties = _keys(snapshot, options)
    extra = {"do": "lookup", **_looked_up(snapshot, options)}
    made = operation(name, "GET", options.model, options.title, properties, [*properties], "read", extra)
    return replace(made, description=options.description or options.title)


def _looked_up(snapshot: Snapshot, options: LookupOptions) -> dict[str, Any]:
    for path in (*options.fields, *([options.order] if options.order else [])):
        snapshot.field(options.model, path)
    return {
        "model": options.model,
        "by": {argument: (path, snapshot.field(options.model, path).type) for argument, path in options.by.items()},
        "fields": list(options.fields),
        "ignore_case": options.ignore_case,
        "many": options.many,
        "limit": options.limit,
        "order": options.order,
        "flags": [path for path in options.fields if snapshot.field(options.model, path).type == "boolean"],
    }


def _keys(snapshot: Snapshot, options: LookupOptions) -> dict[str, Any]:
    properties = {}
    for argument, path in options.by.items():
        schema = schema_of(snapshot.field(options.model, path))
        properties[argument] = {**schema, "minLength": 1, "maxLength": 200} if "maxLength" in schema else schema
    return properties


def change(snapshot: Snapshot, name: str, options: ChangeOptions) -> Operation:
    """Return the operation that changes a record by its number.

    Raises:
        ContractRefused: The models do not have what the options name, or not in a form that can be written.
    """
    properties = _keys(snapshot, options)
    required = [*properties]
    for one in options.only:
        snapshot.field(options.model, one)
    model = snapshot.model(options.model)
    if options.call and model.methods is not None and options.call not in model.methods:
        raise ContractRefused(f"{options.model} has no method {options.call!r} that may be called from outside")
    for target, field_name, source in options.sources():
        field = _checked(snapshot, name, options, target, field_name, source)
        if isinstance(source, Argument):
            schema = schema_of(field)
            properties[source.argument] = {**schema, "title": source.title} if source.title else schema
            required += [source.argument] if source.required else []
    extra = {
        "do": "change",
        **_looked_up(snapshot, options),
        "set": {one: _plan(snapshot, options.model, one, source) for one, source in options.set.items()},
        "only": {one: list(values) for one, values in options.only.items()},
        "call": options.call,
    }
    method = "PUT" if options.set else "POST"
    made = operation(name, method, options.model, options.title, properties, required, _risk(name, options), extra)
    return replace(made, description=options.description or options.title)


def _checked(
    snapshot: Snapshot, name: str, options: ChangeOptions, target: str, field_name: str, source: Source
) -> ModelField:
    field = snapshot.field(target, field_name)
    if field.readonly:
        raise ContractRefused(f"change {name!r}: {target}.{field_name} cannot be written")
    if isinstance(source, Created) and (field.type != "one" or field.relation != source.create):
        raise ContractRefused(f"change {name!r}: {target}.{field_name} leads to {field.relation or 'no record'}")
    if isinstance(source, OfRecord):
        snapshot.field(options.model, source.record)
    if isinstance(source, Argument) and field.type in ("rows", "file", "other"):
        raise ContractRefused(f"change {name!r}: {target}.{field_name} is of a type that cannot be asked for")
    return field


def _plan(snapshot: Snapshot, model: str, name: str, source: Source) -> dict[str, Any]:
    """Return where a field's value comes from, in plain JSON."""
    match source:
        case Argument(argument=argument):
            return {"argument": argument, "type": snapshot.field(model, name).type}
        case Fixed(value=value):
            return {"value": value, "type": snapshot.field(model, name).type}
        case OfRecord(record=record):
            return {"record": record}
        case Created(create=create, values=values):
            inner = {one: _plan(snapshot, create, one, value) for one, value in values.items()}
            return {"create": create, "values": inner}


def _risk(name: str, options: ChangeOptions) -> Risk:
    """Return how dangerous a change is: by its own words, by what it calls and by the fields that it writes."""
    path = f"/{options.model.replace('.', '/')}"
    risks = [risk_of("POST", name=name, path=path, title=options.title)]
    if options.call:
        risks.append(risk_of("POST", name=options.call, path=path))
    if moves_money(field for _, field, _ in options.sources()):
        risks.append("money")
    return max(risks, key=DANGER.index)
