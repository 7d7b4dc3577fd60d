"""Numbered SQL files, each applied once and in one transaction with the version it leads to."""

import apsw

from ai_worker.storage.schema import ForeignDatabase, scripts, too_new

APPLICATION_ID = 0x4149574B
"""`AIWK` in the file's header: whose database it is, for `file` and for us."""


def migrate(connection: apsw.Connection) -> int:
    """Bring the database to the schema of this version; return that schema's number.

    Safe to run from several processes at once: each step takes the write lock and looks again.

    Raises:
        ForeignDatabase: The file belongs to another program.
        SchemaTooNew: The file's schema is newer than this program.
    """
    steps = scripts(__package__)
    latest = steps[-1][0]
    version = _version(connection, latest)
    for number, script in steps:
        if version < number:
            version = _apply(connection, number, script, latest)
    return version


def _version(connection: apsw.Connection, latest: int) -> int:
    version = int(connection.pragma("user_version"))
    owner = int(connection.pragma("application_id"))
    empty = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
    if owner != APPLICATION_ID and not empty:
        raise ForeignDatabase("The database file belongs to another program; nothing in it was changed.")
    if version > latest:
        raise too_new(version, latest)
    return version


def _apply(connection: apsw.Connection, number: int, script: str, latest: int) -> int:
    """Apply one script unless another process was faster; return the version that holds now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if (version := _version(connection, latest)) < number:
            connection.execute(script).fetchall()
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number)
            version = number
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version
