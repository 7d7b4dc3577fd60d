"""Make the caller of a connection whose operations are plain requests of HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from ai_worker.connectors.auth_settings import (
    Auth,
    BasicAuth,
    BearerAuth,
    CodeAuth,
    HeaderAuth,
    KeyAuth,
    LoginAuth,
    NoAuth,
    OAuthAuth,
    SignedAuth,
    SigV4Auth,
)
from ai_worker.connectors.http.authenticate import EVERYWHERE, ApiKey, Basic, Bearer, Credential, beside
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.csrf import Csrf
from ai_worker.connectors.http.dialect import PLAIN, Dialect
from ai_worker.connectors.http.login import Login
from ai_worker.connectors.http.oauth import Keeping, OAuthClient
from ai_worker.connectors.http.signing import Signed
from ai_worker.connectors.http.sigv4 import SigV4
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.secret import Secret


def make_caller(
    connection: str, settings: ConnectorSettings, contract: Contract, parts: Parts, *, dialect: Dialect = PLAIN
) -> HttpCaller:
    """Return the caller of one connection; nobody is called.

    Args:
        connection: Its id.
        settings: The administrator's.
        contract: What the system can do.
        parts: What the connection is made of besides.
        dialect: How the contract's kind is spoken.

    Raises:
        ValueError: A template of the settings cannot be used.
    """
    csrf = settings.csrf
    return HttpCaller(
        connection,
        settings.profile(),
        schemes=contract.schemes,
        credentials=credentials_of(settings),
        clock=parts.clock,
        resolver=parts.resolver,
        keeping=keeping_of(parts, connection),
        csrf=Csrf(f"{settings.base_url}{csrf.path}", csrf.header, csrf.cookie, csrf.method) if csrf else None,
        dialect=dialect,
        asker_header=settings.access.header,
        logins=settings.access.logins,
    )


def kept_as(connection: str, scheme: str) -> str:
    """Return the name under which the refresh token of a connection's credentials is kept."""
    return connection if scheme == EVERYWHERE else f"{connection}/{scheme}"


def keeping_as(parts: Parts, name: str) -> Keeping | None:
    """Return where the refresh token of this name is kept; `None`: nobody keeps any."""
    if parts.remember is None:
        return None
    keeping = Keeping(partial(parts.remember, name))
    if parts.recall is not None:
        keeping = replace(keeping, recall=partial(parts.recall, name))
    return replace(keeping, alone=partial(parts.alone, name)) if parts.alone is not None else keeping


def keeping_of(parts: Parts, connection: str) -> Callable[[str], Keeping | None]:
    """Return what says where a connection's refresh tokens are kept."""
    return lambda scheme: keeping_as(parts, kept_as(connection, scheme))


def credentials_of(settings: ConnectorSettings) -> Mapping[str, Credential]:
    """Return a connection's credentials, by the contract's names of its schemes.

    Raises:
        ValueError: A template cannot be used.
    """
    found = {EVERYWHERE: _credential(settings.auth), **{name: _credential(one) for name, one in settings.auths.items()}}
    given = {name: credential for name, credential in found.items() if credential is not None}
    return {**given, **{beside(name): ApiKey(value, "header", name) for name, value in settings.secret_headers.items()}}


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
                headers=auth.headers,
                sent_with=auth.sent_with,
                rsa_key=auth.rsa_key,
                encrypted=auth.encrypted,
                life_s=auth.life_s,
                signed=_signed(auth.signed) if auth.signed is not None else None,
            )
        case SignedAuth():
            return _signed(auth)
        case SigV4Auth():
            return SigV4(auth.access_key, auth.secret, auth.region, auth.service, auth.session_token)
        case CodeAuth():
            return client_of(auth)


def client_of(auth: CodeAuth) -> OAuthClient:
    """Return the client for which a person consents."""
    return OAuthClient(
        auth.token_url,
        auth.client_id,
        auth.secret or Secret(""),
        auth.scopes,
        sends=auth.sends,
        consent=True,
        resource=auth.resource or "",
    )


def _signed(auth: SignedAuth) -> Signed:
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
