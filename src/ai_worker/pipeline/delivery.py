"""Delivery: durable replies go out, in order within a conversation, until their end is known."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.facts import ReplySettled
from ai_worker.pipeline.sending import Deliverer, SendFailed
from ai_worker.pipeline.store import FinalState, OutboundMessage, PipelineStore

log = structlog.get_logger(__name__)

POLL_S = 0.5
"""How often the store is asked for due rows when nobody has called `wake`."""

BATCH = 200
MAX_ATTEMPTS = 8
PER_CHANNEL = 200
"""Sends in progress at once on one channel; more wait in the store."""


class Delivery:
    """Carries outbound messages to their channels.

    Rows reach it in two ways: `begin` hands over replies that a finished turn has just made durable
    (they are this owner's already), and the loop claims what is due after a failure, a restart, or
    because a person wrote it.
    """

    def __init__(
        self,
        store: PipelineStore,
        *,
        deliverers: Mapping[str, Deliverer],
        events: EventBus,
        clock: Clock,
        owner: str,
    ) -> None:
        self._store = store
        self._deliverers = deliverers
        self._events = events
        self._clock = clock
        self._owner = owner
        self._wake = asyncio.Event()
        self._stopping = False
        self._lanes: dict[int, deque[OutboundMessage]] = {}
        self._sends: set[asyncio.Task[None]] = set()
        self._slots = {name: asyncio.Semaphore(PER_CHANNEL) for name in deliverers}

    def wake(self) -> None:
        """Look into the store now: something may be due."""
        self._wake.set()

    def begin(self, messages: Sequence[OutboundMessage]) -> None:
        """Send rows that are this owner's and marked as being sent."""
        for message in messages:
            lane = self._lanes.get(message.conversation_id)
            if lane is not None:
                lane.append(message)
                continue
            self._lanes[message.conversation_id] = deque([message])
            task = asyncio.create_task(self._send_lane(message.conversation_id))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)

    async def run(self) -> None:
        """Claim and send due rows until `drain` is called."""
        while not self._stopping:
            self._wake.clear()
            try:
                due = await self._store.claim_outbound(owner=self._owner, limit=BATCH, now=self._clock.now())
            except Busy:
                log.warning("delivery.store_busy")
                due = []
            self.begin(due)
            if len(due) < BATCH:
                await self._sleep(POLL_S)

    async def drain(self, seconds: float) -> None:
        """Stop claiming and give the sends in progress `seconds` to end. The rest stays durable."""
        self._stopping = True
        self._wake.set()
        if self._sends:
            await asyncio.wait(set(self._sends), timeout=seconds)
        for task in list(self._sends):
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send_lane(self, conversation_id: int) -> None:
        """Send a conversation's messages one after another; stop at the first that has to wait."""
        lane = self._lanes[conversation_id]
        try:
            while lane:
                if (delay := await self._send(lane[0])) is not None:
                    await self._put_back(lane, delay)
                    return
                lane.popleft()
        except Busy:  # not recorded: the row's lease runs out by itself and it comes back as unsure
            log.warning("delivery.store_busy")
        finally:
            del self._lanes[conversation_id]

    async def _put_back(self, lane: deque[OutboundMessage], delay: float) -> None:
        """Return what is behind a message that has to wait, so that it cannot overtake."""
        until = self._clock.now() + timedelta(seconds=delay)
        for message in list(lane)[1:]:
            await self._store.postpone(message, until=until, error="", unsure=message.unsure)

    async def _send(self, message: OutboundMessage) -> float | None:
        """Send one message; return seconds to wait if it has to be tried again, `None` at its end."""
        if self._clock.now() >= message.expires_at:
            await self._settle(message, "expired", error="not deliverable in time")
            return None
        deliverer = self._deliverers.get(message.channel)
        if deliverer is None:
            await self._settle(message, "failed", error="the channel is no longer configured")
            return None
        try:
            async with self._slots[message.channel]:
                sent = await deliverer.deliver(message)
        except SendFailed as failure:
            return await self._failed(message, failure)
        except Exception as defect:  # a task boundary: a defect in one channel must not stop the others
            log.exception("delivery.defect", channel=message.channel, outbound=message.id)
            unknown = SendFailed(message.channel, type(defect).__name__, retry_after=5.0, unsure=True)
            return await self._failed(message, unknown)
        state: FinalState = "delivered" if sent.confirmed else "sent"
        await self._settle(message, state, platform_id=sent.platform_id)
        return None

    async def _failed(self, message: OutboundMessage, failure: SendFailed) -> float | None:
        unsure = message.unsure or failure.unsure
        if failure.retry_after is None or message.attempt >= MAX_ATTEMPTS:
            await self._settle(message, "unknown" if unsure else "failed", error=str(failure))
            return None
        delay = max(failure.retry_after, backoff(message.attempt, base=1.0, cap=60.0))
        until = self._clock.now() + timedelta(seconds=delay)
        log.warning("delivery.postponed", channel=message.channel, outbound=message.id, seconds=round(delay, 1))
        await self._store.postpone(message, until=until, error=str(failure), unsure=unsure)
        return delay

    async def _settle(
        self, message: OutboundMessage, state: FinalState, *, error: str = "", platform_id: str = ""
    ) -> None:
        now = self._clock.now()
        while True:
            try:
                await self._store.settle(message, state, now=now, error=error, platform_id=platform_id)
                break
            except Busy as busy:  # it has gone out: forgetting that would send it twice
                await asyncio.sleep(busy.retry_after)
        seconds = (now - message.created_at).total_seconds()
        self._events.publish(ReplySettled(message.channel, message.conversation_id, message.id, state, seconds))
