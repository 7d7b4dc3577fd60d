"""Waiting for the board, in a way that ends at once when the process is to end."""

import asyncio

from ai_worker.pipeline.board import Listener, Note


class Waiting:
    """All waits of this door."""

    def __init__(self) -> None:
        self.closed = False
        """Whether the process is ending: who waits should say goodbye."""

        self._waits: set[asyncio.Timeout] = set()

    async def hear(self, listener: Listener, seconds: float) -> Note | None:
        """Return the listener's next note; `None` if none came in time or the process is ending."""
        if self.closed:
            return None
        try:
            async with asyncio.timeout(seconds) as wait:
                self._waits.add(wait)
                try:
                    return await listener.next()
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            return None

    def close(self) -> None:
        """End all waits, now and from now on."""
        self.closed = True
        for wait in self._waits:
            wait.reschedule(0)
