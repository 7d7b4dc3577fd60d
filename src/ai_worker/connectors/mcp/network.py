"""How a server of MCP is met over HTTP: through the connection's gate, with its credentials."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ai_worker.connectors.auth_settings import Auth, BearerAuth, CodeAuth, HeaderAuth, KeyAuth, NoAuth, OAuthAuth
from ai_worker.connectors.gate import Gate
from ai_worker.connectors.http.authenticate import (
    EVERYWHERE,
    Authenticator,
    Credential,
    Proof,
    goes_always,
    token_addresses,
    token_sources,
)
from ai_worker.connectors.http.connect import client_of, credentials_of, keeping_as, keeping_of
from ai_worker.connectors.http.oauth import Keeping
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.tokens import ConsentNeeded
from ai_worker.connectors.http.wire import Wire
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.mcp.found import Found, recalled, token_name
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.skills.tool import ToolFailed

if TYPE_CHECKING:
    from ai_worker.connectors.mcp.transport import GatedTransport

EVERY = Operation(
    name="mcp", method="POST", path="/", title="", description="", input_schema={}, risk="write-irreversible"
)
"""What credentials are asked for: they go with every message, whatever tool it calls."""


class Network:
    """One connection's gate, credentials and pools."""

    def __init__(self, connection: str, settings: ConnectorSettings, parts: Parts) -> None:
        """Prepare; nobody is called.

        Raises:
            ValueError: The credentials are of a kind that MCP does not take.
        """
        _check(settings.auth)
        self._connection, self._settings, self._parts = connection, settings, parts
        self._profile = settings.profile()
        self._gate = Gate(
            addresses=(self._profile.base_url,), hosts=self._profile.hosts, networks=self._profile.networks
        )
        self._wire: Wire | None = None
        """For tokens, with a gate of its own: the messages go to no giver of tokens."""

        self._authenticator: Authenticator | None = None
        self._found: Found | None = None
        self._tokens: tuple[str, ...] = ()
        self._transport: GatedTransport | None = None

    async def close(self) -> None:
        """Close the pool for tokens."""
        if self._wire is not None:
            await self._wire.close()
        self._wire = self._authenticator = None

    def secrets(self) -> list[str]:
        """Return what must not come back in an answer."""
        return [*(self._authenticator.secrets() if self._authenticator is not None else ()), *self._tokens]

    def refused(self) -> ToolFailed | None:
        """Return why a request of the session was not sent, or its answer not read; `None`: neither is so."""
        return self._transport.refused if self._transport is not None else None

    @asynccontextmanager
    async def reach(self) -> AsyncIterator[Any]:
        """Hold what the SDK's client takes for a transport."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        from ai_worker.connectors.mcp.transport import GatedTransport

        await self._ready()
        self._transport = GatedTransport(self._gate, self._profile, prove=self.prove, resolver=self._parts.resolver)
        async with httpx2.AsyncClient(
            transport=self._transport, headers=dict(self._settings.headers), trust_env=False, timeout=None
        ) as http:
            yield streamable_http_client(self._profile.base_url, http_client=http)

    async def prove(self) -> Proof:
        """Return what proves who calls, for one attempt.

        Raises:
            CredentialsRefused: No token is given.
            ToolFailed: The session was never opened, or whoever gives tokens cannot be reached.
        """
        if self._authenticator is None:
            raise ToolFailed("the connection to the MCP server is not open")
        proof = await self._authenticator.prove(EVERY, Request("POST", "/"))
        self._tokens = tuple(token.reveal() for _, token in proof.tokens)
        return proof

    async def _ready(self) -> None:
        """Hold credentials; those that were found out are looked at anew, for somebody may have consented since.

        Raises:
            ConsentNeeded: Nobody has, for the settings as they are by now.
        """
        auth = self._settings.auth
        if not isinstance(auth, CodeAuth) or not auth.found_out:
            if self._authenticator is None:
                await self._hold(credentials_of(self._settings), keeping_of(self._parts, self._connection))
            return
        found = await recalled(self._parts, self._connection)
        if found is None or not found.fits(self._settings, auth):
            raise ConsentNeeded("nobody has consented yet: run `ai-worker connectors authorize`")
        if self._authenticator is None or found != self._found:
            # Scopes are left out where a token is renewed: it is good for what the consent was (RFC 6749 §6).
            client = replace(client_of(found.complete(auth)), scopes=())
            keeping = keeping_as(self._parts, token_name(self._connection, found))
            await self._hold({**credentials_of(self._settings), EVERYWHERE: client}, lambda _: keeping)
            self._found = found

    async def _hold(self, credentials: Mapping[str, Credential], keeping: Callable[[str], Keeping | None]) -> None:
        given = {name: credential for name, credential in credentials.items() if goes_always(name)}
        profile, clock = self._profile, self._parts.clock
        wire = Wire(
            Gate(addresses=token_addresses(given), hosts=profile.hosts, networks=profile.networks),
            timeout_s=profile.timeout_s,
            max_connections=1,
            max_bytes=profile.max_bytes,
            resolver=self._parts.resolver,
        )
        await self.close()
        await wire.start()
        sources = token_sources(given, ask=wire.ask, clock=clock, keeping=keeping)
        self._wire = wire
        self._authenticator = Authenticator({}, given, sources, base_url=profile.base_url, clock=clock)


def _check(auth: Auth) -> None:
    match auth:
        case NoAuth() | BearerAuth() | HeaderAuth() | KeyAuth(place="header") | OAuthAuth() | CodeAuth():
            return
    raise ValueError("auth: MCP takes a bearer token, a key in a header, or OAuth 2")
