"""The reader: one member of the consumer group, which moves records from Kafka into the inbox.

A record's offset is committed only after its message is in the store (or the record is set aside),
so whoever dies leaves nothing out: the next member reads again from there, and the store recognises
what it has. Each member stores the messages of a conversation in their order and begins at or
before the first that the store lacks. So even two that believe they own a partition, one of them
wrongly, cannot bring them out of order.

librdkafka's consumer has a thread of its own here. It polls only between batches, and a partition
can be taken away from it only while it polls: a batch in work is stored before that.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError, Busy, Conflict
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.inbox import Intake
from ai_worker.queue.aside import Aside, RecordSetAside
from ai_worker.queue.options import QueueOptions
from ai_worker.queue.record import RecordUnreadable, decode
from ai_worker.queue.transit import Transit

log = structlog.get_logger(__name__)

BATCH = 256
"""Most records that are read and not yet in the store."""

POLL_S = 0.5
AGAIN_S = 1.0
CLOSE_S = 3.0
"""How long a stop may take: the batch in work, its commit, and the farewell to the group."""

MAX_ATTEMPTS = 5
"""A record at which the inbox fails this often, for no reason that we foresaw, is set aside."""

RETRY_BASE_S = 0.1
RETRY_CAP_S = 5.0


class _Stopped(Exception):
    """The reader is to end before a batch was stored; it is read again by whoever comes next."""


@dataclass(frozen=True, slots=True)
class _Record:
    message: InboundMessage
    origin: Message


_Refused = tuple[Message, str]
"""A record, and why it is set aside."""


@dataclass(slots=True)
class _Batch:
    """What one poll brought."""

    records: list[_Record] = field(default_factory=list)
    refused: list[_Refused] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Partitions that were read to their end."""

    read: dict[int, int] = field(default_factory=dict)
    """The first offset of each partition that was not read."""


class KafkaReader:
    """Reads for as long as it runs."""

    def __init__(
        self,
        inbox: Intake,
        options: QueueOptions,
        *,
        aside: Aside,
        transit: Transit | None,
        publish: Callable[[RecordSetAside], None],
        clock: Clock,
    ) -> None:
        """Put a reader before an inbox.

        Args:
            inbox: Makes messages durable in the store and recognises duplicates.
            options: How to reach the brokers.
            aside: Takes the records that are no messages.
            transit: Told what has been read, where somebody wants to know.
            publish: Told of every record that was set aside.
            clock: Tells the time.

        Raises:
            QueueOptionRefused: The Kafka client does not take its options.
        """
        self._inbox = inbox
        self._options = options
        self._first = self._consumer()
        self._aside = aside
        self._transit = transit
        self._publish = publish
        self._clock = clock
        self._stopping = threading.Event()
        self._told: set[str] = set()
        self._at: dict[int, int] = {}
        self.unread = 0
        """Records of this member's partitions that wait in Kafka, as far as is known."""

    async def run(self) -> None:
        """Read until cancelled; what has been read by then is stored and committed first."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def read() -> None:
            try:
                self._read(loop)
            finally:
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=read, name="kafka-reader", daemon=True).start()
        try:
            await ended.wait()
        finally:
            self._stopping.set()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await ended.wait()
            except TimeoutError:
                log.warning("queue.reader_abandoned", seconds=CLOSE_S)

    def _consumer(self) -> Consumer:
        try:
            return Consumer(self._options.consumer(), logger=self._options)
        except KafkaException as error:
            raise self._options.refused(error) from None

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read until told to stop (in the reader's thread); a consumer that fails is replaced."""
        consumer = self._first
        while True:
            try:
                consumer.subscribe(
                    [self._options.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
                )
                while not self._stopping.is_set():
                    self._round(consumer, loop)
            except _Stopped:
                log.info("queue.batch_left")
            except Exception:  # a task boundary: the reader outlives every defect and every fatal client error
                log.exception("queue.reader_failed")
            consumer.close()
            if self._stopping.wait(0 if self._stopping.is_set() else AGAIN_S):
                return
            consumer = self._consumer()

    def _round(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        first = consumer.poll(POLL_S)
        if first is None:
            return
        batch = self._sort((first, *consumer.consume(BATCH - 1, 0)))
        self._count(consumer)
        if batch.records:
            batch.refused += asyncio.run_coroutine_threadsafe(self._keep(batch.records), loop).result()
        for message, reason in batch.refused:
            self._set_aside(message, reason, loop)
        if batch.read:
            self._commit(consumer, batch.read)
        self._count(consumer)
        loop.call_soon_threadsafe(self._note, batch)

    def _sort(self, messages: Iterable[Message]) -> _Batch:
        """Tell messages, what is none, and what the client itself has to say apart."""
        batch = _Batch()
        for message in messages:
            error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    batch.ends.append(partition)
                else:
                    self._complain(error)
                continue
            self._at.setdefault(partition, offset)
            batch.read[partition] = offset + 1
            try:
                batch.records.append(_Record(decode(message.value()), message))
            except RecordUnreadable as unreadable:
                batch.refused.append((message, str(unreadable)))
        return batch

    def _complain(self, error: KafkaError) -> None:
        """Log each kind of trouble once; a fatal one ends this consumer."""
        if error.fatal():
            raise KafkaException(error)
        if error.name() not in self._told:
            self._told.add(error.name())
            log.warning("queue.read_failed", reason=error.name())

    async def _keep(self, records: Sequence[_Record]) -> list[_Refused]:
        """Store messages, each conversation's one after another; return those that the store will never take."""
        lanes: defaultdict[tuple[str, str], list[_Record]] = defaultdict(list)
        for record in records:
            lanes[record.message.channel, record.message.conversation_key].append(record)
        refused: list[_Refused] = []
        lanes_kept = (self._keep_lane(lane, refused) for lane in lanes.values())
        for ended in await asyncio.gather(*lanes_kept, return_exceptions=True):
            if ended is not None:
                raise ended
        return refused

    async def _keep_lane(self, lane: Sequence[_Record], refused: list[_Refused]) -> None:
        for record in lane:
            reason = await self._keep_one(record.message)
            if reason is not None:
                refused += [(record.origin, reason)]

    async def _keep_one(self, message: InboundMessage) -> str | None:
        """Store a message, however long the store is busy; return why if it will never take it.

        Raises:
            _Stopped: The reader is to end.
        """
        failures = 0
        while True:
            try:
                await self._inbox.accept(message)
            except Busy as busy:
                log.warning("queue.store_busy", turn=message.turn_id)
                pause = min(busy.retry_after, RETRY_CAP_S)
            except Conflict as conflict:
                return conflict.code
            except Exception as defect:  # a task boundary: one record must not stop the others
                failures += 1
                log.exception("queue.record_failed", turn=message.turn_id, attempt=failures)
                if failures >= MAX_ATTEMPTS:
                    return defect.code if isinstance(defect, AiWorkerError) else type(defect).__name__
                pause = backoff(failures, base=RETRY_BASE_S, cap=RETRY_CAP_S)
            else:
                return None
            if self._stopping.is_set():
                raise _Stopped
            await asyncio.sleep(pause)

    def _set_aside(self, message: Message, reason: str, loop: asyncio.AbstractEventLoop) -> None:
        """Put a record into the file, however long that takes."""
        fact = RecordSetAside(self._options.topic, message.partition() or 0, message.offset() or 0, reason)
        place = {"topic": fact.topic, "partition": fact.partition, "offset": fact.offset}
        while True:
            try:
                self._aside.put(fact, key=message.key(), value=message.value(), at=self._clock.now())
                break
            except OSError as error:
                log.warning("queue.cannot_set_aside", **place, reason=error.strerror)
                if self._stopping.wait(AGAIN_S):
                    raise _Stopped from None
        log.error("queue.record_set_aside", **place, reason=reason)
        loop.call_soon_threadsafe(self._publish, fact)

    def _commit(self, consumer: Consumer, read: dict[int, int]) -> None:
        """Let the client commit up to here, with its next batch of offsets."""
        offsets = [TopicPartition(self._options.topic, partition, before) for partition, before in read.items()]
        try:
            consumer.store_offsets(offsets=offsets)
        except KafkaException as error:  # a partition was lost in the meantime; its new owner reads again
            log.warning("queue.offset_not_stored", reason=error.args[0].name())
        self._at |= read

    def _count(self, consumer: Consumer) -> None:
        behind = 0
        for partition, offset in self._at.items():
            place = TopicPartition(self._options.topic, partition)
            _low, high = consumer.get_watermark_offsets(place, cached=True) or (0, 0)
            behind += max(0, high - offset)
        self.unread = behind

    def _note(self, batch: _Batch) -> None:
        if self._transit is not None:
            for partition, before in batch.read.items():
                self._transit.read(partition, before)
            for partition in batch.ends:
                self._transit.ended(partition)

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("queue.partitions_assigned", partitions=[each.partition for each in partitions])

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("queue.partitions_revoked", partitions=[each.partition for each in partitions])
        for each in partitions:
            self._at.pop(each.partition, None)
