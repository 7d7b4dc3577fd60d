"""Tokens against forged requests: fetched before a call that acts, sent with it, fetched anew when they ran out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ai_worker.connectors.http.tokens import Ask, CredentialsRefused
from ai_worker.foundation.secret import Secret

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class Csrf:
    """Where a system gives its token, and where it wants it back."""

    address: str
    """Asked for the token, with what proves who calls."""

    header: str = "X-CSRF-Token"
    """In which the token goes out."""

    cookie: str = ""
    """The cookie that holds the token; empty: it comes in the header of its own name, asked for with `Fetch`
    (SAP Gateway: "Cross-Site Request Forgery Protection")."""

    method: Literal["GET", "HEAD"] = "GET"


@dataclass(frozen=True, slots=True)
class CsrfToken:
    """A token and the session that it is good for."""

    token: Secret
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)


class CsrfTokens:
    """The one token of a connection."""

    def __init__(self, csrf: Csrf, *, ask: Ask) -> None:
        self._csrf = csrf
        self._ask = ask
        self._held: CsrfToken | None = None
        self._lock = asyncio.Lock()

    async def add(self, headers: Mapping[str, str]) -> tuple[CsrfToken, dict[str, str]]:
        """Return the token, and the headers with it; `headers` prove who calls.

        Raises:
            CredentialsRefused: The system gives none.
            ToolFailed: It cannot be reached.
        """
        async with self._lock:
            if self._held is None:
                self._held = await self._fetch(headers)
            held = self._held
        given = headers.get("Cookie", "")
        cookies = [*([given] if given else []), *(f"{name}={value}" for name, value in held.cookies.items())]
        more = {"Cookie": "; ".join(cookies)} if cookies else {}
        return held, {**headers, **more, self._csrf.header: held.token.reveal()}

    def refused(self, status: int, headers: Mapping[str, str]) -> bool:
        """Return whether an answer may mean that the token has run out; nothing was done then."""
        if self._csrf.cookie:
            return status in (403, 419)  # 419 is Laravel's own
        return status == 403 and headers.get(self._csrf.header.lower(), "").lower() == "required"

    def discard(self, token: CsrfToken) -> None:
        """Forget a token that is taken no more; one that was fetched meanwhile stays."""
        if self._held is token:
            self._held = None

    async def _fetch(self, headers: Mapping[str, str]) -> CsrfToken:
        csrf = self._csrf
        asking = {**headers, "Accept": "*/*"}
        if not csrf.cookie:
            asking[csrf.header] = "Fetch"
        reply = await self._ask(csrf.method, csrf.address, asking, None)
        value = reply.cookies.get(csrf.cookie) if csrf.cookie else reply.headers.get(csrf.header.lower())
        if reply.status >= 400 or not value or value.lower() == "required":
            raise CredentialsRefused(f"the system gave no token against forged requests ({reply.status})")
        return CsrfToken(Secret(value), dict(reply.cookies))
