"""Bring the placeholders of a path and the parameters of its operation together."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from ai_worker.connectors.notes import Notes
from ai_worker.connectors.openapi.shape import Asked
from ai_worker.connectors.operation import Parameter

_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
_TEXT = {"type": "string"}


def fitted(
    path: str, asked: Mapping[tuple[str, str], Asked], notes: Notes
) -> tuple[str, list[Asked], tuple[Parameter, ...]]:
    """Return the path without query, what is asked for, and what the path's own query always sends.

    Every placeholder gets its parameter, under the name that the path has; a path parameter that the
    path has no place for is left out.
    """
    way, _, query = path.partition("#")[0].partition("?")
    way = way if way.startswith("/") else f"/{way}"
    found = dict(asked)
    always: list[Parameter] = []
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=100):
        if placeholder := _PLACEHOLDER.fullmatch(value):
            if (own := found.pop((placeholder[1], "path"), None)) is not None:
                found[name, "query"] = replace(own, name=name, place="query", style="form", explode=True)
        elif (name, "query") not in found:
            always.append(Parameter(name, "", "query", True, "form", True, fixed=value))
    wanted = list(dict.fromkeys(_PLACEHOLDER.findall(way)))
    given = {name.casefold(): one for (name, place), one in found.items() if place == "path"}
    result = []
    for name in wanted:
        own = found.get((name, "path")) or given.get(name.casefold())
        if own is None:
            notes.add(f"{path}: the placeholder {name!r} has no parameter; it is asked for as text")
            own = Asked(name, "path", True, _TEXT, "simple", False)
        result.append(replace(own, name=name))
    for (name, place), one in found.items():
        if place != "path":
            result.append(one)
        elif name not in wanted and name.casefold() not in {each.casefold() for each in wanted}:
            notes.add(f"{path}: the path has no place for its parameter {name!r}; it is left out")
    return way, result, tuple(always)
