"""Become a client of an authorization server that did not know us: dynamic client registration (RFC 7591)."""

from collections.abc import Awaitable, Callable
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthMetadata
from pydantic import AnyUrl, ValidationError

from ai_worker.connectors.http.wire import Reply
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed

CLIENT_NAME = "ai-worker"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
REASONS = ("invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement", "access_denied")
"""RFC 7591 §3.2.2; any other words of the server's are not repeated."""

Method = Literal["client_secret_basic", "client_secret_post", "none"]
SENDS: dict[str, Literal["basic", "body"]] = {
    "client_secret_basic": "basic",
    "client_secret_post": "body",
    "none": "body",
}
"""How a client proves itself that we can be."""

Post = Callable[[str, bytes], Awaitable[Reply]]
"""Sends JSON to an address."""


class NoClient(ToolFailed):
    """The server of tokens does not know us, and registers nobody by itself, or not us."""

    code = "connector.no_client"
    hint = (
        "Have the people behind it register a client with the redirect address of the settings, "
        "and write client_id (and secret) into [auth]."
    )


Client = tuple[str, Secret, Literal["basic", "body"], int]
"""Its id, its secret, how it proves itself, and until when its secret is good (0: for ever)."""


async def register(giver: OAuthMetadata, redirect: str, scopes: tuple[str, ...], *, post: Post) -> Client:
    """Register ourselves.

    Raises:
        NoClient: The server registers nobody, or not us.
        ToolFailed: It cannot be reached.
    """
    if giver.registration_endpoint is None:
        raise NoClient(f"{giver.issuer} registers no clients by itself; our redirect address is {redirect}")
    wanted = OAuthClientMetadata(
        redirect_uris=[AnyUrl(redirect)],
        token_endpoint_auth_method=_method(giver),
        client_name=CLIENT_NAME,
        scope=" ".join(scopes) or None,
        application_type="native" if urlsplit(redirect).hostname in LOOPBACK else "web",
    )
    body = wanted.model_dump(mode="json", exclude_none=True) | {"redirect_uris": [redirect]}
    reply = await post(str(giver.registration_endpoint), msgspec.json.encode(body))
    if reply.status not in (200, 201):
        raise NoClient(f"{giver.issuer} does not register us ({reply.status}, {_reason(reply)})")
    try:
        made = OAuthClientInformationFull.model_validate_json(reply.content)
    except ValidationError:
        raise NoClient(f"{giver.issuer} answers our registration with what is none") from None
    method = made.token_endpoint_auth_method or ("client_secret_basic" if made.client_secret else "none")
    if method not in SENDS:
        raise NoClient(f"{giver.issuer} wants clients to prove themselves by {method[:40]!r}, which we cannot")
    secret = "" if method == "none" else made.client_secret or ""
    return made.client_id, Secret(secret), SENDS[method], made.client_secret_expires_at or 0


def _method(giver: OAuthMetadata) -> Method:
    """Return how we ask to prove ourselves: the first way of the server's that we know."""
    offered = giver.token_endpoint_auth_methods_supported or ["client_secret_basic"]  # RFC 8414 §2: the default
    for method in offered:
        if method in SENDS:
            return cast("Method", method)
    raise NoClient(f"{giver.issuer} wants clients to prove themselves by {', '.join(offered)[:80]}, which we cannot")


def _reason(reply: Reply) -> str:
    try:
        said = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, RecursionError):
        said = None
    reason = said.get("error") if isinstance(said, dict) else None
    return reason if reason in REASONS else "no reason that we know"
