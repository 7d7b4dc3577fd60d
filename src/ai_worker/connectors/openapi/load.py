"""Read a contract's bytes into plain values: JSON first, then JSON with slips, then YAML."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_worker.connectors.notes import Notes
from ai_worker.connectors.openapi.yaml_tree import BadYaml, parse
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MAX_BYTES = 20 * 1024 * 1024
"""The largest real contract that we know has 12 MB."""

MAX_VALUES = 2_500_000
"""Of a JSON document; each takes up to a hundred bytes of memory."""

MAX_DEPTH = 200
"""Levels of nesting; real contracts have fewer than 60."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was read."""

    document: Mapping[str, Any]
    sha256: str


def load(data: bytes, *, name: str, notes: Notes) -> Loaded:
    """Return the document in `data`, got over what is wrong with its spelling.

    Raises:
        ContractTooLarge: It has more than 20 MB.
        ContractRefused: It is neither JSON nor YAML, is no object, or is too deep.
    """
    document = read(data, name=name, notes=notes)
    if not isinstance(document, dict):
        raise ContractRefused(f"{name}: it holds no object at its top")
    return Loaded(document, hashlib.sha256(data).hexdigest())


def read(data: bytes, *, name: str, notes: Notes) -> Any:
    """Return the value in `data`; for the errors see `load`."""
    if len(data) > MAX_BYTES:
        raise ContractTooLarge(f"{name}: larger than {MAX_BYTES // 1024 // 1024} MB")
    text = _text(data, name, notes)
    value = _json(text, name, notes) if text.lstrip()[:1] in ("{", "[") else _NOT_JSON
    if value is _NOT_JSON:
        try:
            value = parse(text)
        except BadYaml as error:
            raise ContractRefused(f"{name}: {error}") from None
    _check_depth(value, name)
    return value


_NOT_JSON: Any = object()


def _text(data: bytes, name: str, notes: Notes) -> str:
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        notes.add(f"{name}: not UTF-8; characters that cannot be read are replaced")
        return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _json(text: str, name: str, notes: Notes) -> Any:
    if sum(map(text.count, "{[,")) > MAX_VALUES:
        raise ContractTooLarge(f"{name}: more than {MAX_VALUES:,} values")
    for repaired in (False, True):
        try:
            # Not strict: line breaks inside strings are the commonest slip of real contracts.
            value = json.loads(_mended(text) if repaired else text, strict=False, parse_constant=lambda _: None)
        except RecursionError:
            raise ContractRefused(f"{name}: deeper than {MAX_DEPTH} levels") from None
        except ValueError:
            continue
        if repaired:
            notes.add(f"{name}: not quite JSON (comments or commas too many); read all the same")
        return value
    return _NOT_JSON


_SLIPS = re.compile(r'("(?:[^"\\]|\\[\s\S])*+"?)|//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|,(?=\s*+[}\],])')
"""A string, which is kept; or a comment, or a comma with nothing after it, which are not."""


def _mended(text: str) -> str:
    for _ in range(2):  # a comma may have had a comment after it
        text = _SLIPS.sub(lambda found: found[1] or "", text)
    return text


def _check_depth(value: Any, name: str) -> None:
    """Refuse what is nested too deeply, so that whoever walks the document may recurse. YAML is checked while read."""
    level, seen = [value], set[int]()
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            if inner and id(node) not in seen:
                seen.add(id(node))  # aliases of YAML: one value at several places, or inside itself
                below.extend(child for child in inner if isinstance(child, dict | list))
        if not below:
            return
        level = below
    raise ContractRefused(f"{name}: deeper than {MAX_DEPTH} levels")
