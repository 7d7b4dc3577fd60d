"""The inbox: a message counts as received once it is on disk, and not before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived
from ai_worker.pipeline.store import Accepted, PipelineStore

CROWD = 300
"""Messages that are being made durable at once, from which on turns wait for them."""


class Intake(Protocol):
    """Where the doors leave their messages: the inbox itself, or a queue before it."""

    async def accept(self, message: InboundMessage) -> Accepted:
        """Make `message` durable.

        Raises:
            Busy: It is not, or not known to be; the sender must be told to come again.
            IdReused: The id stands for another message. A queue finds that out later.
        """
        ...


class Inbox:
    """Takes verified messages from every door."""

    def __init__(
        self,
        store: PipelineStore,
        *,
        worker_of: Callable[[str], str],
        events: EventBus,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """Put the inbox before a store.

        Args:
            store: Keeps what comes in.
            worker_of: Returns the name of the worker who answers a channel.
            events: Told of every message.
            clock: Tells the time.
            wake: Wakes the runner after a message was made durable.
        """
        self._store = store
        self._worker_of = worker_of
        self._events = events
        self._clock = clock
        self._wake = wake
        self._taking = 0

    @property
    def crowded(self) -> bool:
        """Whether so many messages come in at this moment that all else had better wait."""
        return self._taking >= CROWD

    async def accept(self, message: InboundMessage) -> Accepted:
        """Make `message` durable and wake the runner.

        Raises:
            StoreBusy: It is not on disk; the sender must be told to come again.
            IdReused: The id stands for another message.
        """
        if message.worker is None:
            message = replace(message, worker=self._worker_of(message.channel))
        self._taking += 1
        try:
            accepted = await self._store.accept(message)
        finally:
            self._taking -= 1
        if accepted.duplicate:
            self._events.publish(DuplicateReceived(message.channel, accepted.turn_id))
        else:
            self._events.publish(
                MessageReceived(
                    message.channel, accepted.conversation_id, accepted.turn_id, self._clock.now(), message.contact.id
                )
            )
            self._wake()
        return accepted
