"""Numbered SQL files, each applied once and in one transaction with the version it leads to."""

from typing import Any

from ai_worker.storage.postgres.address import Address
from ai_worker.storage.schema import ForeignDatabase, scripts, too_new

LOCK = 0x4149574B
"""`AIWK`: the advisory lock that is held while a schema is changed, together with the schema's own number."""

MIGRATION_MS = 600_000
"""How long one step may take, and how long it waits for another node that is at it."""

VERSION = "SELECT version FROM schema_version"

# One look: between two, another node could make the schema.
TABLES = """
SELECT count(*), count(*) FILTER (WHERE relname = 'schema_version')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'm')
"""


async def migrate(connection: Any, address: Address) -> int:
    """Bring our schema to that of this version; return its number.

    Safe to run from several nodes at once: each step takes the lock and looks again. A step that is
    killed in the middle leaves nothing behind.

    Raises:
        ForeignDatabase: The schema belongs to another program.
        SchemaTooNew: The schema is newer than this program.
    """
    steps = scripts(__package__)
    latest = steps[-1][0]
    version = await _version(connection, address, latest)
    for number, script in steps:
        if version < number:
            async with connection.transaction():
                await _hold(connection, address)
                if (version := await _version(connection, address, latest)) < number:
                    await _apply(connection, address, number, script)
                    version = number
    return version


async def _hold(connection: Any, address: Address) -> None:
    """Take the lock until the transaction ends."""
    await connection.execute(
        f"SET LOCAL statement_timeout = {MIGRATION_MS}; SET LOCAL lock_timeout = {MIGRATION_MS};"
        "SET LOCAL idle_in_transaction_session_timeout = 0"
    )
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", LOCK, address.schema, timeout=None)


async def _version(connection: Any, address: Address, latest: int) -> int:
    tables, ours = await connection.fetchrow(TABLES, address.schema)
    if not ours:
        if tables:
            raise ForeignDatabase(
                f"The schema {address.schema} holds tables of another program; nothing in it was changed."
            )
        return 0
    version = int(await connection.fetchval(VERSION))
    if version > latest:
        raise too_new(version, latest)
    return version


async def _apply(connection: Any, address: Address, number: int, script: str) -> None:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {address.schema}")  # a plain name: `address.parse` saw to it
    await connection.execute(script, timeout=MIGRATION_MS / 1000)
    await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
    await connection.execute("DELETE FROM schema_version")
    await connection.execute("INSERT INTO schema_version VALUES ($1)", number)
