"""Moving an installation from its SQLite file to PostgreSQL: everything, or nothing."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage import codec, rows
from ai_worker.storage.folder import AlreadyRunning, held
from ai_worker.storage.opening import need_driver
from ai_worker.storage.schema import SchemaTooNew, migrations

if TYPE_CHECKING:
    import apsw

BATCH, FEW = 2_000, 32
"""Rows that are held in memory at once; few of a table whose rows are long."""

LONG_ROWS = frozenset({"file_piece"})

CHUNK_S = 600.0
"""How long one statement of the move may take; a table's count reads the table."""

TABLES = (
    *("conversation", "inbound", "turn", "progress", "outbound", "notice", "gap"),
    *("document", "passage", "knowledge_revision", "api_key", "console_link", "installation", "first_answer"),
    *("channel_memory", "channel_limit", "feedback", "contact", "file", "file_piece"),
    *("knowledge_version", "knowledge_source", "knowledge_item"),
    *("handoff_wait", "seat", "approval"),
    *("golden_question", "eval_run", "threshold"),
    *("connector_call", "connector_check"),
)
"""What is copied, in an order that keeps every reference whole. `pulse` says nothing, `channel_lease` says who
owns what at this moment, and `pepper_request` who joins: nobody, for nobody runs. What is spent of the
platforms' limits stays spent: they do not forget it because we moved."""

ALWAYS_ONE_ROW = "knowledge_revision"

COLUMNS = """
SELECT column_name, data_type, is_identity FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position
"""


class ServiceRunning(Misconfigured):
    """A service works on the file that is to be moved."""

    code = "storage.service_running"
    hint = "Stop `ai-worker run` on this data folder, then move; start it again with the new storage.url."


class TargetNotEmpty(Misconfigured):
    """There is something in the schema that everything is to be moved to."""

    code = "storage.target_not_empty"
    hint = (
        "Name another schema in the address (?schema=NAME), or drop the one that is there. If an earlier move to it "
        "was cut off without a word, it is whole: a move leaves everything or nothing."
    )


class NothingToMove(Misconfigured):
    """The settings name no SQLite file, or there is none."""

    code = "storage.nothing_to_move"
    hint = "Run this with the settings that the installation has had so far."


class CountsDiffer(Misconfigured):
    """Not every row arrived; nothing was kept in the target."""

    code = "storage.counts_differ"


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows of a table there were, and how many there are now."""

    table: str
    there: int
    here: int


async def move(file: Path, url: str, *, data_dir: Path, clock: Clock) -> list[Moved]:
    """Copy every row of a SQLite file into an empty schema, in one transaction of the target's.

    The file is left as a restart would leave it: what was in progress is waiting again. A move that is
    killed in the middle leaves the target empty, and can be begun again.

    Args:
        file: The SQLite file.
        url: The address of the PostgreSQL database.
        data_dir: The installation's data folder, which no service may hold.
        clock: Tells the time.

    Raises:
        ServiceRunning: A service holds the file's folder.
        TargetNotEmpty: The schema has rows already.
        NothingToMove: There is no such file.
        StoreBusy: The server cannot be reached now, or somebody is writing to the file.
        Misconfigured: One of both databases cannot be used.
    """
    need_driver()
    from ai_worker.storage.postgres.connect import open_single, told_apart
    from ai_worker.storage.postgres.database import PostgresDatabase
    from ai_worker.storage.sqlite.connect import open_reader
    from ai_worker.storage.sqlite.database import SqliteDatabase
    from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore

    with _alone(file, data_dir):
        source = SqliteDatabase.open(file, clock=clock)
        try:
            await SqlitePipelineStore(source, clock).recover(owner="move")
        finally:
            await source.close()
        target = await PostgresDatabase.open(url, clock=clock, node="move")
        await target.close()
        with told_apart():
            connection, reader = await open_single(target.address), open_reader(file)
            try:
                _know_all(reader)
                with _closed_to_writers(file):
                    async with connection.transaction():
                        return await _copy(reader, connection, target.address.schema)
            finally:
                reader.close()
                connection.terminate()


def _know_all(source: "apsw.Connection") -> None:
    """Make sure that there is nothing in the file that would be left behind.

    Raises:
        SchemaTooNew: A newer version has added to it. That is no obstacle to working on it, but to copying it.
    """
    version, latest = int(source.pragma("user_version")), migrations("ai_worker.storage.sqlite")[-1].number
    if version > latest:
        raise SchemaTooNew(
            f"The database has schema {version}, and this ai-worker knows schemas up to {latest}: "
            "it would leave behind what a newer one has added. Nothing was moved."
        )


@contextmanager
def _closed_to_writers(file: Path) -> Iterator[None]:
    """Let nobody write to the file inside the block.

    Commands need no service; what they added to a table that is copied already would be left behind.

    Raises:
        StoreBusy: Somebody is writing.
    """
    import apsw

    with closing(apsw.Connection(str(file))) as gate:
        try:
            gate.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            raise StoreBusy(
                "Another command is writing to the file. Nothing was moved; move once it has ended."
            ) from None
        yield  # closing ends the transaction, which changed nothing


async def _copy(source: "apsw.Connection", target: Any, schema: str) -> list[Moved]:
    # A copy of millions of rows takes longer than any call of the service may.
    await target.execute(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
    )
    await target.execute(f"LOCK TABLE {', '.join(TABLES)} IN SHARE ROW EXCLUSIVE MODE")
    for table in TABLES:
        if table != ALWAYS_ONE_ROW and await target.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
            raise TargetNotEmpty("The schema that was named holds data already; nothing was changed.")
    await target.execute(f"DELETE FROM {ALWAYS_ONE_ROW}")
    moved = [await _table(source, target, schema, table) for table in TABLES]
    if wrong := [one.table for one in moved if one.there != one.here]:
        raise CountsDiffer(f"Rows are missing in: {', '.join(wrong)}. Nothing was kept in the target.")
    return moved


async def _table(source: "apsw.Connection", target: Any, schema: str, table: str) -> Moved:
    """Copy one table, and let the numbers that PostgreSQL gives out go on where SQLite's ended."""
    known = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    columns = await target.fetch(COLUMNS, schema, table)
    shared = [(name, kind) for name, kind, _ in columns if name in known]
    names = [name for name, _ in shared]
    flags = [n for n, (_, kind) in enumerate(shared) if kind == "boolean"]
    cursor = source.execute(f"SELECT {', '.join(names)} FROM {table}")
    added = ["reply", "tainted"] if table == "turn" else []
    most = FEW if table in LONG_ROWS else BATCH
    while batch := [_row(row, flags) for row in _some(cursor, most)]:
        if added:
            batch = [[*row, *_beside(row[names.index("result")])] for row in batch]
        await target.copy_records_to_table(
            table, records=batch, columns=names + added, schema_name=schema, timeout=CHUNK_S
        )
    for name, _, identity in columns:
        if identity == "YES":
            await target.execute(
                f"SELECT setval(pg_get_serial_sequence('{schema}.{table}', '{name}'), max({name})) FROM {table}"
            )
    (there,) = source.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
    return Moved(table, there, await target.fetchval(f"SELECT count(*) FROM {table}", timeout=CHUNK_S))


def _some(cursor: "apsw.Cursor", most: int) -> Iterator[tuple[Any, ...]]:
    for _ in range(most):
        row = cursor.fetchone()
        if row is None:
            return
        yield row


def _row(row: tuple[Any, ...], flags: list[int]) -> list[Any]:
    """Return a row as PostgreSQL has it: flags for 0 and 1, and no NUL in a text."""
    given = [rows.plain(value) if isinstance(value, str) else value for value in row]
    for n in flags:
        given[n] = bool(given[n])
    return given


def _beside(result: str) -> tuple[str | None, bool]:
    """Return what PostgreSQL keeps beside a result: its reply's words, and whether they are tainted."""
    said = codec.said_of(result)
    return (None, False) if said is None else (rows.plain(said.text), said.tainted)


@contextmanager
def _alone(file: Path, folder: Path) -> Iterator[None]:
    """Keep services out of the folder while the file is read; the lock is the one that they hold."""
    if not file.exists():
        raise NothingToMove(f"There is no database {file}")
    try:
        with held(folder):
            yield
    except AlreadyRunning:
        raise ServiceRunning(f"A service is running on the data folder {folder}") from None
