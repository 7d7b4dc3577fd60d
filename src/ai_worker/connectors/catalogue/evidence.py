"""What was proven of a system, as it is kept: one small JSON file per system, written by `catalogue verify`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

NO_TYPE = "no_type_in_contract"
"""The contract names no type of content for a body: Prism refuses every one, and only takes a body without any.

What is left of them are calls that must not be tried twice, and contracts that want a `Content-Type` as a parameter.
"""

UNREADABLE_NAME = "unreadable_path_name"
"""Prism does not read a placeholder with a space in its name, and then misses it whatever is sent."""

BEYOND_THE_JUDGE = (NO_TYPE, UNREADABLE_NAME)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an independent judge said to generated calls."""

    judge: str
    """Its name and version: `prism 5.14.2`."""

    calls: int = 0
    """Operations that were called with generated arguments."""

    accepted_reads: int = 0
    accepted_writes: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    """By the judge's kind of complaint, how many operations."""

    unfilled: int = 0
    """Operations for which no arguments were found."""

    negatives: int = 0
    """Calls that lacked a required argument."""

    stopped: int = 0
    """How many of those were refused before anything was sent, as the recorder saw."""

    auth_needed: int = 0
    """Sent calls whose operation needs a proof of who calls."""

    auth_applied: int = 0
    """How many of those carried the credential where the contract wants it, or the vendor besides it."""

    beyond_applied: int = 0
    """Calls that carried all headers that the vendor wants besides the contract."""

    @property
    def accepted(self) -> int:
        """Operations of which the judge accepted a call."""
        return self.accepted_reads + self.accepted_writes


@dataclass(frozen=True, slots=True)
class ContractEvidence:
    """What became of one contract."""

    contract: str
    """Its address, as the catalogue has it."""

    sha256: str
    """Of the contract that was read."""

    date: date
    """In UTC."""

    compiler: str
    """`ai-worker 0.1.0`"""

    kind: str = ""
    """`openapi-3.0`; empty: it could not be compiled."""

    operations: int = 0
    reads: int = 0
    """Tools that only read, by their method."""

    writes: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    """By reason, how many operations became no tool."""

    schemes: int = 0
    """Ways to prove who calls that the contract describes."""

    judged: Judged | None = None
    """`None`: no judge has seen it, or the judge does not take the contract."""

    @property
    def tools(self) -> int:
        """Operations that became tools."""
        return self.reads + self.writes


@dataclass(frozen=True, slots=True)
class Live:
    """A test against the real software, or a vendor's sandbox."""

    date: date
    software: str
    """Its name and version: `Tryton 8.2.0`."""

    test: str
    """Which test of the project did it."""

    read_right: bool = False
    """Facts that were put there were answered right."""

    write_read_back: bool = False
    """A write was approved, done and read back."""

    refusal_handled: bool = False
    auth_expiry_handled: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """Use in one named installation."""

    installation: str
    since: date
    until: date
    """The latest day for which its health record speaks."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was proven of one system."""

    system: str
    contracts: tuple[ContractEvidence, ...] = ()
    live: tuple[Live, ...] = ()
    fields: tuple[Field, ...] = ()


def shipped() -> Traversable:
    """Return the folder of the evidence that comes with the package."""
    return files("ai_worker.connectors.catalogue") / "evidence"


def read(system: str, folder: Traversable | None = None) -> Evidence:
    """Return what was proven of a system; nothing where there is no file."""
    file = (folder or shipped()) / f"{system}.json"
    return msgspec.json.decode(file.read_bytes(), type=Evidence) if file.is_file() else Evidence(system)


def with_live(evidence: Evidence, live: Live) -> Evidence:
    """Return the evidence with a live test, in place of what the same test showed before."""
    others = tuple(one for one in evidence.live if one.test != live.test)
    return replace(evidence, live=tuple(sorted((*others, live), key=lambda one: one.test)))


def write(evidence: Evidence, folder: Path) -> None:
    """Keep what was proven of a system, in place of what was kept before."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(evidence), indent=1)
    (folder / f"{evidence.system}.json").write_bytes(text + b"\n")
