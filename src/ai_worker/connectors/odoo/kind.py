"""Odoo 17 and later as a kind of business system."""

from pathlib import Path

from ai_worker.connectors.kind import Kind, Parts
from ai_worker.connectors.odoo.describe import describe, version
from ai_worker.connectors.odoo.system import OdooSystem
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.rpc.caller import RpcCaller
from ai_worker.connectors.rpc.compile import WHO, compile_snapshot
from ai_worker.connectors.rpc.fetch import snapshot_of
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.settings import ConnectorSettings

NAME = "odoo"


def _compile(path: Path, options: RpcOptions) -> Contract:
    return compile_snapshot(path, options, kind=NAME)


def _caller(
    connection: str, settings: ConnectorSettings, options: RpcOptions, contract: Contract, parts: Parts
) -> RpcCaller:
    return RpcCaller(connection, settings.profile(), OdooSystem(options), parts)


async def _fetch(settings: ConnectorSettings, options: RpcOptions, parts: Parts) -> bytes:
    return await snapshot_of(
        NAME, version, describe, system=OdooSystem(options), settings=settings, options=options, parts=parts
    )


KIND = Kind(NAME, _compile, RpcOptions, _caller, _fetch, check=WHO)
