"""Which contacts are one person: what the staff is shown of it, and linking.

What is linked here is shown beside each other and nothing else: no turn looks at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.datastructures import FormData

from ai_worker.console.channels import ChannelNames
from ai_worker.console.words import Words
from ai_worker.conversation.contacts import ContactKey, ContactStore, KnownContact, NoSuchContact
from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean, shorten

log = structlog.get_logger(__name__)

FOUND = 8
"""Contacts that one search shows; who is not among them is found by more letters."""

LONGEST_SEARCH = 60


@dataclass(frozen=True, slots=True)
class Meeting:
    """One private conversation of a linked contact."""

    conversation: Conversation
    when: str


@dataclass(frozen=True, slots=True)
class Card:
    """A contact as people see them."""

    key: ContactKey
    name: str
    mark: str
    channel: str
    department: str
    meetings: tuple[Meeting, ...] = ()


class Identities:
    """Finds contacts, links them, and takes links back."""

    def __init__(
        self, contacts: ContactStore, *, conversations: ConversationStore, names: ChannelNames, clock: Clock
    ) -> None:
        self._contacts = contacts
        self._conversations = conversations
        self._names = names
        self._clock = clock

    async def others(self, t: Words, conversation: Conversation) -> list[Card]:
        """Return the other contacts of the person on the other side, with their private conversations."""
        if conversation.group:
            return []
        now = self._clock.now()
        found = await self._contacts.others(key_of(conversation))
        return [self._card(t, one, await self._conversations.of_contact(one.key), now) for one in found]

    async def search(self, t: Words, conversation: Conversation, words: str) -> list[Card]:
        """Return who could be the same person: whom `words` fit, without those who are linked already."""
        words = shorten(clean(words), LONGEST_SEARCH)
        if not words:
            return []
        own = key_of(conversation)
        taken = {own} | {one.key for one in await self._contacts.others(own)}
        found = await self._contacts.search(words, limit=FOUND + len(taken))
        return [self._card(t, one) for one in found if one.key not in taken][:FOUND]

    async def chosen(self, t: Words, key: ContactKey) -> list[Card]:
        """Return a contact that somebody means to link, and whoever is the same person by now.

        Raises:
            NoSuchContact: There is none.
        """
        known = await self._contacts.known(key)
        if known is None:
            raise NoSuchContact(f"Nobody called {key.id!r} has written over the channel {key.channel!r}.")
        return [self._card(t, one) for one in (known, *await self._contacts.others(key))]

    async def link(self, number: int, person: str, form: FormData) -> None:
        """Link the contact of a private conversation with the one that the form names."""
        conversation = await self._conversations.conversation(number)
        if conversation.group:
            raise NoSuchContact(f"{conversation.label} is a group's: it has no one contact.")
        one, other = key_of(conversation), key_in(form)
        await self._contacts.link(one, other, at=self._clock.now())
        log.info("console.contacts_linked", one=_told(one), other=_told(other), by=person)

    async def unlink(self, _number: int, person: str, form: FormData) -> None:
        """Take the contact that the form names from the person that it is linked as."""
        key = key_in(form)
        await self._contacts.unlink(key)
        log.info("console.contact_unlinked", contact=_told(key), by=person)

    def _card(
        self, t: Words, known: KnownContact, conversations: Sequence[Conversation] = (), now: datetime | None = None
    ) -> Card:
        return Card(
            key=known.key,
            name=known.name or known.key.id,
            mark=self._names.mark(t, known.key.channel),
            channel=self._names.title(t, known.key.channel),
            department=known.department or "",
            meetings=tuple(Meeting(one, t.ago(one.last_at, now)) for one in conversations if now is not None),
        )


def key_of(conversation: Conversation) -> ContactKey:
    """Return the contact of a private conversation."""
    return ContactKey(conversation.channel, conversation.contact_id)


def key_in(form: FormData) -> ContactKey:
    """Return the contact that a form names."""
    return ContactKey(str(form.get("channel", "")), str(form.get("contact", "")))


def _told(key: ContactKey) -> str:
    return f"{key.channel}/{key.id}"
