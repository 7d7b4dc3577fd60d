"""How a server of MCP is met over HTTP: through the connection's gate, with its credentials."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ai_worker.connectors.auth_settings import Auth, BearerAuth, CodeAuth, HeaderAuth, KeyAuth, NoAuth, OAuthAuth
from ai_worker.connectors.gate import Gate
from ai_worker.connectors.http.authenticate import EVERYWHERE, Authenticator, Proof, token_addresses, token_sources
from ai_worker.connectors.http.connect import credentials_of, keeping_of
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.wire import Wire
from ai_worker.connectors.kind import Parts
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
        self._settings, self._resolver = settings, parts.resolver
        self._profile = settings.profile()
        credentials = credentials_of(settings)
        given = {EVERYWHERE: credentials[EVERYWHERE]} if EVERYWHERE in credentials else {}
        addresses = (self._profile.base_url, *token_addresses(given))
        self._gate = Gate(addresses=addresses, hosts=self._profile.hosts, networks=self._profile.networks)
        self._wire = Wire(
            self._gate,
            timeout_s=self._profile.timeout_s,
            max_connections=1,
            max_bytes=self._profile.max_bytes,
            resolver=parts.resolver,
        )
        """For tokens: the messages themselves go over a pool of their session."""
        self._open = False
        sources = token_sources(given, ask=self._wire.ask, clock=parts.clock, keeping=keeping_of(parts, connection))
        self._authenticator = Authenticator({}, given, sources, base_url=self._profile.base_url, clock=parts.clock)
        self._tokens: tuple[str, ...] = ()
        self._transport: GatedTransport | None = None

    async def close(self) -> None:
        """Close the pool for tokens."""
        self._open = False
        await self._wire.close()

    def secrets(self) -> list[str]:
        """Return what must not come back in an answer."""
        return [*self._authenticator.secrets(), *self._tokens]

    def refused(self) -> ToolFailed | None:
        """Return why a request of the session was not sent, or its answer not read; `None`: neither is so."""
        return self._transport.refused if self._transport is not None else None

    @asynccontextmanager
    async def reach(self) -> AsyncIterator[Any]:
        """Hold what the SDK's client takes for a transport."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        from ai_worker.connectors.mcp.transport import GatedTransport

        if not self._open:
            self._open = True
            await self._wire.start()
        self._transport = GatedTransport(self._gate, self._profile, prove=self._prove, resolver=self._resolver)
        async with httpx2.AsyncClient(
            transport=self._transport, headers=dict(self._settings.headers), trust_env=False, timeout=None
        ) as http:
            yield streamable_http_client(self._profile.base_url, http_client=http)

    async def _prove(self) -> Proof:
        proof = await self._authenticator.prove(EVERY, Request("POST", "/"))
        self._tokens = tuple(token.reveal() for _, token in proof.tokens)
        return proof


def _check(auth: Auth) -> None:
    match auth:
        case NoAuth() | BearerAuth() | HeaderAuth() | KeyAuth(place="header") | OAuthAuth() | CodeAuth():
            return
    raise ValueError("auth: MCP takes a bearer token, a key in a header, or OAuth 2")
