"""One run of adding documents: what was taken, and what was not."""

from dataclasses import dataclass, field

from ai_worker.knowledge.ingest.parsed import Parsed
from ai_worker.knowledge.ingest.refusals import DuplicateRow
from ai_worker.knowledge.passage import Passage


@dataclass(frozen=True, slots=True)
class Failure:
    """A document, or a row of one, that was not taken."""

    document: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of what was added."""

    documents: int
    passages: int
    failed: tuple[Failure, ...]


@dataclass(slots=True)
class Addition:
    """One run of adding, as far as it has come."""

    base: str
    known: frozenset[str]
    """Documents of the base that could be read before."""

    documents: int = 0
    passages: int = 0
    failed: list[Failure] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)
    """Which document each row's id of this run came from."""

    def passages_of(self, document_id: str, parsed: Parsed) -> list[Passage]:
        """Return a document's passages; a row whose id another document of the run has is left out."""
        passages = [
            Passage(
                f"{document_id}#{at}", self.base, document_id, "passage", piece.title, piece.text, (), piece.locator
            )
            for at, piece in enumerate(parsed.pieces, 1)
        ]
        for row in parsed.rows:
            other = self.rows.setdefault(row.id, document_id)
            if other == document_id:
                passages.append(Passage(row.id, self.base, document_id, row.kind, row.title, row.text, row.aliases))
            else:
                reason = f"the id {row.id!r} is already that of a row of {other}, which was kept"
                self.failed.append(Failure(document_id, DuplicateRow.code, reason))
        return passages

    def report(self) -> AddReport:
        """Return what became of it all."""
        return AddReport(self.documents, self.passages, tuple(self.failed))
