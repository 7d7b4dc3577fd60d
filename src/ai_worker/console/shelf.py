"""The shelf: what the pages of the knowledge need of it, with what costs time remembered for a while."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.console.knowledge import refusal_words
from ai_worker.console.words import Words
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.errors import BadInput
from ai_worker.knowledge.archive import Version
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.sources import SourceState, SourceStore
from ai_worker.knowledge.store import Document, KnowledgeStore
from ai_worker.knowledge.twins import Twins


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one uploaded file."""

    name: str
    passages: int
    problems: tuple[str, ...]
    """What was not taken, and where; with no passages, why nothing was."""

    alike: int = 0
    """Places in which it repeats or contradicts something, itself included."""


class Shelf:
    """The knowledge as one console sees it."""

    def __init__(
        self,
        *,
        library: Library,
        curator: Curator,
        sources: SourceStore,
        source_names: Sequence[str],
        store: KnowledgeStore,
        thresholds: Thresholds,
    ) -> None:
        """Prepare.

        Args:
            library: Searches, and takes documents in.
            sources: Knows how sources stand.
            source_names: Those that the settings name.
            curator: Looks after single things.
            store: Lists documents.
            thresholds: From which confidence on each base answers and asks back.
        """
        self.library = library
        self.curator = curator
        self.sources = sources
        self.source_names = tuple(source_names)
        self.thresholds = thresholds
        self._store = store
        self._compared: tuple[int, list[Twins]] | None = None

    async def documents(self) -> list[Document]:
        """Return all documents, by base and id."""
        return await self._store.documents()

    async def standing(self) -> list[tuple[str, SourceState | None]]:
        """Return how each configured source stands; `None` for one that was never looked at."""
        known = await self.sources.sources()
        return [(name, known.get(name)) for name in self.source_names]

    async def removed(self, limit: int) -> list[Version]:
        """Return what can come back, the latest first."""
        return await self.curator.removed(limit)

    async def twins(self) -> list[Twins]:
        """Return duplicates and contradictions; compared once for each state of the knowledge."""
        revision = await self._store.revision()
        if self._compared is None or self._compared[0] != revision:
            self._compared = revision, await self.curator.twins()
        return self._compared[1]

    async def take(self, t: Words, name: str, content: bytes, base: str, by: str) -> Taken:
        """Read one uploaded file and make it findable; what is wrong with it is told, not raised."""
        try:
            report = await self.library.add_upload(name, content, base=base, by=by)
        except BadInput as error:
            return Taken(name, 0, (refusal_words(t, error.code, str(error), ""),))
        problems = tuple(refusal_words(t, failure.code, failure.reason, failure.place) for failure in report.failed)
        taken = set(report.taken)
        alike = [twins for twins in await self.twins() if not taken.isdisjoint(twins.keys)] if taken else []
        return Taken(name, report.passages, problems, alike=len(alike))
