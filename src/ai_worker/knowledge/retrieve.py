"""The port through which a turn asks the knowledge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ai_worker.knowledge.keeping import Keeping, readable_from
from ai_worker.knowledge.passage import Scored


@dataclass(frozen=True, slots=True)
class Reader:
    """On whose behalf the knowledge is read: their rights filter inside the search, not after it."""

    department: str | None = None
    """Where they work, as the platform's directory has it; `None`: nobody said, so what is open to all."""

    everything: bool = False
    """An administrator, or an evaluation: departments do not matter."""

    @property
    def readable(self) -> frozenset[str] | None:
        """The departments whose knowledge they may read beside what is open to all; `None`: every one's."""
        return None if self.everything else readable_from(self.department)

    def finds(self, keeping: Keeping, moment: datetime) -> bool:
        """Return whether a search at `moment` may find what is kept so: the rule that the index's query follows."""
        readable = self.readable
        open_to = readable is None or not keeping.departments or not readable.isdisjoint(keeping.departments)
        return open_to and keeping.holds_at(moment)


ANYBODY = Reader()
EVERYTHING = Reader(everything=True)


class Retriever(Protocol):
    """Finds passages for a question. Deterministic: the same knowledge gives the same answer."""

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        """Return the best passages, best first, at most `limit`, each passage once.

        A few milliseconds of CPU and no waiting, so it is a plain function. An empty question finds
        nothing.

        Args:
            question: What is asked.
            bases: The knowledge bases to look in; `"*"` means all.
            limit: How many passages at most.
            reader: Who asks: what they may not read is not found.
            vector: The question's embedding, fused with the other ways of finding; `None` where no
                endpoint for embeddings is configured, or it does not answer.
        """
        ...


class Nearness(Protocol):
    """Finds passages near in meaning, by vectors that somebody keeps."""

    def nearest(self, vector: Sequence[float], *, bases: Sequence[str], limit: int) -> list[tuple[str, float]]:
        """Return keys of passages in the index with their cosine, the nearest first.

        Nothing as long as too few passages have a vector. Who may read them is not looked at here.
        """
        ...


class Meanings(Protocol):
    """Embeds questions."""

    async def of(self, question: str) -> Sequence[float] | None:
        """Return a question's vector; `None` if there is none within the time that a search may wait."""
        ...


class ForEverything:
    """Searches on behalf of somebody who may read everything, whoever asks: an administrator's own trial."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        """Return the best passages of all that are in effect; see `Retriever.search`."""
        return self._retriever.search(question, bases=bases, limit=limit, reader=EVERYTHING, vector=vector)
