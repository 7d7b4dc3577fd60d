"""Tokens that run out: got once for all calls that need them, and anew when the system takes them no more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ai_worker.connectors.http.wire import Reply
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed

EARLY_S = 60.0
"""A token is renewed so long before it runs out, for clocks differ and calls take time."""

DEFAULT_LIFE_S = 3_600.0
"""Of a token whose life nobody tells (RFC 6749 §5.1 only recommends it)."""


class CredentialsRefused(ToolFailed):
    """The system, or whoever gives its tokens, does not take our credentials; nothing was done."""

    code = "connector.credentials_refused"
    hint = "Renew the credentials in the connector's settings."

    def __init__(self, problem: str, *, reason: str = "") -> None:
        """Say what happened.

        Args:
            problem: In a sentence.
            reason: The word of RFC 6749 §5.2 for it; empty: none was said.
        """
        super().__init__(problem)
        self.reason = reason


class ConsentNeeded(CredentialsRefused):
    """Nobody has consented yet, or the consent is over: it was taken back, or has run out. Nothing was done."""

    code = "connector.consent_needed"
    hint = "Run `ai-worker connectors authorize ID`, then open the address that it shows and consent."


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that was given."""

    token: Secret
    life_s: float


Ask = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[Reply]]
"""Asks whoever gives tokens: method, address, headers, content. Raises ToolFailed if nobody answers."""


class TokenSource:
    """One token, shared by all calls of its connection."""

    def __init__(self, get: Callable[[], Awaitable[Grant]], *, clock: Clock) -> None:
        self._get = get
        self._clock = clock
        self._token: Secret | None = None
        self._until = 0.0
        self._getting: asyncio.Task[Secret] | None = None

    async def token(self) -> Secret:
        """Return a token that is good for now.

        Who has not the time to wait for it leaves, and it is got all the same: in the middle of an exchange the
        refresh token before is void already, and the one that replaces it is not kept yet.

        Raises:
            CredentialsRefused: None is given.
            ToolFailed: Whoever gives them cannot be reached.
        """
        if self._token is not None and self._clock.monotonic() < self._until:
            return self._token
        if self._getting is None:
            self._getting = asyncio.create_task(self._got())
            self._getting.add_done_callback(self._ended)
        return await asyncio.shield(self._getting)

    def discard(self, token: Secret) -> None:
        """Forget a token that the system does not take any more; one that was renewed meanwhile stays."""
        if self._token == token:
            self._token = None

    async def _got(self) -> Secret:
        grant = await self._get()
        self._token = grant.token
        self._until = self._clock.monotonic() + max(grant.life_s - EARLY_S, 1.0)
        return grant.token

    def _ended(self, getting: asyncio.Task[Secret]) -> None:
        self._getting = None
        if not getting.cancelled():
            getting.exception()  # whoever waits hears it; perhaps nobody does any more


def life_of(value: Any) -> float:
    """Return the seconds that an answer gives a token; what is no number is taken for an hour."""
    try:
        return float(value or DEFAULT_LIFE_S)
    except (TypeError, ValueError):
        return DEFAULT_LIFE_S
