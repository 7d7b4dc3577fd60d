"""Taking in what the platform says only once.

Over its long connection the bot's platform waits for no acknowledgement and repeats nothing. What comes
in is therefore tried again here while the store is busy, in its order within a conversation. When that
takes too long, or too much is waiting, the message is given up in sight of its contact, who is asked to
send it again: nothing is lost in silence.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from zlib import crc32

import structlog

from ai_worker.channels.contract import Receive
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy

log = structlog.get_logger(__name__)

LANES, LANE_LENGTH = 32, 64
"""So many conversations at once are waited for, and so many messages wait in one lane: 2,048 in all."""

PATIENCE_S = 60.0
"""A message that could not be kept for so long after it came in is given up."""

PAUSE_S = 1.0
"""The longest wait between two tries."""

DRAIN_S = 5.0
"""How long the end waits for what has come in already."""

GiveUp = Callable[[InboundMessage], Awaitable[None]]
"""Tells the contact that a message was not kept. Must not raise."""


class Reception:
    """Makes messages durable, however long that takes within reason, without holding up who brings them."""

    def __init__(
        self, channel: str, receive: Receive, *, kept: Callable[[], None], give_up: GiveUp, clock: Clock
    ) -> None:
        self._channel, self._receive, self._clock = channel, receive, clock
        self._kept, self._give_up = kept, give_up
        self._lanes = [asyncio.Queue[tuple[InboundMessage, float]](LANE_LENGTH) for _ in range(LANES)]
        self._workers = [asyncio.create_task(self._work(lane)) for lane in self._lanes]

    async def take(self, message: InboundMessage) -> None:
        """Take a message in; returns at once unless it has to be given up."""
        lane = self._lanes[crc32(message.conversation_key.encode("utf-8", "replace")) % LANES]
        try:
            lane.put_nowait((message, self._clock.monotonic()))
        except asyncio.QueueFull:
            await self._lose(message, "too many wait")

    async def close(self) -> None:
        """Wait for what has come in, for a bounded time, then stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*(lane.join() for lane in self._lanes))
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self, lane: "asyncio.Queue[tuple[InboundMessage, float]]") -> None:
        while True:
            message, came_at = await lane.get()
            try:
                await self._keep(message, came_at)
            except Exception:  # a task boundary: one message must not end the lane of many
                log.exception("channel.reception_defect", channel=self._channel)
                await self._lose(message, "a defect")
            finally:
                lane.task_done()

    async def _keep(self, message: InboundMessage, came_at: float) -> None:
        while True:
            try:
                await self._receive(message)
            except Busy as busy:
                if self._clock.monotonic() - came_at + busy.retry_after > PATIENCE_S:
                    await self._lose(message, "the store was busy for too long")
                    return
                await asyncio.sleep(min(busy.retry_after, PAUSE_S))
            else:
                self._kept()
                return

    async def _lose(self, message: InboundMessage, why: str) -> None:
        log.error("channel.message_given_up", channel=self._channel, message=message.message_id, why=why)
        await self._give_up(message)
