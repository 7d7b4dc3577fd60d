"""Where the search index lives, and who may change it: any process may read, one at a time writes."""

import fcntl
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path

import msgspec
import structlog
import tantivy

from ai_worker.foundation.errors import Busy
from ai_worker.knowledge import terms
from ai_worker.knowledge.index import REVISION, Standing, documents, key_of, revision_document, schema
from ai_worker.knowledge.store import Change
from ai_worker.knowledge.view import View

SCHEMA_VERSION = 8
"""Raise it with every change to the index's fields or to what they hold."""

WRITER_BYTES = 32_000_000

log = structlog.get_logger(__name__)


class IndexBusy(Busy):
    """Another process is changing the search index; it will show what this one wanted to add, too."""

    code = "knowledge.index_busy"


class IndexFolder:
    """The index on disk. Each version of its format has a folder of its own, and finds only that."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._folder = folder / f"{SCHEMA_VERSION}-{terms.VERSION}-{version('tantivy')}-{version('rjieba')}"
        self._index: tantivy.Index | None = None

    def view(self) -> View | None:
        """Return the latest commit; `None` if there is none that can be read."""
        try:
            if self._index is None:
                self._index = tantivy.Index.open(str(self._folder))
            self._index.reload()
            return View(self._index)
        except (ValueError, OSError, msgspec.MsgspecError) as error:  # tantivy calls what is broken a ValueError
            self._index = None
            if self._folder.exists():
                log.warning("knowledge.index_unreadable", folder=str(self._folder), reason=str(error))
            return None

    def begin(self) -> "IndexWriting":
        """Begin to change the index; `end` it, whatever happens. Blocks shortly.

        An index that cannot be read is replaced by an empty one first.

        Raises:
            IndexBusy: Another process is changing it.
        """
        with ExitStack() as undo:
            lock = self._locked(undo)
            view = self.view()
            if view is None:
                self._start_over()
            writer = self._opened().writer(WRITER_BYTES, 1)
            undo.pop_all()
        return IndexWriting(writer, lock, Standing(view.revision, view.built) if view else Standing(0, 0))

    def copied(self, to: Path) -> "IndexFolder":
        """Return an index of its own in `to` that begins where this one stands. It shares the files' bytes.

        Files of an index are never written twice: a change makes new ones, so that links suffice.

        Raises:
            IndexBusy: Another process is changing it.
        """
        to.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            self._locked(undo)
            if self._folder.is_dir():
                shutil.copytree(self._folder, to / self._folder.name, copy_function=os.link)
        return IndexFolder(to)

    def _locked(self, undo: ExitStack) -> int:
        """Return the lock of who may write, taken; `undo` gives it back.

        It is a lock of our own rather than tantivy's, because it also guards the replacement of the folder.

        Raises:
            IndexBusy: Another process has it.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._root / "writing.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise IndexBusy("Another process is changing the search index") from error
        return lock

    def _opened(self) -> tantivy.Index:
        if self._index is None:
            self._index = tantivy.Index(schema(), path=str(self._folder))
        return self._index

    def _start_over(self) -> None:
        log.info("knowledge.index_started_over", folder=str(self._folder))
        with suppress(FileNotFoundError):
            for older in self._root.glob("[0-9]*-[0-9]*-*"):  # our own folders only
                shutil.rmtree(older)
        self._folder.mkdir(parents=True)


class IndexWriting:
    """A change of the index in progress."""

    def __init__(self, writer: tantivy.IndexWriter, lock: int, standing: Standing) -> None:
        self._writer = writer
        self._lock = lock
        self.revision = standing.revision
        """The store's revision that the index shows, uncommitted changes included."""

        self.built = standing.built
        """The store's revision from which the index was built anew."""

    def clear(self, built: int) -> None:
        """Take everything out, to be built anew from the store as it stands at the revision `built`.

        What searches see stays as it is until the commit; with that the old files are deleted.
        """
        self._writer.delete_all_documents()
        self.revision, self.built = 0, built

    def apply(self, changes: Sequence[Change]) -> None:
        """Take over changes of the store, oldest first."""
        for change in changes:
            self._writer.delete_documents_by_term("key", key_of(change.base, change.passage_id))
            if change.passage is not None:
                for document in documents(change.passage):
                    self._writer.add_document(document)
            self.revision = change.revision

    def commit(self, revision: int) -> None:
        """Show the changes, together with the revision that they lead to."""
        self._writer.delete_documents_by_term("part", REVISION)
        self._writer.add_document(revision_document(Standing(revision, self.built)))
        self._writer.commit()
        self.revision = revision

    def end(self) -> None:
        """Drop what was not committed, and let others write. Blocks until the index's files are in order."""
        try:
            self._writer.rollback()
            self._writer.garbage_collect_files()
            self._writer.wait_merging_threads()
        finally:
            os.close(self._lock)
