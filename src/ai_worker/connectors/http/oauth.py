"""OAuth 2 tokens for ourselves, or with the refresh token that a person's consent gave (RFC 6749)."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode

from ai_worker.connectors.answers import decoded
from ai_worker.connectors.http.tokens import Ask, CredentialsRefused, Grant, life_of
from ai_worker.foundation.secret import Secret

REASONS = frozenset(
    (
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    )
)
"""RFC 6749 §5.2. Any other words of a token server could hold what we sent."""

Remember = Callable[[Secret], Awaitable[None]]
"""Keeps a refresh token that replaces the one before; the old one may be void from then on."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Gets tokens for ourselves (client credentials), or with a refresh token that a person's consent gave."""

    token_url: str
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...] = ()
    refresh_token: Secret | None = None
    sends: Literal["basic", "body"] = "basic"
    """How the client proves itself (RFC 6749 §2.3.1)."""


class OAuthGrants:
    """Gets one client's tokens."""

    def __init__(self, client: OAuthClient, *, ask: Ask, remember: Remember | None = None) -> None:
        self._client = client
        self._ask = ask
        self._remember = remember
        self._refresh = client.refresh_token

    async def __call__(self) -> Grant:
        """Return a new token.

        Raises:
            CredentialsRefused: The server gives none.
            ToolFailed: It cannot be reached.
        """
        client = self._client
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        form = {"grant_type": "client_credentials"}
        if self._refresh is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh.reveal()}
        if client.scopes:
            form["scope"] = " ".join(client.scopes)
        if client.sends == "basic":
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret.reveal())}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret.reveal()}
        reply = await self._ask("POST", client.token_url, headers, urlencode(form).encode())
        data = decoded(reply.content, reply.headers.get("content-type", ""))[0]
        answer: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        token = answer.get("access_token")
        if reply.status != 200 or not isinstance(token, str) or not token:
            reason = answer.get("error")
            named = reason if reason in REASONS else "no reason that we know"
            raise CredentialsRefused(f"the token server gave no token ({reply.status}, {named})")
        await self._keep_refresh(answer.get("refresh_token"))
        return Grant(Secret(token), life_of(answer.get("expires_in")))

    async def _keep_refresh(self, fresh: Any) -> None:
        if isinstance(fresh, str) and fresh and self._refresh is not None and fresh != self._refresh.reveal():
            self._refresh = Secret(fresh)
            if self._remember is not None:
                await self._remember(self._refresh)
