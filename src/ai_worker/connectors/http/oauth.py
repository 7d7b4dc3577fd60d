"""OAuth 2 tokens for ourselves, or with the refresh token that a person's consent gave (RFC 6749)."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode

from ai_worker.connectors.answers import decoded
from ai_worker.connectors.http.tokens import Ask, ConsentNeeded, CredentialsRefused, Grant, life_of
from ai_worker.foundation.secret import Secret

REASONS = frozenset(
    (
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
    )
)
"""RFC 6749 §5.2, RFC 8707 §2. Any other words of a token server could hold what we sent."""

CONSENT_OVER = frozenset(("invalid_grant", "invalid_client", "unauthorized_client"))
"""What a token server says when the refresh token, or the client that it was given to, is good no more."""

Remember = Callable[[Secret], Awaitable[None]]
"""Keeps a refresh token that replaces the one before; the old one may be void from then on."""


@asynccontextmanager
async def _nobody_else() -> AsyncIterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a connection's refresh token is kept, so that it outlives the process and is shared by several."""

    remember: Remember
    """Returns once the token is durable: the one before may be void already."""

    recall: Callable[[], Awaitable[Secret | None]] | None = None
    """The token that was kept last, by whichever process; `None` of it: none was."""

    alone: Callable[[], AbstractAsyncContextManager[None]] = _nobody_else
    """Held while a token is exchanged: of two processes that spend one refresh token, one would lose it."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Gets tokens for ourselves (client credentials), or with a refresh token that a person's consent gave."""

    token_url: str
    client_id: str
    client_secret: Secret
    """Empty of a public client, which proves itself by PKCE alone."""

    scopes: tuple[str, ...] = ()
    refresh_token: Secret | None = None
    sends: Literal["basic", "body"] = "basic"
    """How the client proves itself (RFC 6749 §2.3.1)."""

    consent: bool = False
    """Only with a refresh token, which a person's consent gave (RFC 6749 §4.1); it is kept, not configured."""

    resource: str = ""
    """For which system the token is to be good (RFC 8707); empty: the server of tokens is not told."""


class OAuthGrants:
    """Gets one client's tokens."""

    def __init__(self, client: OAuthClient, *, ask: Ask, keeping: Keeping | None = None) -> None:
        self._client = client
        self._ask = ask
        self._keeping = keeping
        self._refresh = client.refresh_token
        self._unkept = False

    async def __call__(self) -> Grant:
        """Return a new token.

        Raises:
            CredentialsRefused: The server gives none, or nobody has consented yet.
            ToolFailed: It cannot be reached.
        """
        if self._keeping is None:
            return await self._exchange()
        async with self._keeping.alone():
            if self._unkept and self._refresh is not None:
                await self._keep(self._refresh)
            if self._keeping.recall is not None:
                # Another process may have spent the one that we know.
                self._refresh = await self._keeping.recall() or self._refresh
            return await self._exchange()

    async def _exchange(self) -> Grant:
        client = self._client
        if client.consent and self._refresh is None:
            raise ConsentNeeded("nobody has consented yet: run `ai-worker connectors authorize`")
        form = {"grant_type": "client_credentials"}
        if self._refresh is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh.reveal()}
        if client.scopes:
            form["scope"] = " ".join(client.scopes)
        try:
            answer = await asked(client, form, ask=self._ask)
        except CredentialsRefused as refused:
            if client.consent and refused.reason in CONSENT_OVER:
                over = f"the consent is over ({refused.reason}): run `ai-worker connectors authorize` again"
                raise ConsentNeeded(over, reason=refused.reason) from None
            raise
        await self._keep_refresh(answer.get("refresh_token"))
        return Grant(Secret(answer["access_token"]), life_of(answer.get("expires_in")))

    async def _keep_refresh(self, fresh: Any) -> None:
        if isinstance(fresh, str) and fresh and self._refresh is not None and fresh != self._refresh.reveal():
            self._refresh = Secret(fresh)
            await self._keep(self._refresh)

    async def _keep(self, token: Secret) -> None:
        """Keep a token before anybody uses it.

        One that cannot be kept is tried again before the next: what is on the disk is spent already.
        """
        if self._keeping is not None:
            self._unkept = True
            await self._keeping.remember(token)
            self._unkept = False


async def asked(client: OAuthClient, form: Mapping[str, str], *, ask: Ask) -> Mapping[str, Any]:
    """Return the token server's answer to a form, which holds an access token.

    Raises:
        CredentialsRefused: The server gives none; `reason` is one of `REASONS`, or empty.
        ToolFailed: It cannot be reached.
    """
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    form = {**form, "resource": client.resource} if client.resource else dict(form)
    if client.sends == "basic" and client.client_secret:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret.reveal())}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = client.client_id
        if client.client_secret:
            form["client_secret"] = client.client_secret.reveal()
    reply = await ask("POST", client.token_url, headers, urlencode(form).encode())
    data = decoded(reply.content, reply.headers.get("content-type", ""))[0]
    answer: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    token = answer.get("access_token")
    if reply.status != 200 or not isinstance(token, str) or not token:
        said = answer.get("error")
        reason = said if isinstance(said, str) and said in REASONS else ""
        named = reason or "no reason that we know"
        raise CredentialsRefused(f"the token server gave no token ({reply.status}, {named})", reason=reason)
    return answer
