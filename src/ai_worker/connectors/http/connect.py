"""Make the caller of a connection whose operations are plain requests of HTTP."""

from collections.abc import Mapping
from functools import partial

from ai_worker.connectors.auth_settings import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    KeyAuth,
    LoginAuth,
    NoAuth,
    OAuthAuth,
    SignedAuth,
)
from ai_worker.connectors.http.authenticate import EVERYWHERE, ApiKey, Basic, Bearer, Credential
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.login import Login
from ai_worker.connectors.http.oauth import OAuthClient
from ai_worker.connectors.http.signing import Signed
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.settings import ConnectorSettings


def make_caller(connection: str, settings: ConnectorSettings, contract: Contract, parts: Parts) -> HttpCaller:
    """Return the caller of one connection; nobody is called.

    Raises:
        ValueError: A template of the settings cannot be used.
    """
    remember = partial(parts.remember, connection) if parts.remember is not None else None
    return HttpCaller(
        connection,
        settings.profile(),
        schemes=contract.schemes,
        credentials=credentials_of(settings),
        clock=parts.clock,
        resolver=parts.resolver,
        remember=remember,
        asker_header=settings.access.header,
        logins=settings.access.logins,
    )


def credentials_of(settings: ConnectorSettings) -> Mapping[str, Credential]:
    """Return a connection's credentials, by the contract's names of its schemes.

    Raises:
        ValueError: A template cannot be used.
    """
    found = {EVERYWHERE: _credential(settings.auth), **{name: _credential(one) for name, one in settings.auths.items()}}
    return {name: credential for name, credential in found.items() if credential is not None}


def _credential(auth: Auth) -> Credential | None:
    match auth:
        case NoAuth():
            return None
        case BearerAuth():
            return Bearer(auth.secret)
        case HeaderAuth():
            return ApiKey(auth.secret, "header", auth.header)
        case KeyAuth():
            return ApiKey(auth.secret, auth.place, auth.name, auth.prefix)
        case BasicAuth():
            return Basic(auth.username, auth.secret)
        case OAuthAuth():
            return OAuthClient(
                auth.token_url, auth.client_id, auth.secret, auth.scopes, auth.refresh_token, sends=auth.sends
            )
        case LoginAuth():
            return Login(
                auth.url,
                auth.secrets,
                auth.fields,
                method=auth.method,
                sends=auth.sends,
                found_at=auth.found_at,
                cookie=auth.cookie,
                life=auth.life,
                place=auth.place,
                key=auth.name,
                prefix=auth.prefix,
            )
        case SignedAuth():
            return Signed(
                auth.key,
                auth.secret,
                auth.text,
                auth.headers,
                auth.query,
                digest=auth.digest,
                keyed=auth.keyed,
                encoding=auth.encoding,
            )
