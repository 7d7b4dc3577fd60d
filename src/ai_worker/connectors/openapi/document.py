"""Read an OpenAPI 3 document and follow the references inside it."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_BYTES = 20 * 1024 * 1024
"""The largest real contract that we know has 12 MB."""

MAX_REFERENCES = 20
"""How many references may lead to one another before it counts as a circle."""


class BadDocument(ValueError):
    """The document cannot be used; the words say why."""


def load(path: Path) -> Mapping[str, Any]:
    """Return the document in a `.json` or `.toml` file.

    Raises:
        BadDocument: It cannot be read, or is not OpenAPI 3.
    """
    if path.suffix not in (".json", ".toml"):
        raise BadDocument(f"{path.name}: a contract is a .json or .toml file")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadDocument(f"{path.name}: larger than {MAX_BYTES // 1024 // 1024} MB")
        text = path.read_text("utf-8-sig")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise BadDocument(f"{path.name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadDocument(f"{path.name}: {error}") from None
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise BadDocument(f'{path.name}: not OpenAPI 3 (the key "openapi" must begin with "3.")')
    return document


def follow(document: Mapping[str, Any], node: object) -> Mapping[str, Any]:
    """Return the object that `node` is, or that its `$ref` leads to inside the document.

    Raises:
        BadDocument: It is no object, leads nowhere, outside, or in a circle.
    """
    for _ in range(MAX_REFERENCES):
        if not isinstance(node, Mapping):
            raise BadDocument("an object is missing where the contract needs one")
        reference = node.get("$ref")
        if reference is None:
            return node
        node = _at(document, reference)
    raise BadDocument(f"the reference {reference!r} leads in a circle")


def _at(document: Mapping[str, Any], reference: object) -> object:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        raise BadDocument(f"the reference {reference!r} leads outside the document")
    node: object = document
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or name not in node:
            raise BadDocument(f"the reference {reference!r} leads nowhere")
        node = node[name]
    return node
