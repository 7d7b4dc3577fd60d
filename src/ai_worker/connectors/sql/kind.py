"""Databases as a kind of business system. The libraries that it needs are loaded when there is one."""

from pathlib import Path

from ai_worker.connectors.kind import Caller, Kind, Parts
from ai_worker.connectors.operation import Contract, ContractRefused
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.connectors.sql.options import SqlOptions

MISSING = "databases need further libraries: pip install 'ai-worker[sql]'"


def _compile(path: Path, options: SqlOptions) -> Contract:
    try:
        from ai_worker.connectors.sql.compile import compile_sql
    except ModuleNotFoundError as error:
        raise ContractRefused(f"{MISSING} ({error.name} is not installed)") from None
    return compile_sql(path, options)


def _make_caller(
    connection: str, settings: ConnectorSettings, options: SqlOptions, contract: Contract, parts: Parts
) -> Caller:
    from ai_worker.connectors.sql.connect import make_caller

    return make_caller(connection, settings, options, contract, parts)


async def _fetch(settings: ConnectorSettings, options: SqlOptions, parts: Parts) -> bytes:
    from ai_worker.connectors.sql.connect import fetch

    return await fetch(settings, options, parts)


KIND = Kind(
    "sql",
    _compile,
    options=SqlOptions,
    make_caller=_make_caller,
    fetch=_fetch,
    needs_contract=False,
    needs_base_url=False,
    check="check",
)
