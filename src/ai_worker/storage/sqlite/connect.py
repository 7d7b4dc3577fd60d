"""Opening the database file: what it must be like, and what an administrator is told if it is not."""

import os
import time
from pathlib import Path

import apsw

from ai_worker.foundation.errors import Misconfigured
from ai_worker.storage.sqlite.migrations import migrate

CHECKED_BYTES = 64 << 20
"""A file up to this size is checked as a whole at every start (a fraction of a second)."""

LOCK_WAIT_MS = 250
"""How long one statement waits for another process's lock; the writer then looks at its deadlines."""

STATEMENTS = 200
"""Prepared statements that each connection keeps."""

CREATION_S = 2.0
"""How long to wait for another process that is creating the file at this moment."""

# Foreign keys are written down in the schema and checked by the tests; checking them again with every
# row would cost a tenth of the whole store's work and, with one writer's code, find nothing.
_SETTINGS = """
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA secure_delete = ON;
"""
"""`secure_delete`: what is deleted is overwritten with zeros, so that it is in no free page of the file."""


class StorageUnusable(Misconfigured):
    """The database file cannot be used as it is. It was left as it was found."""

    code = "storage.unusable"
    hint = "Mend what the message names, or restore the latest backup; then start again."


def open_writer(path: Path) -> apsw.Connection:
    """Return the one connection that writes, with the schema up to date.

    A file that is not there is created; a file that is there is never replaced.

    Raises:
        StorageUnusable: It is missing its folder, read-only, cut off or damaged.
        ForeignDatabase: It belongs to another program.
        SchemaTooNew: A newer version has written it.
    """
    created = _create(path)
    if not created and _settled_size(path) == 0:
        raise StorageUnusable(
            f"The database {path} is empty, so it was cut off and its contents are gone. "
            "Restore it from a backup; if this is a new installation, delete the empty file."
        )
    try:
        connection = _prepare(path)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise _damaged(path, str(error)) from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        raise _read_only(path) from error
    except (apsw.FullError, apsw.IOError, apsw.BusyError) as error:
        raise StorageUnusable(
            f"The database {path} could not be opened: {error}. Free space on its disk, end whatever "
            "program holds it, and start again."
        ) from error
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """Return a connection that cannot change anything; the writer must have opened the file before."""
    connection = _connect(path)
    connection.set_busy_timeout(LOCK_WAIT_MS * 8)
    connection.execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4000").fetchall()
    return connection


def tidy(path: Path) -> bool:
    """Bring everything from the log into the file, and empty the log; return whether nobody was in the way."""
    connection = _connect(path)
    try:
        connection.set_busy_timeout(LOCK_WAIT_MS * 8)
        busy, _, _ = next(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    except apsw.BusyError:
        return False
    finally:
        connection.close()
    return not busy


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=STATEMENTS)
    # Without it, a statement that a partial index serves is prepared anew for every value bound to it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


def _create(path: Path) -> bool:
    """Create the file, readable by its owner alone; return whether it was not there before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise StorageUnusable(
            f"The database {path} cannot be created: {error.strerror}. Its folder must exist, have space, "
            "and belong to the user that ai-worker runs as."
        ) from error
    return True


def _settled_size(path: Path) -> int:
    """Return the file's size once it has one: another process may be creating it at this moment."""
    for _ in range(int(CREATION_S / 0.05)):
        if size := path.stat().st_size:
            return size
        time.sleep(0.05)
    return 0


def _prepare(path: Path) -> apsw.Connection:
    connection = _connect(path)
    try:
        _check_writable(connection, path)
        connection.set_busy_timeout(int(CREATION_S * 1000))
        connection.pragma("journal_mode", "wal")
        connection.execute(_SETTINGS).fetchall()
        connection.execute("PRAGMA cache_size = -16000").fetchall()
        _check_whole(connection, path)
        migrate(connection)
        connection.set_busy_timeout(LOCK_WAIT_MS)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_writable(connection: apsw.Connection, path: Path) -> None:
    if connection.readonly("main"):  # SQLite opens what it may not write for reading, without a word
        raise _read_only(path)


def _check_whole(connection: apsw.Connection, path: Path) -> None:
    if path.stat().st_size > CHECKED_BYTES:
        return
    if (words := next(connection.execute("PRAGMA quick_check(1)"))[0]) != "ok":
        raise _damaged(path, str(words))


def _damaged(path: Path, detail: str) -> StorageUnusable:
    return StorageUnusable(
        f"The database {path} is damaged ({detail}). Nothing was changed in it. Keep a copy, together with the "
        f"files {path.name}-wal and {path.name}-shm if they are there, and restore the latest backup in its place."
    )


def _read_only(path: Path) -> StorageUnusable:
    return StorageUnusable(
        f"The database {path} cannot be written. The file, its folder and {path.name}-wal must belong to the user "
        "that ai-worker runs as, on a file system that is mounted for writing."
    )
