"""Find out who gives a server's tokens: from its refusal to their metadata (RFC 9728, RFC 8414, RFC 8707).

Steps and their order are the authorization chapter's of the MCP specification (2025-11-25). What a server names
is only a claim: hosts that are not the connection's own are called once an administrator has said so, and for
tokens alone; inside they are met only in networks that the connection's settings open.
"""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
    get_client_metadata_scopes,
    issuers_match,
)
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
from mcp.types import LATEST_PROTOCOL_VERSION
from pydantic import BaseModel, ValidationError
from yarl import URL

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.gate import AddressRefused, Gate
from ai_worker.connectors.http.wire import Reply, Unanswered, Wire
from ai_worker.connectors.kind import ConsentGiver, Parts, Trusts
from ai_worker.connectors.mcp.found import Found, keeper, recalled
from ai_worker.connectors.mcp.registration import register
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed

Metadata = TypeVar("Metadata", bound=BaseModel)

MAX_BYTES = 256 * 1024
JSON = {"Accept": "application/json", "MCP-Protocol-Version": LATEST_PROTOCOL_VERSION}
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "ai-worker", "version": "0"},
    },
}
"""The first message of every session: a server that wants a token refuses it."""


class NotFoundOut(ToolFailed):
    """The server does not say who gives its tokens, or says what may not be believed."""

    code = "connector.giver_not_found"
    hint = "Ask the people behind the server, and write authorize_url, token_url and client_id into [auth]."


class GiverNotTrusted(ToolFailed):
    """The server names a host for its tokens that the administrator did not agree to; nothing was sent there."""

    code = "connector.giver_not_trusted"
    hint = "If that host is right, say yes when it is shown, or write it after --trust."


async def find_giver(
    connection: str, settings: ConnectorSettings, parts: Parts, *, trusts: Trusts, anew: bool
) -> ConsentGiver:
    """Return whom to ask for consent to call a server, and as which client.

    Args:
        connection: Its id.
        settings: The administrator's; `auth` names no addresses.
        parts: What the connection is made of besides.
        trusts: Asks whether a host may give tokens.
        anew: Register even where we are registered.

    Raises:
        NotFoundOut: The server does not say, or what it says does not fit together.
        GiverNotTrusted: The administrator did not agree to the host.
        NoClient: Nobody has registered us, and we cannot ourselves.
        ToolFailed: Somebody cannot be reached, or the gate is shut.
    """
    auth, base_url = settings.auth, settings.base_url
    if not isinstance(auth, CodeAuth) or not base_url:
        raise NotFoundOut("only a server over HTTP says who gives its tokens")
    seeker = _Seeker(base_url, settings, parts, trusts)
    scope, resource = await seeker.resource()
    issuer = str(resource.authorization_servers[0]) if resource else f"{URL(base_url).origin()}"
    giver = await seeker.giver(issuer, named=resource is not None)
    chosen = get_client_metadata_scopes(scope, resource, giver, ["authorization_code", "refresh_token"])
    scopes = auth.scopes or tuple((chosen or "").split())
    before = None if anew else await recalled(parts, connection)
    if auth.client_id:
        client_id, secret, sends, until = auth.client_id, Secret(""), auth.sends, 0
    elif before is not None and _still_ours(before, giver, auth, base_url, parts):
        client_id, secret, sends, until = before.client_id, before.secret, before.sends, before.secret_until
    else:
        client_id, secret, sends, until = await register(giver, auth.redirect, scopes, post=seeker.post)
    found = Found(
        server=base_url,
        issuer=str(giver.issuer),
        authorize_url=str(giver.authorization_endpoint),
        token_url=str(giver.token_endpoint),
        client_id=client_id,
        secret=secret,
        sends=sends,
        secret_until=until,
        redirect=auth.redirect,
        registered=not auth.client_id,
        scopes=scopes,
        resource=auth.resource or (str(resource.resource) if resource else resource_url_from_server_url(base_url)),
    )
    return ConsentGiver(
        auth=found.complete(auth),
        issuer=found.issuer,
        states_issuer=bool(giver.authorization_response_iss_parameter_supported),
        networks=tuple(settings.profile().networks),
        keep=keeper(parts, connection, found),
    )


def _still_ours(before: Found, giver: OAuthMetadata, auth: CodeAuth, base_url: str, parts: Parts) -> bool:
    """Return whether the client that we registered once is one still, for this giver and this redirect address."""
    lasts = not before.secret_until or before.secret_until > parts.clock.now().timestamp()
    known = before.issuer == str(giver.issuer) and before.token_url == str(giver.token_endpoint)
    return before.registered and lasts and known and (before.server, before.redirect) == (base_url, auth.redirect)


class _Seeker:
    """Asks one server, and then those that it names."""

    def __init__(self, base_url: str, settings: ConnectorSettings, parts: Parts, trusts: Trusts) -> None:
        self._base_url, self._settings, self._parts = base_url, settings, parts
        self._trusts = trusts
        self._trusted: list[str] = []

    async def resource(self) -> tuple[str | None, ProtectedResourceMetadata | None]:
        """Return which scopes the server asks for, and what it says of itself; `None`: nothing."""
        headers = {**self._settings.headers, **JSON, "Content-Type": "application/json"}
        headers["Accept"] = "application/json, text/event-stream"
        refusal = await self._send("POST", self._base_url, headers, msgspec.json.encode(HELLO))
        told = httpx2.Response(
            refusal.status, headers={"WWW-Authenticate": refusal.headers.get("www-authenticate", "")}
        )
        named = extract_resource_metadata_from_www_auth(told) if refusal.status == 401 else None
        for address in build_protected_resource_metadata_discovery_urls(named, self._base_url):
            self._proper(address)
            found = _read(await self._send("GET", address, JSON), ProtectedResourceMetadata)
            if found is None:
                continue
            if not check_resource_allowed(self._base_url, str(found.resource)):
                raise NotFoundOut(f"what is said at {address} is about another server than {self._base_url}")
            return extract_scope_from_www_auth(told), found
        if refusal.status != 401:
            raise NotFoundOut(f"the server asks for no token ({refusal.status}), and does not say who gives any")
        return extract_scope_from_www_auth(told), None

    async def giver(self, issuer: str, *, named: bool) -> OAuthMetadata:
        """Return the metadata of an authorization server.

        Args:
            issuer: What the server calls it; if it names none, the server's own origin (MCP 2025-03-26).
            named: Whether it does.
        """
        self._proper(issuer)
        await self._trust(issuer)
        candidates = build_oauth_authorization_server_metadata_discovery_urls(issuer if named else None, issuer)
        for address in candidates:
            reply = await self._send("GET", address, JSON)
            if (found := _read(reply, OAuthMetadata)) is not None:
                break
            if reply.status >= 500:
                raise NotFoundOut(f"{address} fails ({reply.status})")
        else:
            raise NotFoundOut(f"{issuer} says nothing of itself where it should: {', '.join(candidates)}")
        if not issuers_match(str(found.issuer), issuer):
            raise NotFoundOut(f"{issuer} calls itself {str(found.issuer)[:100]!r}: one of the two is not who it seems")
        if "S256" not in (found.code_challenge_methods_supported or ()):
            raise NotFoundOut(f"{issuer} does not say that it takes PKCE with S256, and without it codes can be stolen")
        endpoints = (found.authorization_endpoint, found.token_endpoint, found.registration_endpoint)
        for endpoint in endpoints:
            if endpoint is not None:
                self._proper(str(endpoint))
        await self._trust(str(found.token_endpoint))
        return found

    async def post(self, address: str, content: bytes) -> Reply:
        """Send JSON to an address of the giver's."""
        await self._trust(address)
        return await self._send("POST", address, {**JSON, "Content-Type": "application/json"}, content)

    def _proper(self, address: str) -> None:
        plain = urlsplit(self._base_url).scheme == "http"
        try:
            url, sent = urlsplit(address), URL(address, encoded=True)
            proper = (url.scheme == "https" or (url.scheme == "http" and plain)) and bool(sent.raw_host)
        except ValueError:  # a port or brackets that no address has
            proper = False
        if not proper or "@" in url.netloc or url.fragment:
            raise NotFoundOut(f"{address[:100]} is named, and no proper address: https, without user or fragment")

    async def _trust(self, address: str) -> None:
        """Let a giver's host be called, if it is the connection's own or the administrator agrees."""
        url = URL(address)
        try:
            self._gate().check(url)
        except AddressRefused:
            if not await self._trusts(url.raw_authority):
                raise GiverNotTrusted(f"{url.raw_authority} was not agreed to") from None
            self._trusted.append(address)

    def _gate(self) -> Gate:
        profile = self._settings.profile()
        return Gate(addresses=(self._base_url, *self._trusted), hosts=profile.hosts, networks=profile.networks)

    async def _send(self, method: str, address: str, headers: Mapping[str, str], content: bytes | None = None) -> Reply:
        wire = Wire(
            self._gate(),
            timeout_s=self._settings.timeout_s,
            max_connections=1,
            max_bytes=MAX_BYTES,
            resolver=self._parts.resolver,
        )
        await wire.start()
        try:
            return await wire.send(method, address, headers, content, follow=method == "GET")
        except Unanswered as error:
            raise ToolFailed(f"{URL(address).raw_host}: {error.problem}") from None
        finally:
            await wire.close()


def _read(reply: Reply, kind: type[Metadata]) -> Metadata | None:
    """Return the metadata in an answer; `None`: there is none."""
    if reply.status != 200 or not reply.whole:
        return None
    try:
        return kind.model_validate_json(reply.content)
    except ValidationError:
        return None
