"""Leases on outbound rows: a process sends only what is still its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.store import OutboundMessage, PipelineStore

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

RENEW_S = 4.0
"""Leases of rows that wait for their send, or are being sent, are extended this often."""


class LeaseRanOut(Exception):
    """The row may be another owner's by now: whoever that is sends it."""


class Leases:
    """The rows that this process may send, and until when."""

    def __init__(self, store: PipelineStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rows: dict[str, OutboundMessage] = {}
        self._guards: dict[str, asyncio.Timeout] = {}

    def take(self, message: OutboundMessage) -> None:
        """Begin to hold a row, or go on with what the store says of it now."""
        self._rows[message.id] = message

    def give_up(self, outbound_id: str) -> None:
        """Hold it no longer."""
        self._rows.pop(outbound_id, None)

    def row(self, outbound_id: str) -> OutboundMessage:
        """Return a row as it was claimed last: perhaps anew, since its sender began."""
        return self._rows[outbound_id]

    def left(self, outbound_id: str) -> float | None:
        """Return for how many seconds a row may still be sent; `None` if nothing limits it."""
        until = self._rows[outbound_id].send_before
        return None if until is None else until - self._clock.monotonic()

    async def renew(self) -> None:
        """Keep the rows that wait for a slot, or are being sent, this owner's; runs until it is cancelled."""
        while True:
            await asyncio.sleep(RENEW_S)
            if not self._rows:
                continue
            asked = list(self._rows.values())
            try:
                renewed = await self._store.renew_outbound(asked, now=self._clock.now())
            except Busy:
                log.warning("delivery.store_busy")
                continue
            for message in renewed:
                if message.id in self._rows:
                    self._rows[message.id] = message
                    self._guard(message.id)

    async def within(self, outbound_id: str, send: Callable[[], Awaitable[Result]]) -> Result:
        """Send for as long as a row is this owner's.

        A process that wakes up after its lease sends nothing: its clocks have moved on, so the look at
        the lease, or the timer that has run out, comes before anything else of the send.

        Raises:
            LeaseRanOut: It is not this owner's any more; the send was cut off, or never begun.
        """
        left = self.left(outbound_id)
        if left is not None and left <= 0:
            raise LeaseRanOut
        guard = asyncio.timeout(left)
        try:
            async with guard:
                self._guards[outbound_id] = guard
                return await send()
        except TimeoutError:
            if guard.expired():
                raise LeaseRanOut from None
            raise
        finally:
            self._guards.pop(outbound_id, None)

    def _guard(self, outbound_id: str) -> None:
        """Move the timer of a send to the end of its new lease."""
        guard, left = self._guards.get(outbound_id), self.left(outbound_id)
        if guard is not None and left is not None and not guard.expired():
            guard.reschedule(asyncio.get_running_loop().time() + left)
