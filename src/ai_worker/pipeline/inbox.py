"""The inbox: a message counts as received once it is on disk, and not before."""

from collections.abc import Callable

from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived
from ai_worker.pipeline.store import Accepted, PipelineStore


class Inbox:
    """Takes verified messages from every door."""

    def __init__(self, store: PipelineStore, *, events: EventBus, clock: Clock, wake: Callable[[], None]) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._wake = wake

    async def accept(self, message: InboundMessage) -> Accepted:
        """Make `message` durable and wake the runner.

        Raises:
            StoreBusy: It is not on disk; the sender must be told to come again.
            IdReused: The id stands for another message.
        """
        accepted = await self._store.accept(message)
        if accepted.duplicate:
            self._events.publish(DuplicateReceived(message.channel, accepted.turn_id))
        else:
            self._events.publish(
                MessageReceived(message.channel, accepted.conversation_id, accepted.turn_id, self._clock.now())
            )
            self._wake()
        return accepted
