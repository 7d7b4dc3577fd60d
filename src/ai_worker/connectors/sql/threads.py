"""Databases whose drivers block: each query in a thread of its own, and no more threads than connections."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, TextClause, create_engine
from sqlalchemy.exc import SQLAlchemyError

from ai_worker.connectors.sql import sqlite
from ai_worker.connectors.sql.database import CHUNK, GRACE_S, Waiting
from ai_worker.connectors.sql.dialects import Dialect
from ai_worker.connectors.sql.faults import DatabaseBusy, DatabaseGone, failed
from ai_worker.connectors.sql.rows import Rows
from ai_worker.foundation.clock import Clock

T = TypeVar("T")


class ThreadedDatabase:
    """SQLite, MySQL, MariaDB, Oracle and SQL Server."""

    def __init__(
        self,
        url: URL,
        dialect: Dialect,
        *,
        connections: int,
        seconds: float,
        arguments: Mapping[str, Any],
        clock: Clock,
    ) -> None:
        """Prepare the connections; nobody is called.

        Raises:
            ModuleNotFoundError: The driver is not installed.
        """
        self._url, self._dialect = url, dialect
        self._connections, self._seconds = connections, seconds
        self._arguments = {**dialect.arguments(seconds), **arguments}
        self._clock = clock
        self._waiting = Waiting(connections, seconds)
        self._engine = self._made()
        self._threads: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Make ready; calls nobody."""
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="sql")

    async def close(self) -> None:
        """Close the connections; a query that still runs ends by its own time limit."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        self._engine.dispose()

    async def read(
        self, name: str, statement: TextClause, values: Mapping[str, Any], rows: Rows, *, asker: str = ""
    ) -> Rows:
        """Gather what a query gives."""

        def gather(connection: Connection) -> Rows:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
            with streaming.execute(statement, dict(values)) as result:
                rows.begin(list(result.keys()))
                while chunk := result.fetchmany(CHUNK):
                    if not all(rows.add(row) for row in chunk):
                        break
            return rows

        return await self.look(name, gather)

    async def look(self, name: str, how: Callable[[Connection], T]) -> T:
        """Return what `how` finds."""
        if self._threads is None:
            raise DatabaseGone(f"{name}: the connection to the database is not open")
        await self._waiting.enter(name)
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._with, how)
        # The place is free when the thread is, which may be later than whoever waits gives up.
        running.add_done_callback(self._waiting.leave)
        running.add_done_callback(_heard)
        done, _ = await asyncio.wait({running}, timeout=self._seconds + GRACE_S)
        if not done:
            raise DatabaseBusy(f"{name}: the database was stopped after {self._seconds:g} s")
        try:
            return running.result()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise failed(name, error, self._seconds) from None

    def _with(self, how: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            self._prepare(connection)
            try:
                return how(connection)
            finally:
                connection.rollback()

    def _prepare(self, connection: Connection) -> None:
        """Take away from a connection what it does not need: writing, and time."""
        raw: Any = connection.connection.dbapi_connection
        if self._dialect.name == "sqlite":
            sqlite.limit(raw, self._clock.monotonic, self._seconds)
        if self._dialect.limit_attribute:
            setattr(raw, self._dialect.limit_attribute, int(self._seconds * self._dialect.limit_unit))
        for statement in self._dialect.begins(int(self._seconds * 1000)):
            connection.exec_driver_sql(statement)

    def _made(self) -> Engine:
        common: dict[str, Any] = {"pool_size": self._connections, "max_overflow": 0, "hide_parameters": True}
        if self._dialect.name == "sqlite":
            path = self._url.database or ""
            return create_engine(self._url, creator=lambda: sqlite.opened(path), **common)
        return create_engine(self._url, pool_recycle=1800, connect_args=dict(self._arguments), **common)


def _heard(future: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not future.cancelled():
        future.exception()
