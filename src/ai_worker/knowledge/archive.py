"""The port through which people look after the knowledge: single things, their versions, their removal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from ai_worker.foundation.errors import NotFound
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document

Kind = Literal["entry", "document"]

Act = Literal["found", "put", "removed", "restored"]
"""`found`: as it was before its first change that is known. `put`: added or changed."""

VERSIONS = 20
"""Versions of one thing that are kept: the latest."""


class NoSuchThing(NotFound):
    """There is no entry, document or version of this name (any more)."""

    code = "knowledge.not_found"
    hint = "`ai-worker knowledge list` names what there is; `--removed` what can come back."


@dataclass(frozen=True, slots=True)
class Thing:
    """One entry or one document."""

    base: str
    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Version:
    """One change of a thing: the state that it led to."""

    number: int
    """Of the whole store: higher is later."""

    thing: Thing
    at: datetime
    by: str
    """Who changed it; empty where nobody said."""

    act: Act
    title: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What a version holds."""

    passages: tuple[Passage, ...]
    """An entry alone, or all passages of a document; none once it was removed."""

    document: Document | None = None
    """Of a document, its own row."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something that somebody should look at again."""

    thing: Thing
    title: str
    owner: str
    review_by: date


class Archive(Protocol):
    """Looks at and changes single things. Every method may raise `Busy`."""

    async def entries(
        self, *, base: str = "", words: str = "", document_id: str = "", after: tuple[str, str] | None, limit: int
    ) -> list[Passage]:
        """Return entries by base and id.

        Args:
            base: Only of this base; empty: of all.
            words: Only those in whose question, other wordings or answer this stands, whatever its case.
            document_id: Only of this table; empty: of all.
            after: Only what comes after this base and id.
            limit: How many at most.
        """
        ...

    async def entry(self, base: str, id: str) -> Passage:
        """Return one entry, or a table's row without a question.

        Raises:
            NoSuchThing: There is none.
        """
        ...

    async def document(self, base: str, id: str) -> Document:
        """Return one document.

        Raises:
            NoSuchThing: There is none.
        """
        ...

    async def passages(self, base: str, document_id: str, limit: int) -> list[Passage]:
        """Return a document's passages in their order."""
        ...

    async def versions(self, thing: Thing) -> list[Version]:
        """Return what became of a thing, the latest first, also if it is gone."""
        ...

    async def version(self, number: int) -> tuple[Version, Kept]:
        """Return one version with what it holds.

        Raises:
            NoSuchThing: There is none.
        """
        ...

    async def removed(self, limit: int) -> list[Version]:
        """Return what was removed and can come back, the latest first."""
        ...

    async def remove_entry(self, base: str, id: str, *, by: str) -> bool:
        """Remove one entry; return whether it was there. Its versions stay."""
        ...

    async def restore(self, number: int, *, at: datetime, by: str) -> Thing:
        """Make a version the current state again; a `removed` one stands for the state before it.

        Raises:
            NoSuchThing: There is no such version, or nothing before it.
        """
        ...

    async def purge(self, things: Sequence[Thing]) -> int:
        """Delete removed things for good, with all their versions; return how many of them had something left.

        What was not removed is left alone. From the return on their words are in no file of the database;
        each index drops them with its next refresh.
        """
        ...

    async def over(self, before: datetime, limit: int) -> list[Thing]:
        """Return things that were removed at a moment or before, and can still come back."""
        ...

    async def due(self, day: date) -> list[Due]:
        """Return what should have been reviewed by a day, the longest due first."""
        ...
