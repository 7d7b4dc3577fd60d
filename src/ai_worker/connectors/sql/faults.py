"""What a database's errors mean for whoever asked."""

from typing import Any

from sqlalchemy.exc import DBAPIError

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.skills.tool import ToolFailed

MAX_WORDS = 200

TOO_SLOW = frozenset({"57014", "55P03"})
"""PostgreSQL: query_canceled (the time limit), lock_not_available."""

TOO_SLOW_MYSQL = frozenset({1205, 1969, 3024})
"""Lock wait timeout, max_statement_time, MAX_EXECUTION_TIME."""

WRITES = frozenset({"25006"})
"""read_only_sql_transaction."""


_GONE = frozenset({
    "InterfaceError", "ConnectionDoesNotExistError", "InternalClientError",
    # A table was changed under a prepared statement: on the next connection it is prepared anew.
    "InvalidCachedStatementError",
})  # fmt: skip


class DatabaseFailed(ToolFailed):
    """The database could not be reached, refused, or stopped the query."""

    code = "sql.failed"
    hint = (
        "`ai-worker connectors test ID` says whether the database is there, what the role may do and which query fails."
    )


class DatabaseBusy(DatabaseFailed):
    """All connections are taken, or the query took too long and was stopped."""

    code = "sql.busy"
    hint = "Narrow the query or give its table an index; `timeout_s` and `connections` are the limits."


class DatabaseGone(DatabaseFailed):
    """There is no connection: nobody listens there, or it broke."""

    code = "sql.gone"
    hint = "See whether the database is up and whether the address, the user and the password in `url` are right."


def failed(name: str, error: BaseException, seconds: float) -> ToolFailed:
    """Return the error to raise for one of a driver's.

    Args:
        name: The operation.
        error: The driver's, or SQLAlchemy's around it.
        seconds: The time limit.
    """
    own = _own(error)
    state, number = str(getattr(own, "sqlstate", None) or ""), (own.args or (None,))[0]
    slow = state in TOO_SLOW or number in TOO_SLOW_MYSQL or "interrupted" in str(own)
    if slow or isinstance(own, TimeoutError):
        return DatabaseBusy(f"{name}: the database was stopped after {seconds:g} s")
    if is_gone(error):
        return DatabaseGone(f"{name}: no connection to the database: {_words(own)}")
    if state in WRITES:
        return DatabaseFailed(f"{name}: the query would write, and was refused")
    if state.startswith("22"):
        return ArgumentsRefused(f"{name}: the database cannot use the values: {_words(own)}")
    return DatabaseFailed(f"{name}: the database refused: {_words(own)}")


def is_gone(error: BaseException) -> bool:
    """Return whether an error says that there is no connection."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    own = _own(error)
    state = str(getattr(own, "sqlstate", None) or "")
    # 08: connection exceptions, 28: credentials, 53300: too many connections, 57P: shut down, 3D000: no such database.
    if state.startswith(("08", "28", "53300", "57P", "3D000")) or isinstance(own, OSError):
        return True
    return type(own).__name__ in _GONE or "unable to open database file" in str(own)


def _own(error: BaseException) -> Any:
    """Return the driver's own error."""
    own: BaseException = error
    while isinstance(own, DBAPIError) and own.orig is not None:
        own = own.orig
    # SQLAlchemy puts asyncpg's errors into errors that look like those of other drivers.
    return own.__cause__ if own.__cause__ is not None else own


def _words(error: BaseException) -> str:
    parts = [str(part) for part in error.args if isinstance(part, str)]
    first = (parts or [str(error)])[0].strip().partition("\n")[0]
    return f"“{first[:MAX_WORDS]}”" if first else type(error).__name__
