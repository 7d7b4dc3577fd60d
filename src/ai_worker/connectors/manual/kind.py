"""Manifests by hand as a kind of business system: `contract = "builtin:wecom-office"`, or a file of one's own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ai_worker.connectors.auth_settings import Auth, NoAuth
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.connect import make_caller
from ai_worker.connectors.kind import Kind, Options, Parts
from ai_worker.connectors.manual.compile import compile_manifest
from ai_worker.connectors.manual.dialect import Manual
from ai_worker.connectors.manual.manifest import read
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.secret import SecretField

_AUTH: TypeAdapter[Any] = TypeAdapter(Auth)


class ManualOptions(Options):
    """`[options]` of a connector of the kind `manual`."""

    credentials: Mapping[str, SecretField] = {}
    """What the manifest asks for, by its names: `corpid`, `corpsecret` …"""


def _compile(path: Path, options: ManualOptions) -> Contract:
    return compile_manifest(*read(path))


def _make_caller(
    connection: str, settings: ConnectorSettings, options: ManualOptions, contract: Contract, parts: Parts
) -> HttpCaller:
    return make_caller(connection, effective(settings, options, contract), contract, parts, dialect=Manual())


def effective(settings: ConnectorSettings, options: ManualOptions, contract: Contract) -> ConnectorSettings:
    """Return the settings with what the manifest says where the administrator says nothing.

    Raises:
        ValueError: Credentials are missing, or there is no address.
    """
    calling = contract.calling
    base_url = settings.base_url or calling["base_url"]
    if not base_url:
        raise ValueError("base_url: every installation of this system has its own address")
    more: dict[str, Any] = {"base_url": base_url.rstrip("/"), "headers": {**calling["headers"], **settings.headers}}
    if not settings.refusals:
        more["refusals"] = tuple(calling["refusals"])
    if isinstance(settings.auth, NoAuth):
        more["auth"] = _auth(calling, options, more["base_url"])
    return ConnectorSettings.model_validate({**settings.__dict__, **more})


def _auth(calling: Mapping[str, Any], options: ManualOptions, base_url: str) -> Any:
    wanted: Mapping[str, str] = calling["credentials"]
    if missing := [name for name in wanted if name not in options.credentials]:
        raise ValueError(f"options.credentials.{missing[0]}: Field required ({wanted[missing[0]]})")
    if unknown := options.credentials.keys() - wanted.keys():
        raise ValueError(f"options.credentials.{min(unknown)}: the manifest asks for {', '.join(wanted)}")
    values = {"base_url": base_url, **{name: secret.reveal() for name, secret in options.credentials.items()}}
    try:
        return _AUTH.validate_python(_filled(calling["auth"], values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"auth.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return an `[auth]` with the credentials in their places; braces that name none stay for signatures."""
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, values) for item in value]
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: values.get(match[1], match[0]), value)
    return value


KIND = Kind("manual", _compile, options=ManualOptions, make_caller=_make_caller, needs_base_url=False)
