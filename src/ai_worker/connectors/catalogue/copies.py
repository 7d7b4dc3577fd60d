"""The judge's copy of a contract: what the judge cannot read is written so that it can, and nothing else is touched.

Two things only, neither of which changes what a right request is. A placeholder of a path that is called with a
space, say, gets a name without: such names never go out. And where a contract of version 2.0 names the type of a body
by a parameter called `Content-Type`, and not in `consumes`, it stands in `consumes` too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ai_worker.connectors.notes import Notes
from ai_worker.connectors.openapi.load import load
from ai_worker.connectors.openapi.references import References
from ai_worker.connectors.openapi.shape import listed, mapped
from ai_worker.connectors.openapi.swagger2 import type_by_header
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
READABLE = re.compile(r"[-\w%.]+")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def readable(data: bytes) -> bytes:
    """Return the contract as the judge gets it: its own bytes, unless there is something that has to be written anew.

    Args:
        data: The contract, in JSON or YAML. Only references inside it are followed.
    """
    notes = Notes()
    try:
        document = load(data, name="contract", notes=notes).document
    except (ContractRefused, ContractTooLarge):
        return data
    references = References(document, name="contract", folder=None, notes=notes)
    paths = {str(path): item for path, item in mapped(document.get("paths")).items()}
    written = {new: item for path, item in paths.items() for new, item in [_path(path, item, document, references)]}
    if len(written) < len(paths) or written == paths:  # two that would become one stay two
        return data
    return msgspec.json.encode({**document, "paths": written})


def _path(path: str, item: Any, document: Mapping[str, Any], references: References) -> tuple[str, Any]:
    if not isinstance(item, Mapping):
        return path, item
    names = _names(path)
    new = PLACEHOLDER.sub(lambda found: f"{{{names.get(found[1], found[1])}}}", path)
    written = dict(item)
    for key in (*METHODS, "parameters"):
        node = item.get(key)
        if key == "parameters" and names and isinstance(node, list):
            written[key] = list(_renamed(node, names, references))
        elif key != "parameters" and isinstance(node, Mapping):
            written[key] = _operation(node, item, names, document, references)
    return new, written


def _names(path: str) -> Mapping[str, str]:
    """Return the placeholders that the judge cannot read, each with another name that nothing else in the path has."""
    given = PLACEHOLDER.findall(path)
    found: dict[str, str] = {}
    for name in given:
        if READABLE.fullmatch(name) is None and name not in found:
            new = re.sub(r"[^-\w%.]", "_", name) or "_"
            while new in given or new in found.values():
                new += "_"
            found[name] = new
    return found


def _operation(
    node: Mapping[str, Any],
    item: Mapping[str, Any],
    names: Mapping[str, str],
    document: Mapping[str, Any],
    references: References,
) -> Mapping[str, Any]:
    result = dict(node)
    if names and isinstance(node.get("parameters"), list):
        result["parameters"] = list(_renamed(node["parameters"], names, references))
    if "swagger" in document and not listed(node.get("consumes", document.get("consumes"))):
        entries = (*listed(item.get("parameters")), *listed(node.get("parameters")))
        parameters = [one for entry in entries if (one := references.follow(entry)) is not None]
        if kind := type_by_header(parameters):
            result["consumes"] = [kind]
    return result


def _renamed(entries: list[Any], names: Mapping[str, str], references: References) -> Iterator[Any]:
    for entry in entries:
        one = references.follow(entry) or {}
        new = names.get(str(one.get("name"))) if one.get("in") == "path" else None
        yield entry if new is None else {**one, "name": new}
