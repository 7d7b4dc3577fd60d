"""The settings reference: read off the settings classes, so that it cannot be out of date."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ai_worker.channels import registry
from ai_worker.foundation.secret import Secret
from ai_worker.settings import shape
from ai_worker.settings.tree import Settings

_WORDS = {str: "text", int: "number", float: "number", bool: "true/false", Secret: "secret", Path: "path"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting, as the reference shows it."""

    key: str
    """Dotted, with `<name>` where the administrator chooses one: `workers.<name>.persona`."""

    type: str
    """`text`, `number`, `true/false`, `path`, `secret`, `list of text`, or the choices."""

    default: str
    """As it would be written in the file; empty when it must be given."""

    doc: str
    """The field's docstring, on one line; empty when nobody wrote one."""

    section: str
    """The heading it stands under: `console`, `channels.<name> (wecom-app)`; empty for the top."""


def reference() -> list[Entry]:
    """Return every setting, in the order in which the file would have them."""
    entries = [*_leaves(Settings, "", "")]
    for name, field in Settings.model_fields.items():
        kind = shape.bare(field.annotation)
        if get_origin(kind) is dict:
            inner = shape.bare(get_args(kind)[1])
            if name == "channels":
                for channel in registry.kinds():
                    place = f"{name}.<name>"
                    entries += _section(registry.settings_class(channel), place, f"{place} ({channel})")
            else:
                entries += _section(inner, f"{name}.<name>", f"{name}.<name>")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            entries += _section(kind, name, name)
    return entries


def _section(model: type[BaseModel], prefix: str, section: str) -> Iterator[Entry]:
    yield from _leaves(model, f"{prefix}.", section)


def _leaves(model: type[BaseModel], prefix: str, section: str) -> Iterator[Entry]:
    docs = docstrings(model)
    for name, field in model.model_fields.items():
        kind = shape.bare(field.annotation)
        if prefix == "" and (get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel))):
            continue
        yield Entry(f"{prefix}{name}", describe(kind), _default(field), docs.get(name, ""), section)


def describe(annotation: Any) -> str:
    """Return what may be written for a value of this kind, in words."""
    kind = shape.bare(annotation)
    if get_origin(kind) is Literal:
        return " | ".join(str(choice) for choice in get_args(kind))
    if shape.is_list(kind):
        inner = shape.bare(get_args(kind)[0])
        return "list of tables" if _is_model(inner) else f"list of {describe(inner)}"
    if get_origin(kind) is dict or _is_model(kind):
        return "table"
    return _WORDS.get(kind, "text")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is PydanticUndefined else written(value)


def written(value: object) -> str:
    """Return a value as the settings file would write it; a secret is never shown."""
    if value is None or isinstance(value, Secret):
        return '""' if value is not None and not value else "—"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if value == int(value) and value < 1e6 else str(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(written(part) for part in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the text below each field of a settings class and of the classes it builds on."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if part in (BaseModel, object) or not issubclass(part, BaseModel):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        if not isinstance(tree, ast.ClassDef):
            continue
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found[field.target.id] = " ".join(below.value.value.split())
    return found
