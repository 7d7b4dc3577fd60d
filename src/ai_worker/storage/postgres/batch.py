"""Group commit: what many callers want to write at about the same time becomes one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from ai_worker.foundation.errors import AiWorkerError
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.postgres.connect import Contended, Unstorable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 512
"""Most pieces of work in one transaction: what a storm of messages brings while one commit lasts."""

QUEUE = 20_000
"""Most pieces of work that may wait; more are refused at once."""


@dataclass(slots=True, eq=False)
class _Job(Generic[Item, Result]):
    item: Item
    future: asyncio.Future[Result]
    timer: asyncio.TimerHandle


class Batch(Generic[Item, Result]):
    """Hands what waits to `write`, in the order in which it came, one transaction after another.

    While one transaction is on its way to the server's disk, what comes in waits for the next: no
    timer, so a single caller is never held back. If a transaction fails because of one row (a value
    that cannot be kept, a row that another node holds), its rows are written one by one, so that
    only the bad one fails.

    Args:
        name: For the log.
        write: Writes items in one transaction; returns a result, or a foreseen error, for each.
        key: Items with the same key never stand in the same transaction.
        deadline_s: Seconds after which a caller gives up. Work that has not begun by then is withdrawn
            and never happens; of work that has, it is not known whether it will.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | AiWorkerError]]],
        *,
        key: Callable[[Item], Hashable],
        deadline_s: float,
    ) -> None:
        self._name, self._write, self._key, self._deadline_s = name, write, key, deadline_s
        self._jobs: deque[_Job[Item, Result]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def put(self, item: Item) -> Result:
        """Return the item's result once its transaction is committed.

        Raises:
            StoreBusy: It is not, as far as anybody knows.
            AiWorkerError: What `write` says about this very item.
        """
        if self._closing:
            raise StoreBusy("The database is being closed. Try again once ai-worker has started.")
        if len(self._jobs) >= QUEUE:
            raise StoreBusy("Too many writes are waiting for the database. Try again in a moment.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        job = _Job(item, future, loop.call_later(self._deadline_s, _expire, future))
        self._jobs.append(job)
        if self._task is None:
            self._task = loop.create_task(self._work())
        try:
            return await future
        finally:
            job.timer.cancel()

    async def close(self) -> None:
        """Finish what is waiting; what comes later is refused."""
        self._closing = True
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        try:
            while jobs := self._take():
                await self._commit(jobs)
        finally:
            self._task = None

    def _take(self) -> list[_Job[Item, Result]]:
        """Return what is waiting, oldest first; what has the key of something before it stays for the next."""
        taken, later = list[_Job[Item, Result]](), list[_Job[Item, Result]]()
        keys = set[Hashable]()
        while self._jobs and len(taken) < BATCH:
            job = self._jobs.popleft()
            if job.future.done():
                continue
            if (key := self._key(job.item)) in keys:
                later.append(job)
                continue
            keys.add(key)
            taken.append(job)
        self._jobs.extendleft(reversed(later))
        return taken

    async def _commit(self, jobs: list[_Job[Item, Result]]) -> None:
        try:
            results = await self._write([job.item for job in jobs])
        except (Unstorable, Contended) as error:
            if len(jobs) == 1:
                _fail(jobs, error)
                return
            log.warning("storage.one_by_one", batch=self._name, rows=len(jobs), reason=error.code)
            for job in jobs:
                if not job.future.done():
                    await self._commit([job])
        except AiWorkerError as error:
            _fail(jobs, error)
        except Exception as defect:  # a task boundary: the callers must hear of every defect
            log.exception("storage.batch_failed", batch=self._name, rows=len(jobs))
            _fail(jobs, defect)
        else:
            for job, result in zip(jobs, results, strict=True):
                _tell(job, result)


def _expire(future: "asyncio.Future[Result]") -> None:
    if not future.done():
        future.set_exception(StoreBusy("The database is too slow; it is not known whether it was stored."))


def _tell(job: _Job[Item, Result], result: Result | AiWorkerError) -> None:
    if job.future.done():
        return
    if isinstance(result, AiWorkerError):
        job.future.set_exception(result)
    else:
        job.future.set_result(result)


def _fail(jobs: Sequence[_Job[Item, Result]], error: Exception) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)
