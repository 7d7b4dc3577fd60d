"""Proactive messages: said unasked, and kept until the platform has them."""

from collections.abc import Callable, Mapping

from ai_worker.conversation.message import Reply
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput
from ai_worker.foundation.ids import derived_id, new_id
from ai_worker.pipeline.sending import Deliverer
from ai_worker.pipeline.store import PipelineStore, ProactiveMessage


class CannotPush(BadInput):
    """A proactive message has nowhere to go, or nothing to say."""

    code = "push.refused"
    hint = "Name a channel that sends, and say something."


class Pusher:
    """Makes proactive messages durable; a delivery, in whatever process, carries them out.

    They wait for the platforms' limits for as long as it takes, and do not expire. Where a channel
    merges, those that wait for one target become one message.
    """

    def __init__(
        self,
        store: PipelineStore,
        *,
        deliverers: Mapping[str, Deliverer],
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Put it before a store.

        Args:
            store: Keeps what is to go out.
            deliverers: Who can be reached, and how, by channel; nothing is sent through them here.
            clock: Tells the time.
            wake: Wakes the delivery of this process. Without one, a running service hears of it from
                the store.
        """
        self._store = store
        self._deliverers = deliverers
        self._clock = clock
        self._wake = wake

    async def push(self, channel: str, to: str, text: str, *, urgent: bool = False, id: str = "") -> str:
        """Make a message durable that goes out as soon as the platform's limits allow.

        Args:
            channel: The configured channel.
            to: A contact's id, or `group:` and a group's; empty where the channel has one target only.
            text: What to say.
            urgent: It goes out before everything to the same target that is not.
            id: What the caller calls it: the same id, channel and target again are the same message.
                Empty: it is a new one.

        Returns:
            The id of the outbound message.

        Raises:
            CannotPush: There is no such channel, or nothing to say.
            Busy: It is not durable; come again with the same `id`.
        """
        deliverer = self._deliverers.get(channel)
        if deliverer is None:
            raise CannotPush(f"There is no channel {channel!r} that sends.")
        if not text.strip():
            raise CannotPush("A message without a word is not sent.")
        message = ProactiveMessage(
            id=derived_id("p", channel, to, id or new_id("push")),
            channel=channel,
            to=to,
            address=deliverer.reach(to),
            reply=Reply(text),
            at=self._clock.now(),
            urgent=urgent,
        )
        if await self._store.push(message):
            self._wake()
        return message.id
