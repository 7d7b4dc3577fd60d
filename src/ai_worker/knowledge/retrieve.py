"""The port through which a turn asks the knowledge."""

from collections.abc import Sequence
from typing import Protocol

from ai_worker.knowledge.passage import Scored


class Retriever(Protocol):
    """Finds passages for a question. Deterministic: the same knowledge gives the same answer."""

    def search(self, question: str, *, bases: Sequence[str] = ("*",), limit: int = 8) -> list[Scored]:
        """Return the best passages, best first, at most `limit`, each passage once.

        A few milliseconds of CPU and no waiting, so it is a plain function. `bases` are the
        knowledge bases to look in; `"*"` means all. An empty question finds nothing.
        """
        ...
