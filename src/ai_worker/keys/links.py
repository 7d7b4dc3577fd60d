"""One-time links that let the person at the command line into the console."""

import hashlib
import secrets
from datetime import timedelta

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.keys.store import KeyStore

LIFETIME = timedelta(minutes=10)


class ConsoleLinks:
    """Issues tokens that work once, for ten minutes. Only their digests are stored."""

    def __init__(self, store: KeyStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def issue(self) -> Secret:
        """Return a fresh token."""
        token = secrets.token_urlsafe(32)
        await self._store.put_link(_digest(token), self._clock.now() + LIFETIME)
        return Secret(token)

    async def take(self, token: str) -> bool:
        """Use a token up; return whether it was good. Of several callers only one ever gets true."""
        return await self._store.take_link(_digest(token), self._clock.now())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
