"""The settings reference: read off the settings classes, so that it cannot be out of date."""

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ai_worker.channels import registry
from ai_worker.foundation.secret import Secret
from ai_worker.settings import shape
from ai_worker.settings.tree import Settings

_WORDS = {str: "text", int: "number", float: "number", bool: "true/false", Secret: "secret", Path: "path", date: "date"}


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
    """The heading it stands under: `console`, `channels.<name> (wecom-app)`, `[handoff.people]` where there may
    be several; empty for the top."""

    name: str
    """What translations know it by: `api.port`, `workers.persona`, `channels.wecom-app.secret`."""


@cache
def chinese_docs() -> Mapping[str, str]:
    """Return the Chinese words for every setting, by `Entry.name`."""
    tree = tomllib.loads(files(__package__).joinpath("zh-CN.toml").read_text(encoding="utf-8"))
    channels, found = tree.pop("channels"), dict(tree.pop("top"))
    for section, words in tree.items():
        found |= {f"{section}.{key}": doc for key, doc in words.items()}
    for kind in registry.kinds():
        words = channels["every"] | channels.get(kind, {})
        found |= {f"channels.{kind}.{key}": doc for key, doc in words.items()}
    return found


def reference() -> list[Entry]:
    """Return every setting, in the order in which the file would have them."""
    entries = [*_leaves(Settings, "", "", "")]
    for name, field in Settings.model_fields.items():
        kind = shape.bare(field.annotation)
        if get_origin(kind) is dict:
            inner = shape.bare(get_args(kind)[1])
            if name == "channels":
                for channel in registry.kinds():
                    place = f"{name}.<name>"
                    settings = registry.settings_class(channel)
                    entries += _leaves(settings, f"{place}.", f"{place} ({channel})", f"{name}.{channel}.")
            else:
                entries += _leaves(inner, f"{name}.<name>.", f"{name}.<name>", f"{name}.")
        elif _is_model(kind):
            entries += _leaves(kind, f"{name}.", name, f"{name}.")
            entries += _named_parts(kind, name)
            for inner, model in _rows(kind):
                entries += _leaves(model, f"{name}.{inner}[].", f"[{name}.{inner}]", f"{name}.{inner}.")
    return entries


def _named_parts(model: type[BaseModel], section: str) -> Iterator[Entry]:
    """Yield what stands in tables whose names the administrator chooses, inside a section."""
    for name, field in model.model_fields.items():
        kind = shape.bare(field.annotation)
        if get_origin(kind) is dict and _is_model(inner := shape.bare(get_args(kind)[1])):
            place = f"{section}.{name}.<name>"
            yield from _leaves(inner, f"{place}.", place, f"{section}.{name}.")


def _leaves(model: type[BaseModel], prefix: str, section: str, known_by: str) -> Iterator[Entry]:
    docs = docstrings(model)
    for name, field in model.model_fields.items():
        kind = shape.bare(field.annotation)
        if model is Settings and (get_origin(kind) is dict or _is_model(kind)):
            continue
        yield Entry(
            key=f"{prefix}{name}",
            type=describe(kind),
            default=_default(field),
            doc=docs.get(name, ""),
            section=section,
            name=f"{known_by}{name}",
        )


def _rows(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the lists of tables that a section holds; a list of sections like itself has no words of its own."""
    for name, field in model.model_fields.items():
        kind = shape.bare(field.annotation)
        if shape.is_list(kind) and _is_model(inner := shape.bare(get_args(kind)[0])) and not issubclass(model, inner):
            yield name, inner


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
