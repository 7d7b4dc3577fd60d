"""Follow references inside a contract, and into files beside it where a folder was given. Nothing else."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ai_worker.connectors.notes import Notes
from ai_worker.connectors.openapi.load import read
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MAX_CHAIN = 20
"""How many references may lead to one another before it counts as a circle."""

MAX_FILES = 3_000
MAX_FOLDER_BYTES = 60 * 1024 * 1024

MISSING: Any = object()


class References:
    """Where the references of one contract lead. An address is never fetched, whatever its scheme."""

    def __init__(self, document: Mapping[str, Any], *, name: str, folder: Path | None, notes: Notes) -> None:
        self._documents: dict[str, Any] = {"": document}
        self._targets: dict[str, Any] = {}
        self._folder = folder.resolve() if folder is not None else None
        self._home = posixpath.dirname(name) if folder is not None else ""
        self._bytes = 0
        self.notes = notes

    def target(self, reference: str) -> Any:
        """Return what `reference` leads to; `MISSING`, with a warning, where it leads nowhere we go."""
        if reference not in self._targets:
            self._targets[reference] = self._find(reference)
        return self._targets[reference]

    def follow(self, node: Any) -> Mapping[str, Any] | None:
        """Return the object that `node` is or leads to; `None` if it is or leads to none."""
        for _ in range(MAX_CHAIN):
            if not isinstance(node, Mapping):
                return None
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self.target(reference)
        self.notes.add(f"the reference {reference!r} leads in a circle")
        return None

    def _find(self, reference: str) -> Any:
        file, _, pointer = reference.partition("#")
        document = self._document(file, reference)
        if document is MISSING:
            return MISSING
        if not pointer:
            return document
        found = _at(document, pointer)
        if found is MISSING:
            self.notes.add(f"the reference {reference!r} leads nowhere")
        return found

    def _document(self, file: str, reference: str) -> Any:
        if file in self._documents:
            return self._documents[file]
        if not file.startswith("/") and "/" not in file and not file.endswith((".json", ".yaml", ".yml")):
            definition = _at(self._documents[""], f"/definitions/{file}")  # `$ref: Order`, as Swagger 1.2 had it
            if definition is not MISSING:
                return definition
        if self._folder is None or ":" in file or file.startswith("/") or "\\" in file:
            self.notes.add(f"the reference {reference!r} leads outside the contract and is not followed")
            return MISSING
        return self._documents.setdefault(file, self._open(file))

    def _open(self, file: str) -> Any:
        assert self._folder is not None
        try:
            path = (self._folder / self._home / unquote(file)).resolve(strict=True)
            size = path.stat().st_size
            inside = path.is_relative_to(self._folder) and path.is_file()
            if not inside or len(self._documents) >= MAX_FILES or self._bytes + size > MAX_FOLDER_BYTES:
                self.notes.add(f"{file}: outside the folder, or more than is read; not followed")
                return MISSING
            self._bytes += size
            value = read(path.read_bytes(), name=file, notes=self.notes)
        except (OSError, ValueError, RuntimeError, ContractRefused, ContractTooLarge) as error:
            why = str(error) if isinstance(error, ContractRefused | ContractTooLarge) else "it cannot be read"
            self.notes.add(f"{file}: {why}")
            return MISSING
        _rebase(value, file)
        return value


def _at(document: Any, pointer: str) -> Any:
    node = document
    for part in pointer.strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(name)] if name.isdecimal() and len(name) < 9 and int(name) < len(node) else MISSING
            continue
        if not isinstance(node, Mapping):
            return MISSING
        node = node.get(name, MISSING) if name in node else node.get(unquote(name), MISSING)
    return node


def _rebase(value: Any, file: str) -> None:
    """Write the references of another file as seen from the contract, so that a node needs no home of its own."""
    home, seen, waiting = posixpath.dirname(file), set[int](), [value]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        waiting.extend(node.values() if isinstance(node, dict) else node)
        if isinstance(node, dict) and isinstance(reference := node.get("$ref"), str):
            target, sharp, pointer = reference.partition("#")
            if ":" not in target and not target.startswith("/"):
                target = posixpath.normpath(posixpath.join(home, target)) if target else file
                node["$ref"] = f"{target}{sharp}{pointer}"
