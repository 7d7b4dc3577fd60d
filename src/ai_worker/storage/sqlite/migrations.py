"""Numbered SQL files, each applied once and in one transaction with the version it leads to; see `storage.schema`."""

import apsw

from ai_worker.storage.schema import ForeignDatabase, Migration, admit, migrations

APPLICATION_ID = 0x4149574B
"""`AIWK` in the file's header: whose database it is, for `file` and for us."""

OLDEST = "CREATE TABLE IF NOT EXISTS schema_oldest (version INTEGER NOT NULL) STRICT; DELETE FROM schema_oldest"
"""One row beside `user_version`: the schema that a program has to know to work on this one."""


def migrate(connection: apsw.Connection) -> int:
    """Bring the database to the schema of this version; return the schema's number, which may be higher.

    Safe to run from several processes at once: each step takes the write lock and looks again.

    Raises:
        ForeignDatabase: The file belongs to another program.
        SchemaTooNew: The file's schema is newer than this program can work on.
    """
    steps = migrations(__package__)
    latest = steps[-1].number
    version = _version(connection, latest)
    for step in steps:
        if version < step.number:
            version = _apply(connection, step, latest)
    return version


def _version(connection: apsw.Connection, latest: int) -> int:
    # In this order: a process that creates the file at this moment makes tables and owner in one transaction.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    owner = int(connection.pragma("application_id"))
    version = int(connection.pragma("user_version"))
    if owner != APPLICATION_ID and tables:
        raise ForeignDatabase("The database file belongs to another program; nothing in it was changed.")
    said = connection.execute("SELECT version FROM schema_oldest").fetchone() if "schema_oldest" in tables else None
    admit(version, None if said is None else int(said[0]), latest)
    return version


def _apply(connection: apsw.Connection, step: Migration, latest: int) -> int:
    """Apply one script unless another process was faster; return the version that holds now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if (version := _version(connection, latest)) < step.number:
            connection.execute(step.script).fetchall()
            connection.execute(OLDEST).fetchall()
            connection.execute("INSERT INTO schema_oldest VALUES (?)", (step.oldest,))
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", step.number)
            version = step.number
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version
