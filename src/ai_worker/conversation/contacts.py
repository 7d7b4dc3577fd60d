"""The port through which contacts are known: their names, departments, and which of them are one person.

A person is nothing but contacts that an administrator has linked. It is shown to the staff and to
nobody else: no turn ever looks at it, so private conversations stay apart from one another.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ai_worker.conversation.message import Contact
from ai_worker.foundation.errors import Conflict, NotFound

NAME = 80
"""Characters of a name, and of a department, that are kept."""


class NoSuchContact(NotFound):
    """Nobody with this id has written over this channel."""

    code = "contact.not_found"


class SameContact(Conflict):
    """A contact was to be linked with itself."""

    code = "contact.same"
    hint = "Choose a contact of another channel."


@dataclass(frozen=True, slots=True)
class ContactKey:
    """Which contact: ids are told apart by channel alone."""

    channel: str
    id: str


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A contact as far as it is known."""

    key: ContactKey
    name: str | None = None
    """By the platform's directory; else as the contact's latest messages had it; `None` if neither says."""

    department: str | None = None
    looked_up_at: datetime | None = None
    """When the directory last said something; `None` if it never has."""

    person_id: str | None = None
    """The same for all contacts that are one person; `None` as long as it is linked with none."""


class ContactStore(Protocol):
    """Keeps who contacts are. Every method may raise `Busy`."""

    async def known(self, key: ContactKey) -> KnownContact | None:
        """Return a contact that was looked up or linked, or has a private conversation; else `None`."""
        ...

    async def keep(self, channel: str, contact: Contact, *, at: datetime) -> None:
        """Keep what the directory says of a contact, in place of what it said before."""
        ...

    async def search(self, words: str, *, limit: int = 10) -> list[KnownContact]:
        """Return known contacts in whose name or id `words` stand, whatever their case, in order of their names."""
        ...

    async def others(self, key: ContactKey) -> list[KnownContact]:
        """Return the other contacts of the same person, in order of channel and id."""
        ...

    async def link(self, one: ContactKey, other: ContactKey, *, at: datetime) -> None:
        """Say that two contacts are one person; whoever was linked with either is that person as well.

        Raises:
            SameContact: They are the same contact.
            NoSuchContact: One of them is not known.
        """
        ...

    async def unlink(self, key: ContactKey) -> None:
        """Say that a contact is none of the person's that it was linked with; nothing happens if there is none."""
        ...
