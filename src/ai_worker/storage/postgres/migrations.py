"""Numbered SQL files, each applied once and in one transaction with the version it leads to; see `storage.schema`."""

from typing import Any

from ai_worker.storage.postgres.address import Address
from ai_worker.storage.schema import ForeignDatabase, Migration, admit, migrations

LOCK = 0x4149574B
"""`AIWK`: the advisory lock that is held while a schema is changed, together with the schema's own number."""

MIGRATION_MS = 600_000
"""How long one step may take, and how long it waits for another node that is at it."""

# Schemas made before there was a column `oldest` do not say it; as JSON, a column that is not there is NULL.
VERSION = "SELECT version, (to_jsonb(schema_version) ->> 'oldest')::integer FROM schema_version"

# One look: between two, another node could make the schema.
TABLES = """
SELECT count(*), count(*) FILTER (WHERE relname = 'schema_version')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'm')
"""


async def migrate(connection: Any, address: Address) -> int:
    """Bring our schema to that of this version; return its number, which may be higher.

    Safe to run from several nodes at once: each step takes the lock and looks again. A step that is
    killed in the middle leaves nothing behind.

    Raises:
        ForeignDatabase: The schema belongs to another program.
        SchemaTooNew: The schema is newer than this program can work on.
    """
    steps = migrations(__package__)
    latest = steps[-1].number
    version = await _version(connection, address, latest)
    for step in steps:
        if version < step.number:
            async with connection.transaction():
                await _hold(connection, address)
                if (version := await _version(connection, address, latest)) < step.number:
                    await _apply(connection, address, step)
                    version = step.number
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
    version, oldest = await connection.fetchrow(VERSION)
    admit(version, oldest, latest)
    return int(version)


async def _apply(connection: Any, address: Address, step: Migration) -> None:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {address.schema}")  # a plain name: `address.parse` saw to it
    await connection.execute(step.script, timeout=MIGRATION_MS / 1000)
    await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
    await connection.execute("ALTER TABLE schema_version ADD COLUMN IF NOT EXISTS oldest integer")
    await connection.execute("DELETE FROM schema_version")
    await connection.execute("INSERT INTO schema_version (version, oldest) VALUES ($1, $2)", step.number, step.oldest)
