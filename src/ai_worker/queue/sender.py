"""The sender: one Kafka producer, from a broker that answers to the first thing that goes wrong.

librdkafka reports what became of a message in the thread that polls it. That is a thread of our
own; it passes the reports on to the event loop, many at once.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ai_worker.foundation.errors import Busy, TooLarge
from ai_worker.queue.options import QueueOptions

log = structlog.get_logger(__name__)
SEND_S = 1.2
"""How long the broker may take to keep a message; then the whole sender counts as broken."""

PROBE_S = 2.0
POLL_S = 0.2
FLUSH_S = 2.0

_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE, KafkaError.RECORD_LIST_TOO_LARGE})


class QueueBusy(Busy):
    """The queue could not keep the message in time; the sender must come again."""

    code = "queue.busy"


class RecordTooLarge(TooLarge):
    """The broker does not take messages of this size."""

    code = "queue.record_too_large"
    hint = "Send less at once, or raise max.message.bytes of the Kafka topic."


class NotSent(Exception):
    """The broker did not say that it has kept the message. It may have, all the same."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker keeps a message."""

    partition: int
    offset: int


Kept = asyncio.Future[Place]


class Sender:
    """Sends until it is broken, and is never mended: another one is connected in its place.

    So a producer that the broker has fenced off, or that lost count of its messages, cannot live on.
    """

    def __init__(self, options: QueueOptions, *, on_broken: Callable[[], None]) -> None:
        """Make a producer; it speaks to nobody before `connect`.

        Args:
            options: How to reach the brokers.
            on_broken: Called at once when something goes wrong, before anybody else hears of it.

        Raises:
            QueueOptionRefused: The client does not take its options.
        """
        try:
            self._producer = Producer(options.producer(), logger=options)
        except KafkaException as error:
            raise options.refused(error) from None
        self._topic = options.topic
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[Kept, float] = {}
        self._reports: list[tuple[Kept, KafkaError | None, Place]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-sender", daemon=True)
        self.broken: asyncio.Future[str] = self._loop.create_future()
        """Done, with the reason, as soon as anything has gone wrong."""

    async def connect(self) -> int:
        """Ask a broker about the topic; return its number of partitions.

        Raises:
            NotSent: No broker answers, or a partition has nobody to write to.
        """
        try:
            listed = await asyncio.to_thread(self._producer.list_topics, self._topic, PROBE_S)
        except KafkaException as error:
            raise NotSent(error.args[0].name()) from None
        topic = listed.topics[self._topic]
        leaderless = [each for each in topic.partitions.values() if each.leader < 0]
        if topic.error is not None or leaderless or not topic.partitions:
            raise NotSent(topic.error.name() if topic.error is not None else "a partition has no leader")
        if not self._thread.is_alive():
            self._thread.start()
        return len(topic.partitions)

    def send(self, key: bytes, value: bytes) -> Kept:
        """Begin to send; the future is done once all in-sync brokers have it, or fails with `NotSent`.

        Raises:
            QueueBusy: Too much is waiting for the broker.
            RecordTooLarge: The client does not take messages of this size.
            NotSent: The sender is broken.
        """
        if self.broken.done():
            raise NotSent(self.broken.result())
        kept: Kept = self._loop.create_future()
        try:
            self._producer.produce(self._topic, value, key, on_delivery=partial(self._report, kept))
        except BufferError:
            raise QueueBusy("Too many messages are waiting for Kafka. Try again in a moment.") from None
        except KafkaException as error:
            if error.args[0].code() in _TOO_LARGE:
                raise _too_large() from None
            self.fail(error.args[0].name())
            raise NotSent(error.args[0].name()) from None
        self._under_way[kept] = self._loop.time()
        return kept

    def check(self) -> None:
        """Break if the broker has been silent about a message for too long."""
        oldest = next(iter(self._under_way.values()), None)
        if oldest is not None and self._loop.time() - oldest > SEND_S:
            self.fail("the broker does not answer")

    def fail(self, reason: str) -> None:
        """Break: everything under way fails, in the order in which it was sent."""
        if not self.broken.done():
            self.broken.set_result(reason)
            self._on_broken()
        under_way, self._under_way = self._under_way, {}
        for kept in under_way:
            if not kept.done():
                kept.set_exception(NotSent(reason))

    async def close(self) -> None:
        """Send what is still under way, if the sender is whole, and end."""
        self._closing.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 2 * FLUSH_S)
        self.fail("closed")

    def _report(self, kept: Kept, error: KafkaError | None, message: Message) -> None:
        """Note what became of a message (in the thread that polls)."""
        self._reports.append((kept, error, Place(message.partition() or 0, message.offset() or 0)))

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(POLL_S)
            self._pass_on()
        if self.broken.done():
            self._producer.purge(blocking=False)
        self._producer.flush(FLUSH_S)
        self._pass_on()

    def _pass_on(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            try:
                self._loop.call_soon_threadsafe(self._settle, reports)
            except RuntimeError:  # the loop is closed: nobody waits any more
                log.debug("queue.caller_gone", records=len(reports))

    def _settle(self, reports: list[tuple[Kept, KafkaError | None, Place]]) -> None:
        for kept, error, place in reports:
            if error is not None and error.code() not in _TOO_LARGE:
                self.fail(error.name())
                return
            self._under_way.pop(kept, None)
            if kept.done():
                continue
            if error is None:
                kept.set_result(place)
            else:
                kept.set_exception(_too_large())


def _too_large() -> RecordTooLarge:
    return RecordTooLarge("The message is larger than what Kafka takes")
