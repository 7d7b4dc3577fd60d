"""SQLite opened so that it cannot write, whatever it is asked."""

import sqlite3
from collections.abc import Callable
from urllib.parse import quote

MAX_VALUE = 1_000_000
"""Bytes of one value: a query cannot build larger ones."""

STEPS = 20_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""

_ABOUT_TABLES = frozenset({
    "table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list", "index_info", "index_xinfo",
})  # fmt: skip
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION})


def opened(path: str) -> sqlite3.Connection:
    """Open a database's file for reading alone.

    Raises:
        sqlite3.OperationalError: There is no such file, or it is no database.
    """
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        harmful = str(second).lower() in ("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit")
        return sqlite3.SQLITE_DENY if harmful else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        # SQLAlchemy asks for the isolation level of each new connection; asked without a value it sets nothing.
        known = str(first).lower() in _ABOUT_TABLES or (first == "read_uncommitted" and second is None)
        return sqlite3.SQLITE_OK if known else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def limit(connection: sqlite3.Connection, monotonic: Callable[[], float], seconds: float) -> None:
    """Let what runs from now on end after so many seconds."""
    until = monotonic() + seconds
    connection.set_progress_handler(lambda: monotonic() > until, STEPS)
