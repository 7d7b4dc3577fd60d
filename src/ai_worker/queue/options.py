"""What the Kafka clients are told: the installation's options, ours under them, our promises above them."""

import logging
from collections.abc import Mapping
from typing import ClassVar

from confluent_kafka import KafkaException

from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.secret import Secret

client_log = logging.getLogger("ai_worker.queue.client")
"""Receives what librdkafka says."""

Options = dict[str, str | int | bool]

PROMISES = frozenset(
    {
        "bootstrap.servers",
        "metadata.broker.list",
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "enable.gapless.guarantee",
        "transactional.id",
        "enable.auto.commit",
        "auto.commit.enable",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "enable.partition.eof",
    }
)
"""Options that an installation may not set: with other values messages could be lost, or reordered."""

SHORTEST_SECRET = 4
"""Values from this length on are masked in what librdkafka says; shorter ones are numbers and flags."""

COMMON: Options = {
    "client.id": "ai-worker",
    "reconnect.backoff.max.ms": 2_000,
    "topic.metadata.refresh.fast.interval.ms": 250,
}

PRODUCER: Options = {
    "linger.ms": 2,  # one message is hardly delayed, a burst still goes out as one batch
    "compression.type": "lz4",
    "message.max.bytes": 16_000_000,  # before compression; what the broker takes is the broker's business
    "queue.buffering.max.messages": 20_000,
    "queue.buffering.max.kbytes": 65_536,
    "message.timeout.ms": 5_000,
}

CONSUMER: Options = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6_000,  # a killed member's partitions come back within this time
    "heartbeat.interval.ms": 2_000,
    "auto.commit.interval.ms": 500,
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 16_384,
    "allow.auto.create.topics": True,
}


class QueueOptionRefused(Misconfigured):
    """An option of the Kafka client cannot be used."""

    code: ClassVar[str] = "queue.option_refused"
    hint = "Change or remove it under [queue.kafka_options]."


class QueueOptions:
    """The installation's options, ready for either client. Their values never show."""

    def __init__(self, servers: str, topic: str, options: Mapping[str, Secret]) -> None:
        """Check the options.

        Raises:
            QueueOptionRefused: One of them would break a promise.
        """
        if taken := sorted(PROMISES & set(options)):
            raise QueueOptionRefused(f"ai-worker itself decides about {', '.join(taken)}: messages could be lost")
        self.topic = topic
        self._servers = servers
        self._given = options

    def producer(self) -> Options:
        """Return the options of a producer that keeps order and loses nothing that it reported as kept."""
        return self._merged(PRODUCER) | {"enable.idempotence": True, "acks": "all"}

    def consumer(self) -> Options:
        """Return the options of a group member that commits only what it was told to."""
        return (
            {"group.id": self.topic}
            | self._merged(CONSUMER)
            | {
                "enable.auto.commit": True,
                "enable.auto.offset.store": False,  # an offset is stored, and then committed, after the inbox commit
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )

    def refused(self, error: KafkaException) -> QueueOptionRefused:
        """Return the error that tells what the client did not like, without the values it was given."""
        reason = self._masked(error.args[0].str())
        return QueueOptionRefused(f"The Kafka client does not take its options: {reason}")

    def log(self, level: int, line: str, *parts: object) -> None:
        """Pass on what librdkafka says; it is handed these options in the place of a logger."""
        client_log.log(level, "%s", self._masked(line % parts if parts else line))

    def _masked(self, words: str) -> str:
        for value in self._given.values():
            if len(text := value.reveal()) >= SHORTEST_SECRET:
                words = words.replace(text, "***")
        return words

    def _merged(self, ours: Options) -> Options:
        given = {name: value.reveal() for name, value in self._given.items()}
        return COMMON | ours | given | {"bootstrap.servers": self._servers}
