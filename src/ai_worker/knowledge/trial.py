"""Trying a change of the knowledge before anybody is answered from it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge import search
from ai_worker.knowledge.index_folder import IndexFolder
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.knowledge.store import Change
from ai_worker.knowledge.view import View


class Trial:
    """The knowledge as it would be with some passages added or replaced. It is a `Retriever`.

    It lives in a folder beside the index, and is gone when it is closed.
    """

    def __init__(self, folder: "TemporaryDirectory[str]", view: View, clock: Clock) -> None:
        self._folder = folder
        self._view = view
        self._clock = clock

    @classmethod
    def of(cls, index: IndexFolder, beside: Path, passages: Sequence[Passage], clock: Clock) -> "Trial":
        """Make a trial of an index. Blocks while the passages are indexed.

        Raises:
            IndexBusy: Another process is changing the index.
        """
        folder = TemporaryDirectory(prefix="trial-", dir=beside)
        try:
            copy = index.copied(Path(folder.name))
            writing = copy.begin()
            try:
                revision = writing.revision
                changes = [
                    Change(revision + n, passage.base, passage.id, passage) for n, passage in enumerate(passages, 1)
                ]
                writing.apply(changes)
                writing.commit(revision + len(changes))
            finally:
                writing.end()
            view = copy.view()
        except BaseException:
            folder.cleanup()
            raise
        assert view is not None  # it was committed just now
        return cls(folder, view, clock)

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        """Return the best passages, best first; see `Retriever.search`."""
        view = self._view.for_reader(reader, self._clock.now())
        return search.find(view, question, bases=bases, limit=limit)

    def close(self) -> None:
        """Forget it. Blocks shortly."""
        self._folder.cleanup()
