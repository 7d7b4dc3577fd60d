"""Approvals that take a colleague's word: colleagues are told, their word is taken, the conversation learns the end.

Like the duty caller it remembers nothing that matters: what is to be told follows from what stands in the
store, and telling it twice is telling it once. So it does not matter which node looks, or when one died.
"""

from typing import Protocol

import structlog

from ai_worker.conversation.approving import settled
from ai_worker.conversation.desk_words import DeskWords
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.push import CannotPush, Pusher
from ai_worker.pipeline.store import Accepted
from ai_worker.skills.approval import LASTS, Approval, ApprovalRefused, ApprovalStore
from ai_worker.skills.tool import Asker

log = structlog.get_logger(__name__)

MOST = 200
"""Approvals that are open at one time and are looked at."""


class Accept(Protocol):
    """Makes a message durable; see `Intake.accept`."""

    async def __call__(self, message: InboundMessage) -> Accepted:
        """Make `message` durable."""
        ...


class ApprovalDesk:
    """Sees to approvals that take a colleague's word."""

    def __init__(
        self,
        store: ApprovalStore,
        *,
        duty: Duty,
        pusher: Pusher,
        accept: Accept,
        words: DeskWords,
        clock: Clock,
    ) -> None:
        """Put up the desk.

        Args:
            store: Keeps approvals.
            duty: Who may be asked for their word.
            pusher: Reaches them.
            accept: Takes the message by which a conversation learns the end.
            words: What colleagues are told.
            clock: Tells the time.
        """
        self._store = store
        self._duty = duty
        self._pusher = pusher
        self._accept = accept
        self._words = words
        self._clock = clock
        self._made: set[str] = set()
        """What this process knows to be told, of approvals that are still open: it spares writing it again."""

    async def look(self) -> None:
        """Tell colleagues what waits for their word, and conversations what became of it.

        Raises:
            Busy: Not all of it is durable; look again.
        """
        due: set[str] = set()
        for approval in await self._store.open(self._clock.now(), limit=MOST):
            if approval.state == "waiting":
                due |= await self._call(approval)
                continue
            due.add(name := f"settled:{approval.id}")
            if name not in self._made:
                text = self._words.settled(approval)
                await self._accept(settled(approval, text, now=self._clock.now()))
        self._made = due

    async def decide(self, colleague: Colleague, code: str, *, yes: bool) -> str:
        """Take a colleague's word, and return what they are told."""
        now, by = self._clock.now(), f"{colleague.channel}/{colleague.contact_id}"
        named = [one for one in await self._store.waiting(now, limit=MOST) if one.code == code.upper()]
        named = [one for one in named if one.approved_by == "colleague"]
        if len(named) != 1:  # none, or two with one code: the console tells them apart
            return self._words.say("approval_unknown", code=code.upper())
        (approval,) = named
        if self._is(colleague, approval.asker):
            return self._words.say("approval_own")
        try:
            await self._store.decide(approval.id, digest=approval.digest, by=by, yes=yes, now=now)
        except ApprovalRefused:
            return self._words.say("approval_unknown", code=code.upper())
        return self._words.say("approval_given" if yes else "approval_denied", title=approval.title)

    def _is(self, colleague: Colleague, asker: Asker) -> bool:
        """Return whether a colleague is the one who asked, on this channel or by another of their own."""
        known = self._duty.colleague(asker.channel, asker.id)
        same = (asker.channel, asker.id) == (colleague.channel, colleague.contact_id)
        return same or (known is not None and known.person == colleague.person)

    async def _call(self, approval: Approval) -> set[str]:
        """Tell whoever is there; return the names of all that has been told."""
        made: set[str] = set()
        text = self._words.approval(approval, minutes=int(LASTS.total_seconds() // 60))
        for person in self._duty.there(self._clock.now()):
            there = person.colleague
            if self._is(there, approval.asker):
                continue
            made.add(name := f"approval:{approval.id}:{there.person}")
            if name in self._made:
                continue
            try:
                await self._pusher.push(there.channel, there.contact_id, text, id=name)
            except CannotPush:
                log.warning("approval.cannot_call", channel=there.channel, person=there.person)
        return made
