"""One database's connections: bounded in number, and every query bounded in time, rows and bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ai_worker.connectors.sql.dialects import CONNECT_S
from ai_worker.connectors.sql.faults import DatabaseBusy, DatabaseGone, failed
from ai_worker.connectors.sql.rows import Rows

CHUNK = 50
"""Rows that are fetched at a time; what is beyond the limit never leaves the database."""

GRACE_S = 2.0
"""For which the driver is waited after the database should have stopped."""

ERRORS = (SQLAlchemyError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

T = TypeVar("T")


class Database(Protocol):
    """Reads from a database."""

    async def start(self) -> None:
        """Make ready; calls nobody."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...

    async def read(
        self, name: str, statement: TextClause, values: Mapping[str, Any], rows: Rows, *, asker: str = ""
    ) -> Rows:
        """Gather what a query gives in `rows`, and return them.

        Args:
            name: For errors.
            statement: One that was checked.
            values: By the names of its parameters.
            rows: Says how many.
            asker: For whom; empty: for nobody.

        Raises:
            ToolFailed: There is no connection, the query is wrong, or it took too long.
        """
        ...

    async def look(self, name: str, how: Callable[[Connection], T]) -> T:
        """Return what `how` finds on a connection that cannot write.

        Raises:
            ToolFailed: As for `read`.
        """
        ...


class Waiting:
    """Lets so many in at a time; who waits too long is sent away."""

    def __init__(self, places: int, seconds: float) -> None:
        self._places, self._seconds = places, seconds
        self._free = asyncio.Semaphore(places)

    async def enter(self, name: str) -> None:
        """Take a place.

        Raises:
            DatabaseBusy: None became free in time.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseBusy(f"{name}: all {self._places} connections were busy for {self._seconds:g} s") from None

    def leave(self, *_done: object) -> None:
        """Give the place back."""
        self._free.release()


class AwaitedDatabase:
    """PostgreSQL, over asyncpg."""

    def __init__(
        self, url: URL, *, connections: int, seconds: float, asker_setting: str, arguments: Mapping[str, Any]
    ) -> None:
        self._url, self._connections, self._seconds = url, connections, seconds
        self._arguments = {"timeout": CONNECT_S, **arguments}
        milliseconds = str(int(seconds * 1000))
        settings = [f"set_config('{name}', '{milliseconds}', true)" for name in ("statement_timeout", "lock_timeout")]
        settings += [f"set_config('{asker_setting}', :asker, true)"] if asker_setting else []
        # All of them end with the transaction, and one round trip sets them: also behind a pooler.
        self._settings = text(f"SELECT {', '.join(settings)}")
        self._tells_asker = bool(asker_setting)
        self._waiting = Waiting(connections, seconds)
        self._engine: AsyncEngine | None = None

    async def start(self) -> None:
        """Make ready; calls nobody."""
        self._engine = create_async_engine(
            self._url,
            pool_size=self._connections,
            max_overflow=0,
            pool_recycle=1800,
            connect_args=self._arguments,
            hide_parameters=True,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def read(
        self, name: str, statement: TextClause, values: Mapping[str, Any], rows: Rows, *, asker: str = ""
    ) -> Rows:
        """Gather what a query gives."""

        async def gather(connection: AsyncConnection) -> Rows:
            async with connection.stream(
                statement, dict(values), execution_options={"max_row_buffer": CHUNK}
            ) as result:
                rows.begin(list(result.keys()))
                while chunk := await result.fetchmany(CHUNK):
                    if not all(rows.add(row) for row in chunk):
                        break
            return rows

        return await self._with(name, gather, asker)

    async def look(self, name: str, how: Callable[[Connection], T]) -> T:
        """Return what `how` finds."""
        return await self._with(name, lambda connection: connection.run_sync(how), "")

    async def _with(self, name: str, how: Callable[[AsyncConnection], Awaitable[T]], asker: str) -> T:
        await self._waiting.enter(name)
        try:
            async with asyncio.timeout(self._seconds + GRACE_S), self._reading(asker) as connection:
                return await how(connection)
        except ERRORS as error:
            raise failed(name, error, self._seconds) from None
        finally:
            self._waiting.leave()

    @asynccontextmanager
    async def _reading(self, asker: str) -> AsyncIterator[AsyncConnection]:
        if self._engine is None:
            raise DatabaseGone("the connection to the database is not open")
        async with self._engine.connect() as connection:
            reading = await connection.execution_options(postgresql_readonly=True)
            await reading.execute(self._settings, {"asker": asker} if self._tells_asker else {})
            yield reading
