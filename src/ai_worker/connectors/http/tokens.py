"""OAuth 2 tokens: one request for a new one, however many calls need it (RFC 6749)."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote_plus

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed

EARLY_S = 60.0
"""A token is renewed so long before it runs out, for clocks differ and calls take time."""

DEFAULT_LIFE_S = 3_600.0
"""Of a token whose life the server does not tell (RFC 6749 §5.1 only recommends it)."""


class CredentialsRefused(ToolFailed):
    """The system, or whoever gives its tokens, does not take our credentials; nothing was done."""

    code = "connector.credentials_refused"
    hint = "Renew the credentials in the connector's settings."


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


PostForm = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[tuple[int, Any]]]
"""Posts a form: address, fields, headers → status and decoded JSON. Raises ToolFailed if nobody answers."""

Remember = Callable[[Secret], Awaitable[None]]
"""Keeps a refresh token that replaces the one before; the old one may be void from then on."""


class TokenSource:
    """The token of one client, shared by all calls of its connection."""

    def __init__(self, client: OAuthClient, *, clock: Clock, post: PostForm, remember: Remember | None = None) -> None:
        self._client = client
        self._clock = clock
        self._post = post
        self._remember = remember
        self._refresh = client.refresh_token
        self._token: Secret | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> Secret:
        """Return a token that is good for now.

        Raises:
            CredentialsRefused: The server gives none.
            ToolFailed: It cannot be reached.
        """
        async with self._lock:
            if self._token is None or self._clock.monotonic() >= self._until:
                self._token = await self._fetch()
            return self._token

    def discard(self, token: Secret) -> None:
        """Forget a token that the system does not take any more; one that was renewed meanwhile stays."""
        if self._token == token:
            self._token = None

    async def _fetch(self) -> Secret:
        client, headers = self._client, {}
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
        status, answer = await self._post(client.token_url, form, headers)
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if status != 200 or not isinstance(token, str) or not token:
            reason = answer.get("error") if isinstance(answer, Mapping) else None
            # RFC 6749 §5.2 names the reasons; any other words could hold what we sent.
            named = reason if reason in REASONS else "no reason that we know"
            raise CredentialsRefused(f"the token server gave no token ({status}, {named})")
        self._until = self._clock.monotonic() + max(_life(answer) - EARLY_S, 1.0)
        await self._keep_refresh(answer.get("refresh_token"))
        return Secret(token)

    async def _keep_refresh(self, fresh: Any) -> None:
        if isinstance(fresh, str) and fresh and self._refresh is not None and fresh != self._refresh.reveal():
            self._refresh = Secret(fresh)
            if self._remember is not None:
                await self._remember(self._refresh)


REASONS = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
)


def _life(answer: Mapping[str, Any]) -> float:
    try:
        return float(answer.get("expires_in") or DEFAULT_LIFE_S)
    except (TypeError, ValueError):
        return DEFAULT_LIFE_S
