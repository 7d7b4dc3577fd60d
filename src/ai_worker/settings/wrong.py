"""From pydantic's word for a mistake to ours."""

from collections.abc import Mapping
from typing import Any

from ai_worker.settings import shape
from ai_worker.settings.guess import remedy
from ai_worker.settings.problems import Problem
from ai_worker.settings.tree import Settings
from ai_worker.settings.words import WORDS

_SAME = {
    "int_type": "int", "int_parsing": "int", "int_from_float": "int", "int_parsing_size": "int",
    "float_type": "float", "float_parsing": "float", "finite_number": "float",
    "bool_type": "bool", "bool_parsing": "bool",
    "date_type": "date", "date_parsing": "date", "date_from_datetime_parsing": "date",
    "date_from_datetime_inexact": "date",
    "string_type": "text", "path_type": "text", "url_type": "text",
    "list_type": "list", "tuple_type": "list", "set_type": "list", "frozen_set_type": "list",
    "dict_type": "table", "model_type": "table", "model_attributes_type": "table",
    "greater_than_equal": "at_least", "greater_than": "more_than",
    "less_than_equal": "at_most", "less_than": "less_than",
    "string_too_short": "too_short", "too_short": "too_short",
    "string_too_long": "too_long", "too_long": "too_long",
}  # fmt: skip
"""Our kind of mistake for pydantic's."""

_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "limit")


def named(error: Mapping[str, Any], data: Mapping[str, Any]) -> Problem:
    """Return the problem that one of pydantic's errors describes, not yet placed.

    Args:
        error: One of `ValidationError.errors()`, without its input.
        data: The whole tree that was validated.
    """
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind = _SAME.get(error["type"], error["type"])
    if kind not in WORDS:
        kind = "other"
    facts: dict[str, object] = {"reason": _reason(error)}
    facts |= {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, str | int | float)}
    context = error.get("ctx", {})
    for name in _LIMITS:
        if name in context:
            facts["limit"] = context[name]
    if "expected" in context:
        facts["choices"] = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    if "known" in context:
        facts["choices"] = ", ".join(context["known"])
        facts |= remedy(str(context["kind"]), context["known"])
    if kind == "extra_forbidden":
        facts |= remedy(str(path[-1]), _siblings(path, data))
    return Problem(kind, path, facts=facts)


def _reason(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")


def _siblings(path: tuple[str | int, ...], data: Any) -> list[str]:
    """Return the keys that may stand where the last part of `path` does."""
    kind: Any = Settings
    for key in path[:-1]:
        kind = shape.child(kind, key, data)
        data = shape.inside(data, key)
    return shape.keys(kind, data)
