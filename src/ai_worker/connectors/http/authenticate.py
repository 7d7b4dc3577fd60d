"""Prove who calls, the way that the contract asks for and with what the administrator gave."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import quote

import msgspec

from ai_worker.connectors.http.login import Login, LoginGrants, written
from ai_worker.connectors.http.oauth import Keeping, OAuthClient, OAuthGrants
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.signing import Signed, sign
from ai_worker.connectors.http.sigv4 import SigV4, sigv4
from ai_worker.connectors.http.tokens import Ask, CredentialsRefused, TokenSource
from ai_worker.connectors.operation import Operation, Requirement, Scheme
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One secret value in a header, the query or a cookie."""

    value: Secret
    place: Literal["", "header", "query", "cookie"] = ""
    """Empty: where the contract says."""

    key: str = ""
    """What it is called there; empty: as the contract says."""

    prefix: str = ""
    """Before the value: `Token `."""


@dataclass(frozen=True, slots=True)
class Basic:
    """`Authorization: Basic …` (RFC 7617), in UTF-8."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Bearer:
    """`Authorization: Bearer …` with a token that does not change."""

    token: Secret


Credential: TypeAlias = ApiKey | Basic | Bearer | OAuthClient | Login | Signed | SigV4

EVERYWHERE = "*"
"""The name of credentials that go with every call, whatever the contract says: many name no scheme at all."""


_BESIDE = "* "


def beside(name: str) -> str:
    """Return the name of credentials that go with every call besides those that are chosen for it."""
    return _BESIDE + name


def goes_always(name: str) -> bool:
    """Return whether credentials of this name are asked for by no contract."""
    return name == EVERYWHERE or name.startswith(_BESIDE)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is added to a request. It holds secrets: it is made for one request and shown to nobody."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: list[str] = field(default_factory=list, repr=False)
    cookies: list[str] = field(default_factory=list, repr=False)
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    """Of a body in JSON: fields that it gets beside its own."""

    tokens: list[tuple[TokenSource, Secret]] = field(default_factory=list, repr=False)

    def in_body(self, request: Request) -> bytes | None:
        """Return the request's content with the fields that prove who calls."""
        if not self.fields:
            return request.content
        try:
            body = msgspec.json.decode(request.content) if request.content else {}
        except msgspec.DecodeError:
            body = None
        if not isinstance(body, dict):
            raise CredentialsRefused("the token goes into a JSON object, and this operation sends none")
        return msgspec.json.encode({**body, **self.fields})

    def discard(self) -> bool:
        """Forget the tokens that were used; return whether there are any to get anew."""
        for source, token in self.tokens:
            source.discard(token)
        return bool(self.tokens)


class Authenticator:
    """Holds one connection's credentials, by the contract's names of its schemes."""

    def __init__(
        self,
        schemes: Mapping[str, Scheme],
        credentials: Mapping[str, Credential],
        sources: Mapping[str, TokenSource],
        *,
        base_url: str,
        clock: Clock,
    ) -> None:
        """Hold the credentials.

        Args:
            schemes: The contract's.
            credentials: By scheme, under `EVERYWHERE`, or `beside` whatever else is chosen.
            sources: What gives tokens, for every credential among them that needs one.
            base_url: The connection's, for signatures over the whole path.
            clock: For signatures with the time.
        """
        self._schemes = schemes
        self._credentials = credentials
        self._sources = sources
        self._base_url = base_url
        self._clock = clock
        self._besides = tuple(name for name in credentials if name != EVERYWHERE and goes_always(name))

    async def prove(self, operation: Operation, request: Request) -> Proof:
        """Return what proves who calls, for this one attempt.

        Raises:
            CredentialsRefused: There are no credentials that the operation takes, or no token is given.
            ToolFailed: Whoever gives tokens cannot be reached.
        """
        proof = Proof()
        for name in (*self._chosen(operation), *self._besides):
            await self._add(proof, name, request)
        return proof

    def secrets(self) -> list[str]:
        """Return what must not come back in an answer."""
        found: list[str] = []
        for credential in self._credentials.values():
            match credential:
                case ApiKey(value=secret) | Basic(password=secret) | Bearer(token=secret) | Signed(secret=secret):
                    found.append(secret.reveal())
                case OAuthClient(client_secret=secret):
                    found.append(secret.reveal())
                case SigV4(secret=secret, session_token=session):
                    found += [one.reveal() for one in (secret, session) if one is not None]
                case Login() as login:
                    found += [secret.reveal() for secret in login.own_secrets()]
        return found

    def _chosen(self, operation: Operation) -> Sequence[str]:
        always = [EVERYWHERE] if EVERYWHERE in self._credentials else []
        if not operation.security or always:
            return always
        for requirement in operation.security:
            if requirement and all(name in self._credentials for name in requirement):
                return list(requirement)
        if any(not self._known(requirement) for requirement in operation.security):
            # Nothing is needed, or the contract asks for what it never describes: it is called as it is.
            return []
        partly = max(operation.security, key=lambda item: sum(name in self._credentials for name in item))
        have = [name for name in partly if name in self._credentials]
        if not have:
            wanted = " or ".join(" and ".join(sorted(requirement)) for requirement in operation.security)
            raise CredentialsRefused(f"{operation.name} needs {wanted}, and the connection has no such credentials")
        return have

    def _known(self, requirement: Requirement) -> bool:
        return any(name in self._schemes for name in requirement)

    async def _add(self, proof: Proof, name: str, request: Request) -> None:
        match self._credentials[name]:
            case ApiKey() as given:
                self._add_key(proof, given, self._schemes.get(name))
            case Basic(username=username, password=password):
                pair = b64encode(f"{username}:{password.reveal()}".encode()).decode()
                proof.headers["Authorization"] = f"Basic {pair}"
            case Bearer(token=token):
                proof.headers["Authorization"] = f"Bearer {token.reveal()}"
            case OAuthClient():
                proof.headers["Authorization"] = f"Bearer {(await self._token(proof, name)).reveal()}"
            case Login() as login:
                token = Secret(login.prefix + (await self._token(proof, name)).reveal())
                beside = {key: Secret(value) for key, value in written(login, login.sent_with).items()}
                for key, value in {**beside, login.key: token}.items():
                    if login.place == "body":
                        proof.fields[key] = value.reveal()
                    else:
                        self._add_key(proof, ApiKey(value, login.place, key), None)
            case SigV4() as signer:
                proof.headers.update(sigv4(signer, request, self._base_url, self._clock.now()))
            case Signed() as signed:
                headers, query = sign(signed, request, self._base_url, self._clock.now())
                proof.headers.update(headers)
                proof.query.extend(query)

    async def _token(self, proof: Proof, name: str) -> Secret:
        source = self._sources[name]
        token = await source.token()
        proof.tokens.append((source, token))
        return token

    def _add_key(self, proof: Proof, given: ApiKey, scheme: Scheme | None) -> None:
        place = given.place or (scheme.place if scheme else "header")
        key = given.key or (scheme.key if scheme else "") or "Authorization"
        value = given.prefix + given.value.reveal()
        match place:
            case "query":
                proof.query.append(f"{quote(key, safe='')}={quote(value, safe='')}")
            case "cookie":
                proof.cookies.append(f"{key}={quote(value, safe='')}")
            case _:
                proof.headers[key] = value


def token_addresses(credentials: Mapping[str, Credential]) -> list[str]:
    """Return where the tokens of these credentials are got."""
    found = []
    for credential in credentials.values():
        match credential:
            case OAuthClient(token_url=address) | Login(url=address):
                found.append(address)
    return found


def token_sources(
    credentials: Mapping[str, Credential], *, ask: Ask, clock: Clock, keeping: Callable[[str], Keeping | None] | None
) -> dict[str, TokenSource]:
    """Return what gives the tokens of these credentials, by their names."""
    sources: dict[str, TokenSource] = {}
    for name, credential in credentials.items():
        match credential:
            case OAuthClient():
                kept = keeping(name) if keeping is not None else None
                sources[name] = TokenSource(OAuthGrants(credential, ask=ask, keeping=kept), clock=clock)
            case Login():
                sources[name] = TokenSource(LoginGrants(credential, ask=ask, clock=clock), clock=clock)
    return sources
