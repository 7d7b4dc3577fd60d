"""Make operations of a manifest."""

import hashlib
from typing import Any

from ai_worker.connectors.manual.manifest import Argument, Described, Manifest
from ai_worker.connectors.operation import Body, Contract, Media, Operation, Parameter, Place, Style

CALLING = frozenset(("auth", "credentials", "headers", "refusals", "base_url"))
"""What of a manifest is for the caller."""

TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


def compile_manifest(manifest: Manifest, data: bytes) -> Contract:
    """Return the contract of a manifest that was read from `data`."""
    return Contract(
        kind="manual",
        title=manifest.name,
        version=manifest.version,
        sha256=hashlib.sha256(data).hexdigest(),
        operations=tuple(_operation(one) for one in manifest.operation),
        servers=(manifest.base_url,) if manifest.base_url else (),
        warnings=() if manifest.quality.tried else (f"never tried against the real system: {manifest.quality.notes}",),
        calling=manifest.model_dump(include=set(CALLING), mode="json"),
    )


def _operation(one: Described) -> Operation:
    in_body = [argument for argument in one.argument if argument.place == "body"]
    return Operation(
        name=one.name,
        method=one.method,
        path=one.path,
        title=one.title,
        description=_words(one),
        input_schema=_schema(one),
        risk=one.risk,
        parameters=(
            *(_parameter(argument) for argument in one.argument if argument.place != "body"),
            *(_fixed(name, value, "query") for name, value in one.query.items()),
            *(_fixed(name, value, "header") for name, value in one.headers.items()),
        ),
        body=Body(True, Media(TYPES[one.sends]), whole="", fixed=dict(one.body)) if in_body or one.body else None,
        accepts=("application/json",),
        extra={
            "manual": {
                "body": {argument.name: argument.wire().split(".") for argument in in_body},
                "text": [argument.name for argument in one.argument if argument.as_text],
                "defaults": {a.name: a.default for a in one.argument if a.default is not None},
            }
        },
    )


def _words(one: Described) -> str:
    words = one.description or one.title
    if one.pages is not None and one.pages.cursor:
        words += f"（下一页：{one.pages.argument} 填上次返回的 {one.pages.cursor}）"
    return words


def _schema(one: Described) -> dict[str, Any]:
    required = [argument.name for argument in one.argument if argument.required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {argument.name: _value(argument) for argument in one.argument},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def _value(argument: Argument) -> dict[str, Any]:
    form: dict[str, Any] = {"enum": list(argument.enum)} if argument.enum else {"type": argument.type}
    if argument.type == "array":
        form = {"type": "array", "items": form if argument.enum else {"type": argument.items}}
    if argument.default is not None:
        form["default"] = argument.default
    return {**form, "description": argument.description} if argument.description else form


def _parameter(argument: Argument) -> Parameter:
    assert argument.place != "body"
    in_query = argument.place == "query"
    style: Style = "form" if in_query else "simple"
    return Parameter(argument.wire(), argument.name, argument.place, argument.required, style, in_query)


def _fixed(name: str, value: str, place: Place) -> Parameter:
    return Parameter(name, name, place, True, "form" if place == "query" else "simple", False, fixed=value)
