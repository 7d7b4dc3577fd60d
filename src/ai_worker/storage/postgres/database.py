"""The database as every store here sees it: transactions with a deadline, and one statement of time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self

import asyncpg

from ai_worker.foundation.clock import Clock, from_micros, to_micros
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.postgres.address import Address, parse
from ai_worker.storage.postgres.bell import Bell
from ai_worker.storage.postgres.connect import CONNECT_S, DEADLINE_S, open_pool, told_apart
from ai_worker.storage.postgres.migrations import migrate

MOMENT = "coalesce($1::bigint, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)"
"""The database's own time in microseconds, or the one that `PostgresDatabase.held` puts in its place.

Leases and due times are decided by this clock alone, so that a node whose own clock is wrong neither
takes nor loses what belongs to another. What a node says of time (`until`) counts from its own `now`.
"""

CLOSE_S = 5.0
TIDY_S = 60.0

_HARMLESS = (AiWorkerError, asyncpg.PostgresError)
"""What a connection survives that is not in a transaction any more."""


class PostgresDatabase:
    """One schema of a PostgreSQL database, shared with other nodes.

    Every call ends within its deadline. A connection whose deadline has passed is thrown away, for
    nobody knows what its transaction became; the pool makes a new one.
    """

    def __init__(
        self, pool: Any, address: Address, *, clock: Clock, node: str, held: Clock | None, accept_deadline_s: float
    ) -> None:
        self.address = address
        self.clock = clock
        self.node = node
        """Whose rows this is at a restart: the installation, not the process."""

        self.accept_deadline_s = accept_deadline_s
        """Seconds within which an accepted message must be kept; later is a `StoreBusy`."""

        self.bell = Bell(self)
        self._pool = pool
        self._held = held

    @classmethod
    async def open(
        cls, url: str, *, clock: Clock, node: str, held: Clock | None = None, accept_deadline_s: float = 2.0
    ) -> Self:
        """Connect, and bring the schema up to date.

        Args:
            url: `postgresql://USER@HOST/DB`, with `?schema=NAME` if it is not to be `ai_worker`.
            clock: Tells this node's time.
            node: The same at every start of this installation, and no other's.
            held: Stands in for the database's clock; for tests.
            accept_deadline_s: See `accept_deadline_s`.

        Raises:
            StoreBusy: The server cannot be reached now.
            Misconfigured: It refuses us, or the schema is another program's or a newer version's.
        """
        address = parse(url)
        pool = await open_pool(address)
        database = cls(pool, address, clock=clock, node=node, held=held, accept_deadline_s=accept_deadline_s)
        try:
            with told_apart():
                async with pool.acquire(timeout=CONNECT_S) as connection:
                    await migrate(connection, address)
        except BaseException:
            pool.terminate()
            raise
        return database

    @property
    def moment(self) -> int | None:
        """What the statements are given for `$1` of `MOMENT`: nothing, unless the clock is held."""
        return None if self._held is None else to_micros(self._held.now())

    def until(self, moment: datetime) -> int:
        """Return how many microseconds are left until a moment on this node's clock; 0 once it is over."""
        return max(0, (moment - self.clock.now()) // timedelta(microseconds=1))

    @asynccontextmanager
    async def transaction(self, *, deadline_s: float = DEADLINE_S) -> AsyncIterator[Any]:
        """Yield a connection inside a transaction, which is committed at the end of the block.

        Raises:
            StoreBusy: Nothing was committed, or nobody knows.
            Unstorable: A value cannot be kept; nothing was committed.
        """
        async with self._connection(deadline_s) as connection:
            await connection.execute("BEGIN")
            try:
                yield connection
            except _HARMLESS:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """Run one statement, which is its own transaction, and return its rows; raises as `transaction` does."""
        async with self._connection(DEADLINE_S) as connection:
            rows: list[Any] = await connection.fetch(statement, *values)
            return rows

    async def first(self, statement: str, *values: Any) -> Any:
        """Run one statement and return its first row; `None` if there is none."""
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def check(self) -> None:
        """Write something harmless and have it flushed, as an accepted message would be.

        Raises:
            StoreBusy: A message could not be accepted now.
        """
        async with self.transaction(deadline_s=self.accept_deadline_s) as connection:
            await connection.execute(f"UPDATE pulse SET at = {MOMENT}", self.moment)

    async def tidy(self, tables: Sequence[str]) -> None:
        """Let the server overwrite what was deleted from some tables, as far as nobody can see it any more."""
        async with self._connection(TIDY_S) as connection:
            await connection.execute(f"VACUUM {', '.join(tables)}", timeout=TIDY_S)

    async def now(self) -> datetime:
        """Return the database's time."""
        (moment,) = await self.first(f"SELECT {MOMENT}", self.moment)
        return from_micros(moment)

    async def close(self) -> None:
        """Close every connection; what is still in progress is cut off after a moment."""
        await self.bell.close()
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_S)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _connection(self, deadline_s: float) -> AsyncIterator[Any]:
        if self._pool.is_closing():
            raise StoreBusy("The database is being closed. Try again once ai-worker has started.")
        with told_apart():
            async with asyncio.timeout(deadline_s):
                connection = await self._pool.acquire()
                try:
                    yield connection
                except BaseException as error:
                    if not isinstance(error, _HARMLESS) or connection.is_in_transaction():
                        connection.terminate()  # in the middle of something: never to be used again
                    raise
                finally:
                    await self._pool.release(connection)
