"""Changing the connectors folder: nothing there is replaced before what replaces it has been loaded."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.draft import Draft, text_of
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.placing import copy, hand_over, put, writing
from ai_worker.connectors.registry import Described, connect, describe, id_of, is_id, no_id
from ai_worker.foundation.errors import Conflict, NotFound

TRASH = ".trash"
"""What was removed lies here; hidden folders are no connectors."""


class ConnectorExists(Conflict):
    """There is a connector with this id."""

    code = "connector.exists"
    hint = "Choose another id, or remove the other one first: ai-worker connectors remove ID"


class NothingRemoved(NotFound):
    """There is no removed connector with this id."""

    code = "connector.nothing_removed"


@dataclass(frozen=True, slots=True)
class Workbench:
    """A connectors folder that is changed."""

    root: Path
    resolve: Callable[[str], str]
    parts: Parts

    def install(self, draft: Draft, contract: bytes | Path | None, *, language: str) -> Connection:
        """Write a new connector, and return it as it was loaded; it is not started.

        Args:
            draft: What it is.
            contract: Its contract: the bytes of its file, or a file or folder to copy; `None`: it needs none.
            language: Of the comments.

        Raises:
            ConnectorRefused: It cannot be used; nothing was written.
            ConnectorExists: There is one of this id.
            NotWritable: The folder cannot be written.
        """
        home = self.vacant(draft.id)
        with self._staging(draft.id) as new:
            if isinstance(contract, bytes):
                (new / draft.contract).write_bytes(contract)
            elif contract is not None:
                copy(contract, new / draft.contract)
            file = new / "connector.toml"
            file.write_text(text_of(draft, language), "utf-8")
            made = self._tried(file, home / "connector.toml")
            hand_over(new, self.root)
            new.rename(home)
        return made

    def vacant(self, connector_id: str) -> Path:
        """Return the folder that a new connector will have.

        Raises:
            ConnectorRefused: It cannot be called so.
            ConnectorExists: There is one of this id.
        """
        home = self.root / connector_id
        if not is_id(connector_id):
            raise ConnectorRefused(home, no_id(connector_id))
        if home.exists() or (self.root / f"{connector_id}.toml").exists():
            raise ConnectorExists(f"there is a connector {connector_id!r} already")
        return home

    def edit(self, file: Path, change: Callable[[Any], None]) -> None:
        """Change what a `connector.toml` says; every comment stays. It is loaded before it is written.

        Args:
            file: The file.
            change: Changes the tomlkit document.

        Raises:
            ConnectorRefused: The changed file could not be used; nothing was written.
            NotWritable: The folder cannot be written.
        """
        try:
            document: Any = tomlkit.parse(file.read_text("utf-8-sig"))
            change(document)
            text = tomlkit.dumps(document)
        except OSError as error:
            raise ConnectorRefused(file, str(error.strerror)) from None
        except (TOMLKitError, KeyError, TypeError, ValueError) as error:
            raise ConnectorRefused(file, str(error)) from None
        with self._staging(id_of(file)) as new:
            candidate = new / "connector.toml"
            candidate.write_text(text, "utf-8")
            described = self._described(candidate, file)
            if described.settings.enabled:
                connect(described, self.parts)
            put(candidate, file)

    def enable(self, file: Path, *, enabled: bool) -> None:
        """Switch a connector on or off.

        Raises:
            ConnectorRefused: It cannot be used as it is; nothing was written.
            NotWritable: The folder cannot be written.
        """

        def change(document: Any) -> None:
            document["enabled"] = enabled

        self.edit(file, change)

    def compiled(self, file: Path, contract: Path) -> Contract:
        """Return what another contract would make of a connector.

        Raises:
            ConnectorRefused: It cannot be used with what the connector.toml says.
        """
        described = describe(file, self.resolve)
        with self._staging(described.id) as new:
            copy(contract, new / described.settings.contract)
            return connect(replace(described, file=new / "connector.toml"), self.parts).contract

    def replace_contract(self, file: Path, contract: Path) -> None:
        """Put another contract in the place of a connector's; one in several files as a whole.

        Raises:
            NotWritable: The folder cannot be written.
        """
        place = file.parent / describe(file, self.resolve).settings.contract
        with self._staging(id_of(file)) as new:
            fresh = new / place.name
            copy(contract, fresh)
            if place.is_dir():
                place.rename(new / "former")
                fresh.rename(place)
            else:
                put(fresh, place)

    def remove(self, file: Path, *, now: datetime) -> Path:
        """Move a connector into the trash, and return where it lies now.

        Raises:
            NotWritable: The folder cannot be written.
        """
        alone = file.name != "connector.toml"
        place = self.root / TRASH / f"{id_of(file)}.{now:%Y%m%dT%H%M%S%fZ}"
        with writing(self.root):
            place.mkdir(parents=True)
            if alone:  # whatever it needs lies beside it, and may be another's too
                file.rename(place / file.name)
            else:
                place.rmdir()
                file.parent.rename(place)
        return place

    def restore(self, connector_id: str) -> Path:
        """Bring back what was removed last under this id, and return its file.

        Raises:
            NothingRemoved: There is none.
            ConnectorExists: There is another of this id by now.
            NotWritable: The folder cannot be written.
        """
        gone = sorted((self.root / TRASH).glob(f"{connector_id}.*Z"))
        if not gone:
            raise NothingRemoved(f"no connector {connector_id!r} was removed")
        home, alone = self.root / connector_id, self.root / f"{connector_id}.toml"
        self.vacant(connector_id)
        with writing(self.root):
            if (gone[-1] / alone.name).exists():
                (gone[-1] / alone.name).rename(alone)
                gone[-1].rmdir()
                return alone
            gone[-1].rename(home)
        return home / "connector.toml"

    def _tried(self, file: Path, final: Path) -> Connection:
        try:
            return connect(self._described(file, file), self.parts)
        except ConnectorRefused as refused:
            raise ConnectorRefused(final, refused.reason.replace(str(file.parent), str(final.parent))) from None

    def _described(self, candidate: Path, file: Path) -> Described:
        """Return what a file that is to stand at `file` says."""
        try:
            return replace(describe(candidate, self.resolve), id=id_of(file), file=file)
        except ConnectorRefused as refused:
            raise ConnectorRefused(file, refused.reason) from None

    @contextmanager
    def _staging(self, connector_id: str) -> Iterator[Path]:
        """Yield an empty folder beside the connectors, called as this one; it is gone afterwards."""
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
            try:
                new = stage / connector_id
                new.mkdir(mode=0o755)
                yield new
            finally:
                shutil.rmtree(stage, ignore_errors=True)
