"""What is counted, in the text form that Prometheus reads."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ai_worker.ops.host import HostSample

CONTENT_TYPE = CONTENT_TYPE_LATEST

RESPONSE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 90.0)
"""Seconds. 2 is the target of the mean; 90 is the longest that a contact was promised to wait."""

CALL_BUCKETS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 45.0)
"""Seconds. 45 is the longest that one call may take with all its attempts."""


class Metrics:
    """Counters, gauges and one histogram in a registry of their own.

    Every method returns at once and may be called from an event subscriber. Labels are names of
    configured channels, decisions and delivery states only, so the series stay few.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = self._counter
        self._received = counter("messages_received", "Messages made durable, duplicates left out.", "channel")
        self._duplicates = counter("messages_duplicate", "Messages that came again.", "channel")
        self._turns = counter("turns", "Finished turns.", "channel", "decision")
        self._given_up = counter("turns_given_up", "Messages that became dead letters.", "channel")
        self._deliveries = counter("deliveries", "Ended deliveries.", "channel", "state")
        self._response = Histogram(
            "ai_worker_response_seconds",
            "From accept to the first visible words.",
            ["channel"],
            buckets=RESPONSE_BUCKETS,
            registry=self.registry,
        )
        self._active = self._gauge("active_turns", "Turns in progress.")
        self._limit = self._gauge("active_turns_limit", "Turns that may be in progress at once.")
        self._waiting = self._gauge("waiting_messages", "Messages accepted and not yet in progress.")
        self._queue_up = self._gauge("queue_up", "Whether messages go by way of Kafka now, 0 or 1.")
        self._queue_unread = self._gauge("queue_unread_records", "Records that wait in Kafka for this process.")
        self._set_aside = counter("queue_records_set_aside", "Records of the queue that are no messages.")
        self._channel_up = self._gauge("channel_up", "Whether the channel works now, 0 or 1.", "channel")
        self._channel_age = self._gauge(
            "channel_connected_seconds", "Age of the channel's long connection; 0 while there is none.", "channel"
        )
        self._connections = counter("channel_connections", "Long connections that came to stand.", "channel")
        self._connected: dict[str, datetime | None] = {}
        self._calls = counter("connector_calls", "Calls of business systems.", "connector", "outcome")
        self._call_seconds = Histogram(
            "ai_worker_connector_call_seconds",
            "Calls of business systems, with all attempts.",
            ["connector"],
            buckets=CALL_BUCKETS,
            registry=self.registry,
        )
        self._reviews = self._gauge("knowledge_reviews_due", "Entries and documents that should be looked at again.")
        self._sources = self._gauge("knowledge_sources_failing", "Sources whose last run could not take something.")
        self._cpu = self._gauge("host_cpu_ratio", "Processor time in use, 0 to 1.")
        self._memory = self._gauge("host_memory_ratio", "Memory in use, 0 to 1.")
        self._disk = self._gauge("host_disk_ratio", "Disk of the data folder in use, 0 to 1.")

    def message_received(self, channel: str) -> None:
        """Count a new message."""
        self._received.labels(channel).inc()

    def duplicate_received(self, channel: str) -> None:
        """Count a message that was recognised as a repeat."""
        self._duplicates.labels(channel).inc()

    def turn_completed(self, channel: str, decision: str, seconds: float) -> None:
        """Count a finished turn; `seconds` is from accept to the first visible words."""
        self._turns.labels(channel, decision).inc()
        if decision != "silent":
            self._response.labels(channel).observe(seconds)

    def turn_given_up(self, channel: str) -> None:
        """Count a message that became a dead letter."""
        self._given_up.labels(channel).inc()

    def delivery_settled(self, channel: str, state: str) -> None:
        """Count a delivery by how it ended: delivered, sent, unknown, failed, expired."""
        self._deliveries.labels(channel, state).inc()

    def connector_called(self, connector: str, outcome: str, seconds: float) -> None:
        """Count a call of a business system by how it ended: ok, refused, failed."""
        self._calls.labels(connector, outcome).inc()
        self._call_seconds.labels(connector).observe(seconds)

    def record_set_aside(self) -> None:
        """Count a record of the queue that was set aside."""
        self._set_aside.inc()

    def queue(self, *, up: bool, unread: int) -> None:
        """Set the gauges of the queue before the store."""
        self._queue_up.set(up)
        self._queue_unread.set(unread)

    def knowledge(self, *, due: int, failing: int) -> None:
        """Set the gauges of the knowledge."""
        self._reviews.set(due)
        self._sources.set(failing)

    def concurrency(self, active: int, limit: int, waiting: int) -> None:
        """Set the gauges of the pipeline."""
        self._active.set(active)
        self._limit.set(limit)
        self._waiting.set(waiting)

    def channels(self, seen: Mapping[str, tuple[bool, datetime | None]], *, now: datetime) -> None:
        """Set the gauges of the channels, and forget those that are gone.

        Args:
            seen: By channel, whether it works, and since when its long connection stands; `None` without one.
            now: The current time.
        """
        for name, (up, connected_at) in seen.items():
            self._channel_up.labels(name).set(up)
            age = (now - connected_at).total_seconds() if connected_at else 0.0
            self._channel_age.labels(name).set(max(age, 0.0))
            if connected_at is not None and connected_at != self._connected.get(name):
                self._connections.labels(name).inc()
            self._connected[name] = connected_at or self._connected.get(name)
        for gone in self._connected.keys() - seen.keys():
            del self._connected[gone]
            self._channel_up.remove(gone)
            self._channel_age.remove(gone)

    def host(self, sample: HostSample) -> None:
        """Set the gauges of the machine."""
        self._cpu.set(sample.cpu_percent / 100)
        self._memory.set(sample.memory_percent / 100)
        self._disk.set(sample.disk_percent / 100)

    def render(self) -> bytes:
        """Return everything in the form that `GET /metrics` answers; its type is `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"ai_worker_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"ai_worker_{name}", help_text, labels, registry=self.registry)
