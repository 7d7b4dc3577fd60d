"""The ports of what knowledge is kept in step with: where documents come from, and what is remembered of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ai_worker.foundation.errors import AiWorkerError, NotFound


class OriginFailed(AiWorkerError):
    """A source, or one of its documents, cannot be reached now. What is here stays."""

    code = "knowledge.source_unreachable"
    hint = "Check the path or address, and its permissions; it is tried again at the next run."


class OriginRefused(OriginFailed):
    """An address leads where the settings do not allow it: another host, or a private network."""

    code = "knowledge.source_refused"
    hint = "Add the host to `hosts`, or set `allow_private = true` for an intranet's."


class OriginGone(OriginFailed):
    """A document is no longer at its source."""

    code = "knowledge.source_gone"


class NoSuchSource(NotFound):
    """The settings name no source of this name."""

    code = "knowledge.no_such_source"
    hint = "The sources stand under [knowledge.sources] in the settings."


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as it is at its source."""

    content: bytes | None
    """`None`: it has not changed."""

    mark: str
    """What tells the next time whether it has changed; only its origin looks inside."""


class Origin(Protocol):
    """Where a source's documents are."""

    async def listed(self) -> Sequence[str]:
        """Return the ids of all documents that should be there.

        Raises:
            OriginFailed: Nobody can say now.
        """
        ...

    async def fetch(self, id: str, mark: str) -> Fetched:
        """Return a document, unless it is as it was when `mark` was taken; the first time that is empty.

        Raises:
            OriginGone: It is not there any more.
            OriginFailed: It cannot be had now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one document of a source."""

    mark: str
    missing_since: datetime | None = None
    """When it was first not there; `None`: it was there at the last look."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A document that could not be taken in a run."""

    document: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of one look at a source."""

    checked: int = 0
    changed: int = 0
    removed: int = 0
    missing: int = 0
    """Documents that are not there and wait for their grace to end."""

    failed: tuple[Missed, ...] = ()
    """The first few."""

    code: str = ""
    """Why the source as a whole could not be looked at; empty if it could."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source stands."""

    name: str
    ran_at: datetime
    due_at: datetime
    """When it is looked at next."""

    report: RunReport


class SourceStore(Protocol):
    """Keeps how sources stand. Every method may raise `Busy`."""

    async def sources(self) -> Mapping[str, SourceState]:
        """Return all sources that were ever looked at, by name."""
        ...

    async def put(self, state: SourceState) -> None:
        """Keep how a source stands."""
        ...

    async def hurry(self, name: str, at: datetime) -> None:
        """Let a source be due at a moment; nothing happens if it was never looked at, for then it is due."""
        ...

    async def seen(self, name: str) -> Mapping[str, Seen]:
        """Return what is remembered of a source's documents, by id."""
        ...

    async def remember(self, name: str, seen: Mapping[str, Seen | None]) -> None:
        """Keep what is known of documents; `None` forgets one."""
        ...
