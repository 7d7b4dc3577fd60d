"""The embedded database: one writer with group commit, and a few readers beside it."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import apsw
import structlog

from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.sqlite.connect import open_reader, open_writer, tidy
from ai_worker.storage.sqlite.writer import UNAVAILABLE, Result, Work, Writer

READERS = 4
"""Connections that read at once. SQLite lets them, whatever the writer does."""

READS = 2_000
"""Most reads in progress and waiting; more are refused at once."""

TIDY_TRIES, TIDY_PAUSE_S = 20, 0.05

WRITE_DEADLINE_S = 30.0
"""How long a write waits that no platform's deadline hurries: longer than any lock that we foresee."""

log = structlog.get_logger(__name__)


class SqliteDatabase:
    """A SQLite file in WAL mode with `synchronous = FULL`.

    Other processes (the commands beside a running service) may open the same file; each has its
    own writer, and they take turns.
    """

    def __init__(self, path: Path, connection: apsw.Connection, *, clock: Clock, accept_deadline_s: float) -> None:
        self.path = path
        self.accept_deadline_s = accept_deadline_s
        """Seconds within which an accepted message must be on disk; later is a `StoreBusy`."""

        self._clock = clock
        self._writer = Writer(connection, clock=clock)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._watcher = ThreadPoolExecutor(1, thread_name_prefix="sqlite-watcher")
        self._watching: apsw.Connection | None = None
        self._idle: deque[apsw.Connection] = deque()
        self._reading = 0
        self._closing = False

    @classmethod
    def open(cls, path: Path, *, clock: Clock, accept_deadline_s: float = 2.0) -> Self:
        """Open the file, creating it if it is not there, and bring its schema up to date. Blocks shortly.

        Raises:
            Misconfigured: The file or its folder cannot be used; it was left as it was found.
        """
        return cls(path, open_writer(path), clock=clock, accept_deadline_s=accept_deadline_s)

    async def write(self, work: Work[Result], *, deadline_s: float = WRITE_DEADLINE_S) -> Result:
        """Run `work` in the writer's thread; return its result once it is flushed to disk.

        Args:
            work: Called with the writing connection, inside a savepoint of a shared transaction. It
                must only use the connection, and be quick: everybody waits for it.
            deadline_s: Seconds after which the caller gives up; see `Writer` for what that means.

        Raises:
            StoreBusy: It is not on disk, as far as anybody knows.
        """
        return await self._writer.write(work, deadline_s=deadline_s)

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` in a reader's thread, on one unchanging view of everything committed by now.

        Raises:
            StoreBusy: The file cannot be read now, or too many reads are waiting.
        """
        if self._closing:
            raise StoreBusy("The database is being closed. Try again once ai-worker has started.")
        if self._reading >= READS:
            raise StoreBusy("Too many reads are waiting for the database. Try again in a moment.")
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)
        finally:
            self._reading -= 1

    async def check(self) -> None:
        """Write something harmless and flush it, as an accepted message would be.

        Raises:
            StoreBusy: A message could not be accepted now.
        """
        at = to_micros(self._clock.now())
        await self.write(lambda connection: _beat(connection, at), deadline_s=self.accept_deadline_s)

    async def version(self) -> int:
        """Return a number that changes whenever another process commits something; our own commits count too.

        Raises:
            StoreBusy: The file cannot be read now.
        """
        return await asyncio.get_running_loop().run_in_executor(self._watcher, self._version)

    async def tidy(self) -> None:
        """Bring the log into the file and empty it, so that what was deleted is in neither. Tried a few times."""
        for _ in range(TIDY_TRIES):
            if await asyncio.get_running_loop().run_in_executor(self._watcher, tidy, self.path):
                return
            await asyncio.sleep(TIDY_PAUSE_S)
        log.info("sqlite.log_not_emptied")

    async def close(self) -> None:
        """Finish what is waiting and close the file. What comes later is refused as `StoreBusy`."""
        self._closing = True
        await asyncio.to_thread(self._close)

    def _read(self, work: Work[Result]) -> Result:
        try:
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._idle.append(connection)
        except UNAVAILABLE as error:
            raise StoreBusy(f"The database could not be read: {error}.") from error

    def _version(self) -> int:
        """Read the version, always on the same connection: it is relative to that."""
        try:
            if self._watching is None:
                self._watching = open_reader(self.path)
            version: int = self._watching.pragma("data_version")
        except UNAVAILABLE as error:
            raise StoreBusy(f"The database could not be read: {error}.") from error
        return version

    def _borrow(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:  # never more than READERS of them: each thread returns its own
            return open_reader(self.path)

    def _close(self) -> None:
        self._readers.shutdown(wait=True)
        self._watcher.shutdown(wait=True)
        if self._watching is not None:
            self._watching.close()
        while self._idle:
            self._idle.pop().close()
        self._writer.close()


def _beat(connection: apsw.Connection, at: int) -> None:
    connection.execute("UPDATE pulse SET at = ?", (at,))
