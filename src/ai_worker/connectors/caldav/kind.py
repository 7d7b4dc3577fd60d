"""Calendars as a kind of business system."""

from pathlib import Path

from ai_worker.connectors.caldav.compile import compile_caldav
from ai_worker.connectors.caldav.options import CalDavOptions
from ai_worker.connectors.http.authenticate import ApiKey, Basic, Bearer
from ai_worker.connectors.http.connect import credentials_of
from ai_worker.connectors.kind import Caller, Kind, Parts
from ai_worker.connectors.operation import Contract, ContractRefused
from ai_worker.connectors.settings import ConnectorSettings


def _compile(path: Path, options: CalDavOptions) -> Contract:
    return compile_caldav(options)


def _make_caller(
    connection: str, settings: ConnectorSettings, options: CalDavOptions, contract: Contract, parts: Parts
) -> Caller:
    credentials = credentials_of(settings)
    if not all(isinstance(one, ApiKey | Basic | Bearer) for one in credentials.values()):
        raise ContractRefused("auth: a calendar server takes `basic`, `bearer`, `header` or `key`")
    try:
        from ai_worker.connectors.caldav.caller import CalDavCaller
        from ai_worker.connectors.caldav.server import CalDavServer
    except ModuleNotFoundError as error:
        missing = f"{error.name} is not installed"
        raise ContractRefused(
            f"calendars need a further library: pip install 'ai-worker[caldav]' ({missing})"
        ) from None
    profile = settings.profile()
    server = CalDavServer(profile, credentials, clock=parts.clock, resolver=parts.resolver)
    return CalDavCaller(connection, options, profile, server, parts.clock)


KIND = Kind(
    "caldav", _compile, options=CalDavOptions, make_caller=_make_caller, needs_contract=False, check="list_calendars"
)
