"""The caller: tells colleagues on duty that a contact waits, again after a while, and then the substitute.

Nothing of it is remembered: who is to be told by now follows from who waits since when, and telling the
same one the same twice is one message. So it does not matter which node looks, how many do, or when one died.
"""

from collections.abc import Iterator
from datetime import datetime

import structlog

from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.desk_words import DeskWords
from ai_worker.conversation.duty import Call, Duty
from ai_worker.conversation.handoff_store import Colleague, HandoffStore
from ai_worker.conversation.handoff_summary import Summary, summarise, topic
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.pipeline.push import CannotPush, Pusher

log = structlog.get_logger(__name__)

MOST = 500
"""Conversations that wait for a person and are looked at."""

THREAD = 60
"""Lines of a conversation that a summary is made from."""


class DutyCaller:
    """Looks through the queue and calls whoever is to be called."""

    def __init__(
        self,
        *,
        duty: Duty,
        handoffs: HandoffStore,
        conversations: ConversationStore,
        pusher: Pusher,
        words: DeskWords,
        clock: Clock,
    ) -> None:
        """Let somebody look after the queue.

        Args:
            duty: Who is called when.
            handoffs: Tells who answers from a messenger.
            conversations: Tells who waits.
            pusher: Reaches the colleagues.
            words: What they are told.
            clock: Tells the time.
        """
        self._duty = duty
        self._handoffs = handoffs
        self._conversations = conversations
        self._pusher = pusher
        self._words = words
        self._clock = clock
        self._made: set[str] = set()
        """Calls that this process knows to be made, of conversations that still wait: it spares writing them again."""

        self._about: dict[str, str] = {}
        """What each contact who waits wanted when this process saw them first: whom to call must not change with it."""

    async def look(self) -> None:
        """Make every call that is due.

        Raises:
            Busy: Not all are durable; look again.
        """
        now = self._clock.now()
        if not self._duty.there(now):
            return
        waiting = await self._conversations.conversations(states=[State.WAITING], limit=MOST)
        self._about = {name: self._about[name] for name in map(_wait, waiting) if name in self._about}
        due: set[str] = set()
        for conversation in waiting:
            due |= await self._call(conversation, now)
        for conversation in await self._conversations.conversations(states=[State.HUMAN], limit=MOST):
            due |= await self._ask(conversation, now)
        self._made = due

    async def _call(self, conversation: Conversation, now: datetime) -> set[str]:
        """Make the calls for one conversation; return the names of all that have been made for it."""
        wait, summary = _wait(conversation), None
        if wait not in self._about:
            summary = await self._summary(conversation)
            self._about[wait] = topic(conversation, summary)
        due = {f"{call.kind}:{wait}:{call.person.colleague.person}": call for call in self._calls(conversation, now)}
        for name in due.keys() - self._made:
            summary = summary or await self._summary(conversation)
            text = self._words.call(conversation, summary, now, again=due[name].kind == "reminded")
            await self._push(due[name].person.colleague, text, name)
        return set(due)

    async def _ask(self, conversation: Conversation, now: datetime) -> set[str]:
        """Remind whoever has taken over from a messenger that the contact waits for an answer, once."""
        minutes = self._duty.unanswered(conversation, now)
        if minutes is None:
            return set()
        name = f"unanswered:{conversation.id}:{to_micros(conversation.last_at)}"
        colleague = None if name in self._made else await self._handoffs.seated(conversation.id)
        if colleague is not None:
            text = self._words.unanswered(conversation, minutes)
            await self._push(colleague, text, name)
        return {name}

    def _calls(self, conversation: Conversation, now: datetime) -> Iterator[Call]:
        return self._duty.calls(conversation, self._about[_wait(conversation)], now)

    async def _summary(self, conversation: Conversation) -> Summary:
        return summarise(await self._conversations.thread(conversation.id, limit=THREAD))

    async def _push(self, person: Colleague, text: str, name: str) -> None:
        try:
            await self._pusher.push(person.channel, person.contact_id, text, id=name)
        except CannotPush:
            log.warning("desk.cannot_call", channel=person.channel, person=person.person)


def _wait(conversation: Conversation) -> str:
    """Return what a contact's waiting is called: it is the same for as long as they wait this time."""
    since = conversation.waiting_since
    return f"{conversation.id}:{0 if since is None else to_micros(since)}"
