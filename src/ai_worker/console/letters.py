"""Dead letters as people read them, and what they can do about one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ai_worker.console.channels import ChannelNames
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.deadletter import DeadLetter, DeadLetterStore
from ai_worker.pipeline.facts import ConversationChanged, MessageResubmitted


@dataclass(frozen=True, slots=True)
class Row:
    """One dead letter in the table."""

    letter: DeadLetter
    name: str
    mark: str
    channel: str
    what: str
    """What happened to it, in words."""

    time: str
    asking: bool
    """Whether somebody is being asked if it may be dropped."""


class Letters:
    """Puts dead letters back or away, and tells whoever shows them."""

    def __init__(self, store: DeadLetterStore, *, events: EventBus, wake: Callable[[], None], clock: Clock) -> None:
        self._store = store
        self._events = events
        self._wake = wake
        self._clock = clock

    async def count(self) -> int:
        """Return how many there are."""
        return await self._store.count()

    async def newest(self, limit: int) -> list[DeadLetter]:
        """Return the newest, newest first."""
        return await self._store.dead_letters(limit=limit)

    async def retry(self, letter_id: str) -> DeadLetter:
        """Let one be tried again; return it.

        Raises:
            NoSuchDeadLetter: There is none with this id (any more).
        """
        letter = await self._store.dead_letter(letter_id)
        await self._store.resubmit(letter_id, now=self._clock.now())
        if letter.kind == "message":
            self._events.publish(MessageResubmitted(letter.channel, letter.conversation_id, letter.turn_id))
        self._events.publish(ConversationChanged(letter.conversation_id))
        self._wake()
        return letter

    async def drop(self, letter_id: str) -> DeadLetter:
        """Put one away for good; return it.

        Raises:
            NoSuchDeadLetter: There is none with this id (any more).
        """
        letter = await self._store.dead_letter(letter_id)
        await self._store.drop(letter_id)
        self._events.publish(ConversationChanged(letter.conversation_id))
        return letter


def rows(t: Words, letters: Sequence[DeadLetter], *, asking: str, names: ChannelNames, now: datetime) -> list[Row]:
    """Return the table; `asking` is the id of the letter that somebody wants to drop."""
    return [
        Row(
            letter=letter,
            name=contact_name(t, letter),
            mark=names.mark(t, letter.channel),
            channel=names.kind(t, letter.channel),
            what=what_happened(t, letter),
            time=t.moment(letter.received_at, now),
            asking=letter.id == asking,
        )
        for letter in letters
    ]


def contact_name(t: Words, letter: DeadLetter) -> str:
    """Return what to call the contact; its id where the platform told no name."""
    return letter.contact_name or letter.contact_id or t("inbox.nameless")


def what_happened(t: Words, letter: DeadLetter) -> str:
    """Return why it is a dead letter."""
    return t("letters.dead") if letter.kind == "message" else t(f"delivery.{letter.state}")
