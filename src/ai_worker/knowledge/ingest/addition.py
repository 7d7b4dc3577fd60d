"""One run of adding documents: what was taken, and what was not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ai_worker.knowledge.ingest.parsed import Parsed, Piece
from ai_worker.knowledge.ingest.refusals import DuplicateRow
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document, DocumentState


@dataclass(frozen=True, slots=True)
class Failure:
    """A document, or a row of one, that was not taken."""

    document: str
    code: str
    reason: str
    place: str = ""
    """Where in the document; empty where nobody can say."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of what was added."""

    documents: int
    passages: int
    failed: tuple[Failure, ...]
    taken: tuple[tuple[str, str], ...] = ()
    """The entries and passages, by base and id."""


@dataclass(slots=True)
class Addition:
    """One run of adding, as far as it has come."""

    base: str
    known: Mapping[str, Document]
    """What there is in the base, by id."""

    keeping: Keeping | None = None
    """How it is to be kept; `None`: as before, and for everybody if it is new."""

    by: str = ""
    source: str = ""

    documents: int = 0
    passages: int = 0
    failed: list[Failure] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)
    """Which document each row's id of this run came from."""

    def keeping_of(self, document_id: str) -> Keeping:
        """Return how a document is to be kept: nothing that was restricted is opened by adding it again."""
        if self.keeping is not None:
            return self.keeping
        return self.known[document_id].keeping if document_id in self.known else OPEN

    def passages_of(self, document_id: str, parsed: Parsed) -> list[Passage]:
        """Return a document's passages; a row whose id another document of the run has is left out."""
        keeping = self.keeping_of(document_id)
        passages = [
            Passage(f"{document_id}#{at}", self.base, document_id, "passage", *_told(piece), keeping)
            for at, piece in enumerate(parsed.pieces, 1)
        ]
        for row in parsed.rows:
            other = self.rows.setdefault(row.id, document_id)
            if other == document_id:
                told = (row.kind, row.title, row.text, row.aliases, "", keeping)
                passages.append(Passage(row.id, self.base, document_id, *told))
            else:
                reason = f"the id {row.id!r} is already that of a row of {other}, which was kept"
                self.failed.append(Failure(document_id, DuplicateRow.code, reason))
        return passages

    def document_of(self, document_id: str, title: str, state: DocumentState, at: datetime) -> Document:
        """Return the row of a document that was looked at just now."""
        source = self.source or (self.known[document_id].source if document_id in self.known else "")
        return Document(
            document_id, self.base, title, state, 0, at, keeping=self.keeping_of(document_id), source=source
        )

    def report(self) -> AddReport:
        """Return what became of it all."""
        return AddReport(self.documents, self.passages, tuple(self.failed), tuple(self.taken))


def _told(piece: Piece) -> tuple[str, str, tuple[str, ...], str]:
    return piece.title, piece.text, (), piece.locator
