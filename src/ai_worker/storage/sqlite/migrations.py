"""Numbered SQL files, each applied once and in one transaction with the version it leads to."""

from importlib.resources import files

import apsw

from ai_worker.foundation.errors import Misconfigured

APPLICATION_ID = 0x4149574B
"""`AIWK` in the file's header: whose database it is, for `file` and for us."""


class ForeignDatabase(Misconfigured):
    """The file is a SQLite database, but of another program."""

    code = "storage.foreign"
    hint = "Set [storage] url to a file of ai-worker's own."


class SchemaTooNew(Misconfigured):
    """A newer ai-worker has written this database; this one would damage what it does not know."""

    code = "storage.schema_too_new"
    hint = "Install the newer ai-worker again, or restore a backup from before the upgrade."


def _scripts() -> list[tuple[int, str]]:
    """Return version and SQL of every migration, in order."""
    folder = files(__package__).joinpath("migrations")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name.split("_", 1)[0]), entry.read_text("utf-8")) for entry in found)


def migrate(connection: apsw.Connection) -> int:
    """Bring the database to the schema of this version; return that schema's number.

    Safe to run from several processes at once: each step takes the write lock and looks again.

    Raises:
        ForeignDatabase: The file belongs to another program.
        SchemaTooNew: The file's schema is newer than this program.
    """
    scripts = _scripts()
    latest = scripts[-1][0]
    version = _version(connection, latest)
    for number, script in scripts:
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
        raise SchemaTooNew(
            f"The database has schema {version}, written by a newer ai-worker; this one knows schemas up to {latest}."
        )
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
