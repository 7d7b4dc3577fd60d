"""What was found out about who gives a server's tokens, kept so that later calls need not ask again."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal

import msgspec

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An authorization server, and the client that we are to it."""

    server: str
    """The MCP server that named it: another one's tokens are none of its business."""

    issuer: str
    authorize_url: str
    token_url: str
    client_id: str
    secret: Secret
    """The client's; empty: a public client, or the settings hold it."""

    sends: Literal["basic", "body"]
    redirect: str
    """The address that the client was registered with."""

    secret_until: int = 0
    """Seconds since 1970, UTC; 0: the secret does not run out (RFC 7591 §3.2.1)."""

    registered: bool
    """Whether we registered the client; otherwise the settings name it."""

    scopes: tuple[str, ...]
    resource: str
    """What a token is asked for (RFC 8707)."""

    def complete(self, auth: CodeAuth) -> CodeAuth:
        """Return the settings with what was found; what they say themselves stays."""
        return auth.model_copy(
            update={
                "authorize_url": self.authorize_url,
                "token_url": self.token_url,
                "client_id": self.client_id,
                "secret": auth.secret or self.secret or None,
                "sends": self.sends if self.registered else auth.sends,
                "scopes": auth.scopes or self.scopes,
                "resource": self.resource,
            }
        )

    def fits(self, settings: ConnectorSettings, auth: CodeAuth) -> bool:
        """Return whether it was found for what the settings say by now."""
        named = auth.client_id == self.client_id if auth.client_id else self.registered
        return named and self.server == settings.base_url


async def recalled(parts: Parts, connection: str) -> Found | None:
    """Return what was found for a connection; `None`: nothing was, or nobody keeps anything.

    Raises:
        KeptUnreadable: It cannot be read.
    """
    kept = await parts.recall(_name(connection)) if parts.recall is not None else None
    return msgspec.json.decode(kept.reveal(), type=Found, dec_hook=_secret) if kept is not None else None


async def keep(parts: Parts, connection: str, found: Found, refresh_token: Secret) -> None:
    """Keep a refresh token, and then who gave it: from then on it is used.

    Raises:
        KeptUnreadable: It cannot be written.
    """
    if parts.remember is not None:
        name = token_name(connection, found)
        async with parts.alone(name) if parts.alone is not None else nullcontext():  # whoever renews the one before
            await parts.remember(name, refresh_token)
        content = msgspec.json.encode(found, enc_hook=Secret.reveal).decode()
        await parts.remember(_name(connection), Secret(content))


def keeper(parts: Parts, connection: str, found: Found) -> Callable[[Secret], Awaitable[None]]:
    """Return what keeps a refresh token of whom was found."""
    return partial(keep, parts, connection, found)


def token_name(connection: str, found: Found) -> str:
    """Return the name under which a refresh token is kept: no other giver, and no other client, is ever sent it."""
    return f"{connection}?{found.issuer}?{found.client_id}"


def _name(connection: str) -> str:
    # No scheme's name leads here: those stand after a slash.
    return f"{connection}?giver"


def _secret(_kind: type, text: str) -> Secret:
    return Secret(text)
