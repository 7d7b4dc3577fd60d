"""Tryton 8.2 as a kind of business system."""

from pathlib import Path

from ai_worker.connectors.kind import Kind, Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.rpc.caller import RpcCaller
from ai_worker.connectors.rpc.compile import WHO, compile_snapshot
from ai_worker.connectors.rpc.fetch import snapshot_of
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.connectors.tryton.describe import Describer
from ai_worker.connectors.tryton.system import TrytonSystem

NAME = "tryton"


def _compile(path: Path, options: RpcOptions) -> Contract:
    return compile_snapshot(path, options, kind=NAME)


def _caller(
    connection: str, settings: ConnectorSettings, options: RpcOptions, contract: Contract, parts: Parts
) -> RpcCaller:
    return RpcCaller(connection, settings.profile(), TrytonSystem(options), parts)


async def _fetch(settings: ConnectorSettings, options: RpcOptions, parts: Parts) -> bytes:
    system, describer = TrytonSystem(options), Describer()
    return await snapshot_of(
        NAME,
        describer.version,
        describer.describe,
        system=system,
        settings=settings,
        options=options,
        parts=parts,
    )


KIND = Kind(NAME, _compile, RpcOptions, _caller, _fetch, check=WHO)
