"""What a turn needs from outside: tools, models, vectors, Kafka; opened if the settings ask for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import structlog

from ai_worker.channels.contract import Channel
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.knowledge.embedding import VectorKeeper
from ai_worker.knowledge.vectors import available
from ai_worker.llm.embeddings import Embeddings
from ai_worker.llm.ladder import Ladder, build_model
from ai_worker.ops.health import Check
from ai_worker.pipeline.inbox import Intake
from ai_worker.settings import Settings
from ai_worker.storage.opening import Stores

if TYPE_CHECKING:
    from ai_worker.queue.opening import Queue

from ai_worker.app.chores import REFRESH_S, Chore, every

log = structlog.get_logger(__name__)


Role = Literal["api", "runner", "console"]
"""A part of the whole that runs as a process of its own, beside others over the same store."""


@asynccontextmanager
async def open_model(settings: Settings, clock: Clock) -> AsyncIterator[Ladder | None]:
    """Open the language models; `None` where none is configured."""
    if settings.model is None:
        yield None
        return
    model = build_model(settings.model, max_concurrent=settings.max_concurrent, clock=clock)
    await model.start()
    try:
        yield model
    finally:
        await model.close()


GROUP_SHARE = 0.5
"""Of the length that is comfortable in private, what is in a group, where everybody has to read it."""


def comfortable(channels: Mapping[str, Channel], message: InboundMessage) -> int:
    """Return how many characters of an answer read well where a message came from; 0: any number."""
    channel = channels.get(message.channel)
    length = type(channel).comfortable if channel is not None else 0
    return int(length * GROUP_SHARE) if message.group else length


@dataclass(frozen=True, slots=True)
class Meanings:
    """What finds by meaning; nothing does where no endpoint for embeddings is configured."""

    embeddings: Embeddings | None = None
    keeper: VectorKeeper | None = None

    def chores(self) -> list[Chore]:
        """Return what keeps the vectors up to date."""
        return [partial(every, REFRESH_S, self.keeper.refresh, "knowledge.vectors")] if self.keeper else []

    def checks(self) -> list[Check]:
        """Return how it does."""
        if self.embeddings is None or self.keeper is None:
            return []
        held, of = self.keeper.progress
        well = self.embeddings.healthy and not self.keeper.failing
        detail = f"{held} of {of} passages have a vector"
        if not well:
            detail += "; the endpoint is down, search goes on by words alone"
        return [Check("embeddings", ok=well, detail=detail, required=False)]


@asynccontextmanager
async def open_meanings(settings: Settings, stores: Stores, clock: Clock, role: Role | None) -> AsyncIterator[Meanings]:
    """Open what finds by meaning, where turns are taken; a process that takes none needs no vectors."""
    wanted = settings.embeddings is not None and role in (None, "runner")
    if wanted and not available():
        log.warning("embeddings.not_installed", fix="pip install 'ai-worker[vectors]'")
    if not wanted or settings.embeddings is None or not available():
        yield Meanings()
        return
    embeddings = Embeddings(settings.embeddings, clock=clock)
    keeper = VectorKeeper(stores.knowledge, embeddings, folder=settings.data_dir / "vectors", clock=clock)
    await embeddings.start()
    try:
        yield Meanings(embeddings, keeper)
    finally:
        keeper.close()
        await embeddings.close()


def make_queue(settings: Settings, inbox: Intake, *, alone: bool, events: EventBus, clock: Clock) -> "Queue | None":
    """Put Kafka before the inbox, if the settings name servers."""
    if not settings.queue.kafka:
        return None
    from ai_worker.queue.opening import open_queue  # the client is an extra

    return open_queue(
        settings.queue.kafka,
        topic=settings.queue.kafka_topic,
        options=settings.queue.kafka_options,
        inbox=inbox,
        folder=settings.data_dir,
        alone=alone,  # the folder's lock keeps other processes out
        publish=events.publish,
        clock=clock,
    )
