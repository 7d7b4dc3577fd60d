"""Fields of a form for the `[options]` of a kind of connector, made from the kind's own model of them."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from ai_worker.connectors.registry import KINDS
from ai_worker.foundation.secret import Secret

Input = Literal["text", "secret", "flag", "number", "choice", "names", "pairs"]

OFFERED = ("openapi", "odata", "graphql", "mcp", "tryton", "odoo", "sql", "ldap", "caldav")
"""Kinds that are connected in the console. A manifest is written by hand."""

LEFT_OUT: Mapping[str, frozenset[str]] = {"mcp": frozenset({"command", "args", "env"})}
"""What stays with those who may log in to the machine: which programs are run on it."""

FIRST: Mapping[str, tuple[str, ...]] = {
    "tryton": ("models",),
    "odoo": ("models",),
    "sql": ("query", "tables"),
    "ldap": ("bind_dn", "password"),
    "graphql": ("path",),
}
"""Options that are asked for at once although they may be left out."""

BEGINS: Mapping[str, Mapping[str, Any]] = {"sql": {"query": True}}
"""What a form begins with, where it is not the option's own default: without it nothing could be asked."""


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option, as a form asks for it."""

    name: str
    input: Input
    required: bool
    first: bool
    """It is asked for at once, and not among further settings."""

    choices: tuple[str, ...] = ()
    default: str = ""
    on: bool = False
    """Of a flag: whether the form begins with it switched on."""


def option_fields(kind: str) -> list[OptionField]:
    """Return what a form can ask for of a kind's options, in their order; tables are left to the file."""
    fields = KINDS[kind].options.model_fields.items()
    left_out = LEFT_OUT.get(kind, frozenset())
    return [one for name, field in fields if name not in left_out for one in _of(kind, name, field)]


def told_options(kind: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that somebody has filled in (`option.<name>`), without secrets; left empty: left out."""
    told: dict[str, Any] = {}
    for field in option_fields(kind):
        text = form.get(f"option.{field.name}", "").strip()
        if field.input == "flag":
            value: Any = bool(text)
            if value != KINDS[kind].options.model_fields[field.name].default:
                told[field.name] = value
        elif text and field.input != "secret":
            told[field.name] = _value(field.input, text)
    return told


def secret_of(kind: str) -> str:
    """Return the name of the option that holds a kind's secret; empty: its credentials stand in `[auth]`."""
    return next((field.name for field in option_fields(kind) if field.input == "secret"), "")


def _of(kind: str, name: str, field: FieldInfo) -> Iterator[OptionField]:
    found = _input(field.annotation, field.metadata)
    if found is None:
        return
    default = field.get_default(call_default_factory=True) if not field.is_required() else None
    yield OptionField(
        name,
        found,
        field.is_required(),
        field.is_required() or name in FIRST.get(kind, ()),
        tuple(map(str, get_args(_bare(field.annotation)))) if found == "choice" else (),
        _shown(default),
        bool(BEGINS.get(kind, {}).get(name, default)) if found == "flag" else False,
    )


def _input(annotation: Any, metadata: list[Any]) -> Input | None:
    bare = _bare(annotation)
    origin = get_origin(bare) or bare
    if origin in (bool, int, float, str, Secret):
        return {bool: "flag", int: "number", float: "number", str: "text", Secret: "secret"}[origin]  # type: ignore[return-value]
    if origin is Literal:
        return "choice"
    arguments = get_args(bare)
    if origin is tuple:
        return "names" if _bare(arguments[0]) is str else None
    if any(isinstance(one, BeforeValidator) for one in metadata):
        return "names"  # a table that may be written as a list of names, too
    plain = len(arguments) == 2 and all(_bare(one) is str for one in arguments)
    return "pairs" if plain else None


def _bare(annotation: Any) -> Any:
    """Return a type without its conditions, and without `None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def _value(found: Input, text: str) -> Any:
    if found == "names":
        return text.replace("，", " ").replace(",", " ").split()
    if found == "pairs":
        lines = [line.partition("=") for line in text.replace("＝", "=").splitlines() if line.strip()]
        return {name.strip(): value.strip() for name, _, value in lines}
    if found == "number" and text.isdecimal():
        return int(text)
    return text


def _shown(default: Any) -> str:
    if isinstance(default, tuple | list):
        return " ".join(map(str, default))
    return str(default) if isinstance(default, str | int | float) and not isinstance(default, bool) else ""
