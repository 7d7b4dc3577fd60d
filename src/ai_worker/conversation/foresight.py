"""Foreseeing when a person comes: from office hours, from the queue, and from how long others waited."""

from datetime import timedelta

import structlog

from ai_worker.conversation.handoff_store import HandoffStore
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.conversation.outlook import Outlook, expected
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy

log = structlog.get_logger(__name__)

MEASURED = timedelta(days=7)
"""How far back waits say something about today's."""


class Foresight:
    """Says what somebody who is handed over now can be told."""

    def __init__(self, hours: OfficeHours, handoffs: HandoffStore, *, clock: Clock) -> None:
        self._hours = hours
        self._handoffs = handoffs
        self._clock = clock

    def replace(self, hours: OfficeHours) -> None:
        """Reckon with other hours from now on."""
        self._hours = hours

    async def foresee(self, message: InboundMessage, first: bool) -> Outlook:
        """Return what the sender of a message can be told; nothing while the store is busy, for it is a courtesy.

        Args:
            message: What is handed over.
            first: Whether its sender stands before all that are not.
        """
        now = self._clock.now()
        opens_at = self._hours.next_opening(now)
        if opens_at is None:
            return Outlook()
        if opens_at > now:
            today = now.astimezone(self._hours.zone).date()
            return Outlook(opens_at, off_today=not self._hours.works_on(today))
        if message.standalone:  # nobody takes a question over that stands alone
            return Outlook()
        try:
            ahead = await self._handoffs.ahead(message.channel, message.conversation_key, first=first)
            waits = await self._handoffs.waits(since=now - MEASURED)
        except Busy:
            log.warning("handoff.queue_not_read")
            return Outlook()
        return Outlook(ahead=ahead, minutes=expected(waits, ahead, self._hours))
