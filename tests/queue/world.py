"""One store with an inbox, and Kafka before it: what a service has, without its doors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.facts import DuplicateReceived
from ai_worker.pipeline.inbox import Inbox, Intake
from ai_worker.queue.aside import Aside, RecordSetAside
from ai_worker.queue.inbox import QueuedInbox
from ai_worker.queue.options import QueueOptions
from ai_worker.queue.reader import KafkaReader
from ai_worker.queue.transit import Transit
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore

QUICK = {"fetch.wait.max.ms": "20", "auto.commit.interval.ms": "100"}
"""The mock cluster answers a waiting fetch only when its time is up; Kafka answers at once."""


def message(text: str, *, who: str = "wang-fang", **fields: Any) -> InboundMessage:
    return InboundMessage(
        **{
            "channel": "service-desk",
            "message_id": f"{who}/{text}",
            "conversation_key": who,
            "contact": Contact(who, "王芳"),
            "text": text,
            "received_at": SystemClock().now(),
            "address": {"user": who},
            **fields,
        }
    )


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def at_work(*chores: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(chore) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@dataclass
class World:
    folder: Path
    servers: str
    topic: str
    database: SqliteDatabase
    store: SqlitePipelineStore
    inbox: Inbox
    events: EventBus
    duplicates: list[DuplicateReceived] = field(default_factory=list)
    aside: list[RecordSetAside] = field(default_factory=list)

    def options(self, **more: str) -> QueueOptions:
        given = {**QUICK, **{name.replace("_", "."): value for name, value in more.items()}}
        return QueueOptions(self.servers, self.topic, {name: Secret(value) for name, value in given.items()})

    def queued(self, *, transit: Transit | None = None, inbox: Intake | None = None) -> QueuedInbox:
        return QueuedInbox(inbox or self.inbox, self.options(), transit=transit)

    def reader(self, *, inbox: Intake | None = None, transit: Transit | None = None) -> KafkaReader:
        return KafkaReader(
            inbox or self.inbox,
            self.options(),
            aside=Aside(self.folder),
            transit=transit,
            publish=self.events.publish,
            clock=SystemClock(),
        )

    async def stored(self) -> dict[str, list[str]]:
        """Return the texts of the store by conversation, in the order in which they will be answered."""
        rows = await self.database.read(
            lambda connection: list(
                connection.execute(
                    "SELECT key, text FROM inbound JOIN conversation ON id = conversation_id ORDER BY seq"
                )
            )
        )
        found: dict[str, list[str]] = {}
        for key, text in rows:
            found.setdefault(str(key), []).append(str(text))
        return found

    async def until_stored(self, count: int, seconds: float = 30.0) -> dict[str, list[str]]:
        async with asyncio.timeout(seconds):
            while sum(map(len, (stored := await self.stored()).values())) < count:
                await asyncio.sleep(0.02)
        return stored

    def committed(self) -> int:
        """Return how many records the group has committed, over all partitions."""
        asking = Consumer({"bootstrap.servers": self.servers, "group.id": self.topic})
        try:
            known = asking.list_topics(self.topic, timeout=10).topics[self.topic].partitions
            places = asking.committed([TopicPartition(self.topic, number) for number in known], timeout=10)
            return sum(max(0, place.offset) for place in places)
        finally:
            asking.close()

    def put(self, value: bytes, key: bytes = b"k") -> None:
        """Put anything into the topic."""
        producer = Producer({"bootstrap.servers": self.servers})
        producer.produce(self.topic, value, key)
        assert producer.flush(10) == 0


@asynccontextmanager
async def world_on(folder: Path, servers: str, topic: str) -> AsyncIterator[World]:
    clock, events = SystemClock(), EventBus()
    database = SqliteDatabase.open(folder / "store.db", clock=clock)
    store = SqlitePipelineStore(database, clock)
    inbox = Inbox(store, worker_of=lambda _: "xiaozhi", events=events, clock=clock, wake=lambda: None)
    world = World(folder, servers, topic, database, store, inbox, events)
    events.subscribe(DuplicateReceived, world.duplicates.append)
    events.subscribe(RecordSetAside, world.aside.append)
    try:
        yield world
    finally:
        await database.close()
