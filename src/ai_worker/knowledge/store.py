"""The port through which the knowledge is kept. The database holds the passages; an index is a cache."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage

DocumentState = Literal["ready", "failed"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One piece of a document that could not be taken; the rest was."""

    place: str
    """Where: `第 4 页`, `row 7`; empty where nobody can say."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """One file or FAQ table that was added, whether or not it could be read."""

    id: str
    """Its path under the folder given to `knowledge add`, or the name of a single file."""

    base: str
    title: str
    state: DocumentState
    passages: int
    added_at: datetime
    reason: str = ""
    """Why a failed document could not be read, in words for its owner; empty otherwise."""

    code: str = ""
    """The stable error code of a failed document; empty otherwise."""

    place: str = ""
    """Where in a failed document reading it failed: `第 4 页`; empty where nobody can say."""

    troubles: tuple[Trouble, ...] = ()
    """What of a document that could be read was left out; the first few."""

    keeping: Keeping = OPEN
    """Its passages are kept in the same way, except for entries with conditions of their own."""

    source: str = ""
    """The source that it is kept in step with; empty: somebody brought it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One passage that was put (`passage` is set) or removed (`passage` is None) at `revision`."""

    revision: int
    base: str
    passage_id: str
    passage: Passage | None


class KnowledgeStore(Protocol):
    """Keeps documents and passages. Every change raises the store's revision by one or more."""

    async def put_document(
        self, document: Document, passages: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Replace a document and all of its passages in one transaction; return the new revision.

        Passages are keyed by (base, id): one that stood under another document moves here. What changes
        of a document that could be read is kept as a version; `by` is who changed it. Passages whose ids
        are in `inherit` keep the conditions that they are kept under, if they were there before.
        """
        ...

    async def put_entries(
        self, base: str, document_id: str, entries: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        """Add or replace single entries of a table that exists or is made; return the new revision.

        Each entry that changes is kept as a version; `by` is who changed it. Those whose ids are in
        `inherit` keep the conditions that they are kept under, if they were there before.
        """
        ...

    async def remove_document(self, base: str, document_id: str, *, by: str = "") -> bool:
        """Remove a document with its passages; return whether it was there. Its versions stay."""
        ...

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        ...

    async def counts(self) -> tuple[int, int]:
        """Return how many documents are ready and how many passages they hold."""
        ...

    async def revision(self) -> int:
        """Return the revision of the latest change; 0 when nothing was ever added."""
        ...

    async def purged(self) -> int:
        """Return the revision of the latest purge: an index that was built before it holds what must be gone."""
        ...

    async def changes(self, after: int, limit: int) -> list[Change]:
        """Return the changes with a revision above `after`, oldest first, the latest of each passage only."""
        ...
