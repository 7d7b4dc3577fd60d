"""The access token: fetched once for everybody who needs it, and again before it runs out."""

import asyncio
from collections.abc import Awaitable, Callable

from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.sending import SendFailed

EARLY_S = 300.0
"""A token is replaced this long before it runs out, so that none expires on its way."""

PAUSE_S = 3.0
"""After a failed fetch nobody tries again for this long: fetching is throttled by the platform."""

Fetch = Callable[[], Awaitable[tuple[str, float]]]
"""Returns a token and for how many seconds it is good."""


class AccessToken:
    """One token of one application."""

    def __init__(self, fetch: Fetch, *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value = ""
        self._good_until = 0.0
        self._failure: SendFailed | None = None
        self._failed_until = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def get(self) -> str:
        """Return a token that is good for a while; callers at the same time share one fetch.

        Raises:
            SendFailed: The platform gave none.
        """
        now = self._clock.monotonic()
        if self._value and now < self._good_until:
            return self._value
        if self._failure is not None and now < self._failed_until:
            raise self._failure.with_traceback(None)
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(_look_at)
        return await asyncio.shield(self._fetching)  # a caller that is cancelled must not fail the others

    def drop(self, value: str) -> None:
        """Forget `value`, which the platform has refused; a newer token stays."""
        if self._value == value:
            self._value = ""

    async def close(self) -> None:
        """End a fetch that is in progress."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _renew(self) -> str:
        try:
            value, seconds = await self._fetch()
        except SendFailed as failure:
            self._failure = failure
            self._failed_until = self._clock.monotonic() + PAUSE_S
            raise
        finally:
            self._fetching = None
        self._failure = None
        self._value = value
        # Half of a lifetime too short for the early replacement: still never a fetch for every message.
        self._good_until = self._clock.monotonic() + max(seconds - EARLY_S, seconds / 2)
        return value


def _look_at(task: asyncio.Task[str]) -> None:
    """Take note of a failure even if every caller has gone away, or asyncio complains of a lost exception."""
    if not task.cancelled():
        task.exception()
