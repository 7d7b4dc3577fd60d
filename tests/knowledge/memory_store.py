"""A knowledge store in memory: the port's promises in their plainest form."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document

MOMENT = datetime(2026, 11, 22, tzinfo=UTC)


class MemoryKnowledgeStore:
    """Keeps documents and passages in dictionaries; each changed passage has a revision of its own."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}
        self._passages: dict[tuple[str, str], Passage] = {}
        self._changed: dict[tuple[str, str], int] = {}
        self._revision = 0

    async def put_document(
        self, document: Document, passages: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        passages = self._inherited(passages, inherit)
        kept = {(passage.base, passage.id) for passage in passages}
        for key, passage in list(self._passages.items()):
            if (passage.base, passage.document_id) == (document.base, document.id) and key not in kept:
                self._remove(key)
        self._documents[document.base, document.id] = document
        self._put(passages)
        return self._revision

    async def put_entries(
        self, base: str, document_id: str, entries: Sequence[Passage], *, by: str = "", inherit: Collection[str] = ()
    ) -> int:
        self._put(self._inherited(entries, inherit))
        count = sum(
            1 for passage in self._passages.values() if (passage.base, passage.document_id) == (base, document_id)
        )
        made = Document(document_id, base, document_id, "ready", count, MOMENT)
        self._documents[base, document_id] = replace(self._documents.get((base, document_id), made), passages=count)
        return self._revision

    async def remove_document(self, base: str, document_id: str, *, by: str = "") -> bool:
        for key, passage in list(self._passages.items()):
            if (passage.base, passage.document_id) == (base, document_id):
                self._remove(key)
        return self._documents.pop((base, document_id), None) is not None

    async def documents(self) -> list[Document]:
        return [self._documents[key] for key in sorted(self._documents)]

    async def counts(self) -> tuple[int, int]:
        ready = [document for document in self._documents.values() if document.state == "ready"]
        return len(ready), len(self._passages)

    async def revision(self) -> int:
        return self._revision

    async def purged(self) -> int:
        return 0

    async def changes(self, after: int, limit: int) -> list[Change]:
        newer = sorted((revision, key) for key, revision in self._changed.items() if revision > after)
        return [Change(revision, *key, self._passages.get(key)) for revision, key in newer[:limit]]

    def _inherited(self, passages: Sequence[Passage], inherit: Collection[str]) -> list[Passage]:
        return [
            replace(passage, keeping=self._passages.get((passage.base, passage.id), passage).keeping)
            if passage.id in inherit
            else passage
            for passage in passages
        ]

    def _put(self, passages: Sequence[Passage]) -> None:
        for passage in passages:
            if self._passages.get((passage.base, passage.id)) != passage:
                self._passages[passage.base, passage.id] = passage
                self._touch((passage.base, passage.id))

    def _remove(self, key: tuple[str, str]) -> None:
        del self._passages[key]
        self._touch(key)

    def _touch(self, key: tuple[str, str]) -> None:
        self._revision += 1
        self._changed[key] = self._revision
