"""Keeps what became of calls, beside the calls: nobody who calls a tool waits for a database."""

import asyncio
from collections import deque

import structlog

from ai_worker.foundation.errors import AiWorkerError
from ai_worker.skills.calls import CallStore
from ai_worker.skills.tool import Called

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000
"""Calls that wait to be kept; of more, the oldest are let go."""

BATCH = 500


class CallLog:
    """Hears of calls, and keeps them in batches."""

    def __init__(self, store: CallStore, *, most: int = MOST_WAITING) -> None:
        self._store = store
        self._waiting: deque[Called] = deque(maxlen=most)
        self._keeping: asyncio.Task[None] | None = None
        self.lost = 0
        """Calls that were let go because the store could not keep up."""

    def heard(self, called: Called) -> None:
        """Take note of a call; returns at once."""
        if len(self._waiting) == self._waiting.maxlen:
            self.lost += 1
        self._waiting.append(called)

    async def keep(self) -> None:
        """Keep all that was heard of until now; what the store does not take waits for the next time.

        Raises:
            AiWorkerError: The store cannot keep anything now.
        """
        if self.lost:
            log.warning("connectors.calls_not_kept", calls=self.lost)
            self.lost = 0
        for _ in range(len(self._waiting) // BATCH + 1):
            if self._keeping is None:
                self._keeping = asyncio.create_task(self._keep())
            try:
                await asyncio.shield(self._keeping)  # whoever is cancelled meanwhile leaves it to the next one
            finally:
                if self._keeping.done():
                    self._keeping = None

    async def _keep(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not batch:
            return
        try:
            await self._store.add(batch)
        except AiWorkerError:
            self._waiting.extendleft(reversed(batch))
            raise
