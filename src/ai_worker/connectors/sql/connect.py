"""Put the connection to a database together."""

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract, ContractRefused
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.connectors.sql.caller import Known, SqlCaller
from ai_worker.connectors.sql.compile import TABLES
from ai_worker.connectors.sql.database import AwaitedDatabase, Database
from ai_worker.connectors.sql.dialects import Dialect, parsed_url, shown
from ai_worker.connectors.sql.options import SqlOptions
from ai_worker.connectors.sql.snapshot import Reflect, written
from ai_worker.connectors.sql.threads import ThreadedDatabase

FETCH_S = 60.0
"""For what a database says about itself: the catalogue of a large one is slow."""


def make_caller(
    connection: str, settings: ConnectorSettings, options: SqlOptions, contract: Contract, parts: Parts
) -> SqlCaller:
    """Return the caller of one database; nobody is called.

    Raises:
        ContractRefused: The options do not fit the database.
    """
    url, dialect = parsed_url(options.url.reveal())
    if options.asker_setting and not dialect.awaits:
        raise ContractRefused(f"options.asker_setting: {dialect.name} has no such settings")
    described = next((one.extra for one in contract.operations if one.name == TABLES), None)
    return SqlCaller(
        connection,
        options,
        settings.profile(),
        settings.access,
        database=_database(options, settings.timeout_s, parts),
        dialect=dialect,
        known=Known.of(described) if described is not None else Known((), ""),
        address=shown(url),
        clock=parts.clock,
    )


async def fetch(settings: ConnectorSettings, options: SqlOptions, parts: Parts) -> bytes:
    """Return what a database says about itself, as the file that `compile` reads.

    Raises:
        ToolFailed: It cannot be reached or refuses.
    """
    database = _database(options, FETCH_S, parts)
    await database.start()
    try:
        return written(await database.look("refresh", Reflect(options.schemas)))
    finally:
        await database.close()


def _database(options: SqlOptions, seconds: float, parts: Parts) -> Database:
    url, dialect = parsed_url(options.url.reveal())
    if dialect.awaits:
        return AwaitedDatabase(
            url,
            connections=options.connections,
            seconds=seconds,
            asker_setting=options.asker_setting,
            arguments=options.connect_arguments,
        )
    return _threaded(options, dialect, seconds, parts)


def _threaded(options: SqlOptions, dialect: Dialect, seconds: float, parts: Parts) -> ThreadedDatabase:
    url, _ = parsed_url(options.url.reveal())
    try:
        return ThreadedDatabase(
            url,
            dialect,
            connections=options.connections,
            seconds=seconds,
            arguments=options.connect_arguments,
            clock=parts.clock,
        )
    except ModuleNotFoundError as error:
        raise ContractRefused(f"the driver of {dialect.name} is not installed: pip install {error.name}") from None
