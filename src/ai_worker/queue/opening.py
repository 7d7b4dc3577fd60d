"""Putting Kafka before an inbox, if its client is installed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.inbox import Intake
from ai_worker.queue.aside import Aside, RecordSetAside
from ai_worker.queue.transit import Transit

if TYPE_CHECKING:
    from ai_worker.queue.inbox import QueuedInbox
    from ai_worker.queue.reader import KafkaReader


class ClientMissing(Misconfigured):
    """The settings name Kafka servers, and the Kafka client is not installed."""

    code = "queue.client_missing"
    hint = "pip install 'ai-worker[kafka]'; in a folder with the source: ./scripts/setup --with kafka"


@dataclass(frozen=True, slots=True)
class Queue:
    """Both ends of the queue."""

    inbox: "QueuedInbox"
    """For the doors."""

    reader: "KafkaReader"
    """For the process that runs turns."""


def open_queue(
    servers: str,
    *,
    topic: str,
    options: Mapping[str, Secret],
    inbox: Intake,
    folder: Path,
    alone: bool,
    publish: Callable[[RecordSetAside], None],
    clock: Clock,
) -> Queue:
    """Make both ends of the queue; nothing is sent or read before their `run`.

    Args:
        servers: Bootstrap servers, `host:port` separated by commas.
        topic: Where messages wait; also the consumer group.
        options: For the Kafka client, as they stand.
        inbox: Makes messages durable in the store.
        folder: The data folder; what was set aside is kept in it.
        alone: This process is the only one that feeds or reads the topic. Only then does it know
            whether a message may go past the queue while no broker answers.
        publish: Told of every record that was set aside.
        clock: Tells the time.

    Raises:
        ClientMissing: The Kafka client is not installed.
        QueueOptionRefused: It does not take its options.
    """
    try:
        from ai_worker.queue.inbox import QueuedInbox
        from ai_worker.queue.options import QueueOptions
        from ai_worker.queue.reader import KafkaReader
    except ModuleNotFoundError as missing:
        if missing.name != "confluent_kafka":
            raise
        raise ClientMissing("queue.kafka is set, and the Kafka client is not installed") from None
    told = QueueOptions(servers, topic, options)
    transit = Transit() if alone else None
    return Queue(
        QueuedInbox(inbox, told, transit=transit),
        KafkaReader(inbox, told, aside=Aside(folder), transit=transit, publish=publish, clock=clock),
    )
