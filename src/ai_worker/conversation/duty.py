"""The duty roster: who sees to contacts, in which order they are called, and when each is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.foundation.text import fold


@dataclass(frozen=True, slots=True)
class Person:
    """One colleague on the roster."""

    colleague: Colleague
    hours: OfficeHours
    """When this one is there."""

    departments: tuple[str, ...] = ()
    """Whose contacts they see to first; empty: nobody's in particular."""

    topics: tuple[str, ...] = ()
    """Words of matters that they see to first; empty: none in particular."""

    def suits(self, conversation: Conversation, about: str) -> bool:
        """Return whether a matter is in particular this one's."""
        of_department = conversation.department is not None and conversation.department in self.departments
        text = fold(about)
        return of_department or any(fold(topic) in text for topic in self.topics)

    @property
    def general(self) -> bool:
        """Whether they see to everything alike."""
        return not self.departments and not self.topics


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody who is to be told that a contact waits."""

    person: Person
    kind: Literal["called", "reminded"]


class Duty:
    """Who is there, and who is called when."""

    def __init__(self, people: Sequence[Person], *, hours: OfficeHours, remind_after: timedelta) -> None:
        """Make a roster.

        Args:
            people: Everybody on it; who stands further down is the substitute of those above.
            hours: When contacts are seen to at all.
            remind_after: How long a call is left unanswered before it is repeated, and again before the
                substitute is called. Zero: it is neither repeated nor passed on.
        """
        self.people = tuple(people)
        self.hours = hours
        self._remind_after = remind_after
        self._known = {(one.colleague.channel, one.colleague.contact_id): one.colleague for one in people}

    def replace(self, other: "Duty") -> None:
        """Be as `other` is from now on; whoever was called already is not called again."""
        self.people, self.hours = other.people, other.hours
        self._remind_after, self._known = other._remind_after, other._known

    def colleague(self, channel: str, contact_id: str) -> Colleague | None:
        """Return who on the roster a contact is; `None` if they are not on it."""
        return self._known.get((channel, contact_id))

    def goes_by(self, name: str, channel: str, contact_id: str) -> bool:
        """Return whether a contact is on the roster under a name."""
        known = self.colleague(channel, contact_id)
        return known is not None and fold(known.person) == fold(name)

    def there(self, now: datetime) -> list[Person]:
        """Return who is there now, in the order of the roster."""
        return [person for person in self.people if person.hours.open_at(now)] if self.hours.open_at(now) else []

    def calls(self, conversation: Conversation, about: str, now: datetime) -> Iterator[Call]:
        """Yield all calls that are due by now for a conversation that waits; those made already are among them.

        The first to be called is who the matter suits in particular, then whoever sees to everything, then
        the others. All waiting is counted in open hours.
        """
        since = conversation.waiting_since
        if since is None:
            return
        waited, pause = self.hours.open_between(since, now), self._remind_after
        for place, person in enumerate(self._in_order(conversation, about, now)):
            due = 2 * place * pause
            if due > waited or (place and not pause):
                return
            yield Call(person, "called")
            if pause and person.hours.open_between(since, now) >= due + pause:
                yield Call(person, "reminded")

    def unanswered(self, conversation: Conversation, now: datetime) -> int | None:
        """Return how many open minutes a contact has waited for whoever has taken over, once that is too long."""
        waited = self.hours.open_between(conversation.last_at, now)
        if not conversation.unread or not self._remind_after or waited < self._remind_after:
            return None
        return int(waited.total_seconds() // 60)

    def _in_order(self, conversation: Conversation, about: str, now: datetime) -> list[Person]:
        itself = conversation.channel, conversation.contact_id  # nobody is called to see to themselves
        there = [
            person
            for person in self.there(now)
            if (person.colleague.channel, person.colleague.contact_id) != itself or conversation.group
        ]
        return sorted(there, key=lambda person: 0 if person.suits(conversation, about) else 1 if person.general else 2)
