"""Directories as a kind of business system."""

from pathlib import Path

from ai_worker.connectors.kind import Caller, Kind, Parts
from ai_worker.connectors.ldap.caller import LdapCaller
from ai_worker.connectors.ldap.compile import compile_ldap
from ai_worker.connectors.ldap.options import LdapOptions
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.settings import ConnectorSettings


def _compile(path: Path, options: LdapOptions) -> Contract:
    return compile_ldap(options)


def _make_caller(
    connection: str, settings: ConnectorSettings, options: LdapOptions, contract: Contract, parts: Parts
) -> Caller:
    return LdapCaller(connection, options, settings.profile(), parts.clock)


KIND = Kind(
    "ldap",
    _compile,
    options=LdapOptions,
    make_caller=_make_caller,
    needs_contract=False,
    needs_base_url=False,
    check="check",
)
