"""The shape of the tree: which keys there may be at a place, and what kind of value each takes."""

import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ai_worker.channels.contract import ChannelSettings
from ai_worker.foundation.secret import Secret
from ai_worker.settings.tree import Settings


def bare(annotation: Any) -> Any:
    """Return an annotation without `Annotated` and without `None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
            if len(kinds) != 1:
                return annotation
            annotation = kinds[0]
        else:
            return annotation


def is_list(annotation: Any) -> bool:
    """Return whether a value of this kind is a list."""
    return get_origin(bare(annotation)) in (list, tuple, set, frozenset)


def is_secret(annotation: Any) -> bool:
    """Return whether a value of this kind must never be shown."""
    return bare(annotation) is Secret


def members(kind: Any, value: object) -> Any:
    """Return the settings class whose fields `value`, which is of `kind`, may hold; `None` if it is a leaf.

    A channel's class depends on its own `kind`, which is why the value is asked.
    """
    from ai_worker.channels import registry

    kind = bare(kind)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    if issubclass(kind, ChannelSettings) and isinstance(value, dict) and value.get("kind") in registry.kinds():
        return registry.settings_class(value["kind"])
    return kind


def child(kind: Any, key: object, value: object) -> Any:
    """Return what stands under `key` of a value of `kind`; `None` when nothing may."""
    kind = bare(kind)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if is_list(kind):
        return get_args(kind)[0]
    model = members(kind, value)
    return model.model_fields[key].rebuild_annotation() if model and key in model.model_fields else None


def at(path: Sequence[str | int], data: object) -> Any:
    """Return the kind of value that may stand at `path` of the tree; `None` when none may."""
    kind: Any = Settings
    for key in path:
        kind = child(kind, key, data)
        data = inside(data, key)
    return kind


def inside(data: object, key: object) -> Any:
    """Return what stands under `key` of some raw value; `None` when nothing does."""
    if isinstance(data, dict):
        return data.get(key)
    return data[key] if isinstance(data, list) and isinstance(key, int) and key < len(data) else None


def keys(kind: Any, value: object) -> list[str]:
    """Return the keys that a value of `kind` may hold; none when it may hold any, or is a leaf."""
    model = members(kind, value)
    return list(model.model_fields) if model else []
