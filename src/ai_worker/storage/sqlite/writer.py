"""The writer: one thread, one connection, and one flush to disk for everything that waits."""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw
import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.store import StoreBusy

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Work = Callable[[apsw.Connection], Result]
"""Reads and writes through the connection it is given, inside a transaction that is not its own."""

BATCH = 512
"""Most pieces of work in one transaction: what a storm of messages brings while one flush lasts."""

QUEUE = 20_000
"""Most pieces of work that may wait for the writer; more are refused at once."""

GRACE_S = 1.0
"""How much longer a caller waits whose work is in the middle of its transaction at its deadline."""

SLOW_COMMIT_S = 1.0

UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.PermissionsError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
    apsw.ProtocolError,
)
"""What SQLite raises when the fault is the disk's or another program's, and not in our statements."""


class _Lost(Exception):
    """SQLite has rolled the whole transaction back by itself."""


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    timer: asyncio.TimerHandle | None = None
    begun: bool = False
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs functions on the connection in its own thread, many to a transaction.

    Each function runs inside a savepoint, so that one that raises undoes its own changes alone.
    Callers hear of success only after the transaction is flushed to disk.

    A caller waits at most its deadline. Work that has not begun by then is withdrawn and never
    happens. Work that is in the middle of its transaction is waited for `GRACE_S` longer; if the
    disk is that slow, the caller is told `StoreBusy` although the work may still be committed. So
    success always means "on disk", while `StoreBusy` means "not on disk, or not known yet": it is
    safe because whoever comes again is recognised as a duplicate.
    """

    def __init__(self, connection: apsw.Connection, *, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[Result], *, deadline_s: float) -> Result:
        """Run `work` and return its result once that is on disk.

        Raises:
            StoreBusy: It was not on disk in time, the disk refused it, or too much is waiting.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        with self._changed:
            if self._closing:
                raise StoreBusy("The database is being closed. Try again once ai-worker has started.")
            if len(self._jobs) >= QUEUE:
                raise StoreBusy("Too many writes are waiting for the database. Try again in a moment.")
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._changed.notify()
        job.timer = loop.call_later(deadline_s, self._expire, job)
        result: Result = await job.future
        return result

    def close(self) -> None:
        """Finish what is waiting, end the thread and close the connection. Blocks; call it in a thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._connection.close()

    def _expire(self, job: _Job) -> None:
        """Tell a caller whose deadline has passed (in its event loop)."""
        if job.future.done():
            return
        with self._changed:
            if not job.begun:
                job.future.set_exception(StoreBusy("The database was locked for too long; nothing was stored."))
                return
        job.timer = job.loop.call_later(GRACE_S, self._abandon, job)

    @staticmethod
    def _abandon(job: _Job) -> None:
        if not job.future.done():
            job.future.set_exception(StoreBusy("The disk is too slow: it is not known yet whether it was stored."))

    def _run(self) -> None:
        while self._wait():
            try:
                self._transact()
            except Exception:  # a task boundary: the writer outlives every defect
                log.exception("storage.writer_failed")

    def _wait(self) -> bool:
        """Wait for work; return False once there is none and none will come."""
        with self._changed:
            while True:
                while self._jobs and self._jobs[0].future.done():
                    self._jobs.popleft()
                if self._jobs or self._closing:
                    return bool(self._jobs)
                self._changed.wait()

    def _take(self) -> list[_Job]:
        """Return what is waiting, oldest first, and mark it as begun: from here on it cannot be withdrawn."""
        batch: list[_Job] = []
        with self._changed:
            while self._jobs and len(batch) < BATCH:
                job = self._jobs.popleft()
                if not job.future.done():
                    job.begun = True
                    batch.append(job)
        return batch

    def _transact(self) -> None:
        """Take the write lock, then everything that waits by then, and flush it with one commit.

        While another process holds the lock nothing has begun, so every caller can still withdraw.
        """
        self._undo()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            return
        except apsw.Error as error:
            self._fail(self._take(), error)
            return
        batch = self._take()
        started = self._clock.monotonic()
        try:
            for job in batch:
                self._attempt(job)
            self._connection.execute("COMMIT")
        except (apsw.Error, _Lost) as error:
            self._undo()
            self._fail(batch, error)
            return
        if (seconds := self._clock.monotonic() - started) > SLOW_COMMIT_S:
            log.warning("storage.slow_commit", seconds=round(seconds, 2), writes=len(batch))
        _tell(batch)

    def _attempt(self, job: _Job) -> None:
        """Run one piece of work; keep its result, or its error with its changes undone.

        Raises:
            _Lost: Its failure has taken the whole transaction with it.
        """
        execute = self._connection.execute
        execute("SAVEPOINT work")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise _Lost from error
            execute("ROLLBACK TO work")
            job.error = _unavailable(error) if isinstance(error, UNAVAILABLE) else error
        execute("RELEASE work")

    def _undo(self) -> None:
        """Leave no transaction open, whatever went wrong in it."""
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error as error:
                log.warning("storage.rollback_failed", error=str(error))

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        cause = error.__cause__ if isinstance(error, _Lost) and isinstance(error.__cause__, Exception) else error
        log.error("storage.write_failed", error=str(cause), kind=type(cause).__name__, writes=len(batch))
        for job in batch:
            job.error = _unavailable(cause)
        _tell(batch)


def _unavailable(error: Exception) -> StoreBusy:
    busy = StoreBusy(f"The database could not write: {error}. Nothing was stored; see the space and state of its disk.")
    busy.__cause__ = error
    return busy


def _tell(batch: list[_Job]) -> None:
    """Wake each event loop once for all of its callers."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Job]] = defaultdict(list)
    for job in batch:
        by_loop[job.loop].append(job)
    for loop, jobs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, jobs)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.debug("storage.caller_gone", writes=len(jobs))


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.timer is not None:
            job.timer.cancel()
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
