"""The inbox with Kafka before it: what the brokers have kept counts as received.

While no broker keeps anything, messages go straight into the store, where that can overtake
nothing; else their senders are told to come again. The two ways are never open at once: before the
points are moved, everything that is under way on the old one has come to its end.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Literal

import structlog

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.inbox import Intake
from ai_worker.pipeline.store import Accepted
from ai_worker.queue.gate import Gate
from ai_worker.queue.options import QueueOptions
from ai_worker.queue.record import encode, key_of
from ai_worker.queue.sender import Kept, NotSent, QueueBusy, Sender
from ai_worker.queue.transit import Transit

log = structlog.get_logger(__name__)

ACCEPT_S = 2.0
"""A message that is not durable by then is refused: a late yes is worth nothing to a platform."""

AGAIN_S = 1.0
"""How often a broker that does not answer is asked again."""

CHECK_S = 0.1

Way = Literal["queue", "store"]


class QueuedInbox:
    """Takes verified messages from every door, by way of Kafka.

    The store has not seen a message when its sender is told "received". So its turn id is derived
    from its own id, a repeat is not called one, and of two messages under one id the first to reach
    the store wins, unnoticed by the second's sender.
    """

    def __init__(self, inbox: Intake, options: QueueOptions, *, transit: Transit | None) -> None:
        """Put Kafka before an inbox. Nothing is received before `run` has reached a broker.

        Args:
            inbox: Makes a message durable in the store.
            options: How to reach the brokers.
            transit: What is under way in the queue, where this process alone feeds and reads it.
                `None`: others do too, so nobody knows, and the store is never written past the queue.

        Raises:
            QueueOptionRefused: The Kafka client does not take its options.
        """
        self._inbox = inbox
        self._options = options
        self._transit = transit
        self._sender = self._new_sender()
        self._way: Way = "store"
        self._next: Way = "store"
        self._gate = Gate()
        self._under_way: Counter[Way] = Counter()

    @property
    def healthy(self) -> bool:
        """Whether messages go by way of Kafka now."""
        return self._way == "queue"

    @property
    def accepting(self) -> bool:
        """Whether a message of a new conversation would be taken now."""
        return self.healthy or (self._transit is not None and self._transit.known)

    async def accept(self, message: InboundMessage) -> Accepted:
        """Make `message` durable, in Kafka or in the store.

        Raises:
            QueueBusy: It is not durable, or not known to be; the sender must be told to come again.
            StoreBusy: The same, on the way into the store.
            RecordTooLarge: No broker takes a message of this size.
        """
        message = replace(message, turn_id=derived_id("t", message.channel, message.message_id))
        try:
            async with asyncio.timeout(ACCEPT_S):
                return await self._accept(message)
        except TimeoutError:
            raise QueueBusy("The message could not be kept in time. Try again in a moment.") from None

    async def run(self) -> None:
        """Keep a sender connected until cancelled; then send what is under way."""
        try:
            while True:
                await self._connect()
                self._turn("queue")
                log.info("queue.connected", topic=self._options.topic)
                while not self._sender.broken.done():
                    await asyncio.wait({self._sender.broken}, timeout=CHECK_S)
                    self._sender.check()
                log.warning("queue.broken", reason=self._sender.broken.result(), instead=self._instead)
                await self._sender.close()
                self._sender = self._new_sender()
        finally:
            await self._sender.close()

    def _new_sender(self) -> Sender:
        return Sender(self._options, on_broken=lambda: self._turn("store"))

    @property
    def _instead(self) -> str:
        return "refusing" if self._transit is None else "storing"

    async def _connect(self) -> None:
        told = ""
        while True:
            try:
                partitions = await self._sender.connect()
            except NotSent as failure:
                if str(failure) != told:
                    told = str(failure)
                    log.warning("queue.unreachable", reason=told, instead=self._instead)
                await asyncio.sleep(AGAIN_S)
                continue
            if self._transit is not None:
                self._transit.opened(partitions)
            return

    async def _accept(self, message: InboundMessage) -> Accepted:
        key = key_of(message)
        await self._gate.through()
        while True:
            if self._way == "store":
                return await self._store(message, key)
            try:
                kept = self._sender.send(key, encode(message))
            except NotSent:
                await self._gate.through(again=True)
                continue
            try:
                return await self._keep(message, key, kept)
            except NotSent:  # what was under way goes on at once, in the order in which it was sent
                return await self._store(message, key)

    async def _keep(self, message: InboundMessage, key: bytes, kept: Kept) -> Accepted:
        self._under_way["queue"] += 1
        try:
            place = await kept
        finally:
            self._end("queue")
        if self._transit is not None:
            self._transit.sent(key, place.partition, place.offset)
        return Accepted(message.turn_id, 0, duplicate=False)

    async def _store(self, message: InboundMessage, key: bytes) -> Accepted:
        """Write past the queue, if the queue holds nothing that comes first."""
        if self._transit is None or self._transit.holds(key):
            raise QueueBusy("Kafka cannot be reached, and an earlier message may be waiting in it. Try again later.")
        self._under_way["store"] += 1
        try:
            return await self._inbox.accept(message)
        finally:
            self._end("store")

    def _turn(self, way: Way) -> None:
        """Move the points: what comes from now on waits until the other way is empty, then goes this one."""
        if way == self._next:
            return
        self._next = way
        self._gate.shut()
        self._settle()

    def _end(self, way: Way) -> None:
        self._under_way[way] -= 1
        self._settle()

    def _settle(self) -> None:
        if not self._gate.open and not self._under_way["store" if self._next == "queue" else "queue"]:
            self._way = self._next
            self._gate.unlock()
