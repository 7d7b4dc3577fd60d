"""The connectors folder as it changes: what is new, changed or gone takes effect in a running service."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import Connector, ConnectorRefused
from ai_worker.connectors.fetching import drifted
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import ConnectorHub, Described, connect, connector_files, describe, id_of
from ai_worker.skills.tool import Called

log = structlog.get_logger(__name__)

MOST_FILES = 2_000
"""Of one connector that are looked at; a contract of several files has some dozens."""

Mark = tuple[tuple[str, int, int, int], ...]
"""The files of one connector, and how they look: name, when changed, size, which file on the disk."""


class ConnectorsFolder:
    """Holds the connectors that a folder describes, and keeps them as the folder has them."""

    def __init__(
        self,
        folder: Path | None,
        *,
        resolve: Callable[[str], str],
        parts: Parts,
        more: Sequence[Connector] = (),
        heard: Callable[[Called], None] | None = None,
    ) -> None:
        """Load every connector there is; calls nobody.

        Args:
            folder: Where they lie; one that is not there holds none, and neither does `None`.
            resolve: Turns `env:NAME` and `file:PATH` into what they refer to.
            parts: What connections are made of besides their settings.
            more: Connectors that nobody has described in a file.
            heard: Is told of every call that was made.

        Raises:
            ConnectorRefused: A file or its contract cannot be used.
        """
        self.root = folder
        self._resolve, self._parts, self._more = resolve, parts, tuple(more)
        self._one_at_a_time = asyncio.Lock()
        self._beside: dict[str, list[Path]] = {}
        self._marks: dict[Path, Mark] = {}
        self._made: dict[Path, Connection | None] = {}
        self._problems: dict[str, ConnectorRefused] = {}
        self._off: dict[str, Described] = {}
        self._known = frozenset(connector.id for connector in more)
        marks = self._look_around()
        for file in marks:
            self._made[file] = self._load(file)
        self._marks = self._look_around()
        self.hub = ConnectorHub(self._all(), heard=heard, clock=parts.clock)

    @property
    def problems(self) -> Mapping[str, ConnectorRefused]:
        """Connectors whose files cannot be used as they are now, by id. What worked before goes on working."""
        return MappingProxyType(self._problems)

    @property
    def switched_off(self) -> Mapping[str, Described]:
        """Connectors that are described and not enabled, by id."""
        return MappingProxyType(self._off)

    def file_of(self, connector_id: str) -> Path | None:
        """Return the file that describes a connector; `None`: none does."""
        return next((file for file in self._marks if _name(file) == connector_id), None)

    async def drifted(self, connector_id: str) -> bool | None:
        """Ask a running system whether its contract is another one by now; `None`: it cannot be told."""
        file, used = self.file_of(connector_id), self.hub.get(connector_id)
        if file is None or not isinstance(used, Connection):
            return None
        try:
            described = await asyncio.to_thread(describe, file, self._resolve)
            return await drifted(described, used.contract.sha256, self._parts)
        except ConnectorRefused:  # what is used is an earlier one, and that is told already
            return None

    async def look(self) -> list[str]:
        """Take over what has changed; return the ids of the connectors that are new, changed or gone."""
        async with self._one_at_a_time:  # a person at the console and the clock may both ask for it
            return await self._look()

    async def _look(self) -> list[str]:
        try:
            marks = await asyncio.to_thread(self._look_around)
        except OSError as error:
            log.warning("connectors.folder_unreadable", folder=str(self.root), problem=error.strerror)
            return []
        stale = [file for file, mark in marks.items() if self._marks.get(file) != mark]
        gone = [file for file in self._marks if file not in marks]
        if not stale and not gone:
            return []
        for file in gone:
            self._forget(file)
        changed = [_name(file) for file in gone]
        changed += [_name(file) for file in stale if await self._take(file)]
        for file in stale:  # loading has found out which other files belong to it
            mark = _mark(file, self._beside.get(str(file), ()))
            marks[file] = mark if set(mark) >= set(marks[file]) else marks[file]
        self._marks = marks
        await self.hub.swap(self._all())
        if changed:
            log.info("connectors.changed", connectors=changed)
        return changed

    async def _take(self, file: Path) -> bool:
        """Load one connector anew; return whether it could be."""
        name = _name(file)
        try:
            made = await asyncio.to_thread(self._load, file)
        except ConnectorRefused as refused:
            self._problems[name] = refused
            kept = self._made.get(file) is not None
            log.warning("connectors.refused", connector=name, problem=str(refused), former_kept=kept)
            return False
        except Exception as error:  # a defect that one contract brings to light ends nothing else
            log.exception("connectors.load_failed", connector=name)
            self._problems[name] = ConnectorRefused(file, f"it cannot be loaded ({type(error).__name__})")
            return False
        self._problems.pop(name, None)
        self._made[file] = made
        return True

    def _load(self, file: Path) -> Connection | None:
        connector_id = id_of(file)
        others = {_name(other) for other, made in self._made.items() if other != file and made is not None}
        if connector_id in self._known | others:
            raise ConnectorRefused(file, f"another connector has the id {connector_id!r}")
        beside: list[Path] = []
        described = describe(file, self._noting(beside, file))
        if file.name != "connector.toml" and described.settings.contract:
            beside.append(described.contract)
        self._beside[str(file)] = beside
        if not described.settings.enabled:
            self._off[connector_id] = described
            return None
        made = connect(described, self._parts)
        self._off.pop(connector_id, None)
        return made

    def _noting(self, beside: list[Path], file: Path) -> Callable[[str], str]:
        """Return what resolves references, and takes note of the files that they name."""

        def resolve(value: str) -> str:
            if value.startswith("file:") and self.root is not None:
                beside.append(self.root.parent / value.removeprefix("file:").strip())
                self._beside[str(file)] = beside  # also of one that is refused: the file may come later
            return self._resolve(value)

        return resolve

    def _forget(self, file: Path) -> None:
        self._made.pop(file, None)
        self._beside.pop(str(file), None)
        self._problems.pop(_name(file), None)
        self._off.pop(_name(file), None)

    def _all(self) -> list[Connector]:
        return [*self._more, *(made for made in self._made.values() if made is not None)]

    def _look_around(self) -> dict[Path, Mark]:
        files = connector_files(self.root) if self.root is not None else []
        return {file: _mark(file, self._beside.get(str(file), ())) for file in files}


def _name(file: Path) -> str:
    return file.parent.name if file.name == "connector.toml" else file.stem


def _mark(file: Path, beside: Sequence[Path]) -> Mark:
    """Return how the files of one connector look; one that is not there looks like nothing."""
    places = [file, *beside]
    if file.name == "connector.toml":
        places.append(file.parent)
    found = [path for place in places for path in _files(place)]
    return tuple(sorted({entry for path in found[:MOST_FILES] if (entry := _look(path)) is not None}))


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return [path for path in sorted(place.rglob("*"))[:MOST_FILES] if not path.name.startswith(".")]


def _look(path: Path) -> tuple[str, int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return str(path), seen.st_mtime_ns, seen.st_size, seen.st_ino
