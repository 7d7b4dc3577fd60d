"""What is stored of a contact, and what it is made from again: the same in every database."""

from dataclasses import replace
from typing import Any

from ai_worker.conversation.contacts import NAME, ContactKey, KnownContact
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import from_micros
from ai_worker.foundation.text import shorten
from ai_worker.storage.rows import plain


def by_directory(message: InboundMessage, name: str | None, department: str | None) -> InboundMessage:
    """Return a message with what its platform's directory says of the contact."""
    if name is None and department is None:
        return message
    said = message.contact
    return replace(message, contact=replace(said, name=name or said.name, department=department or said.department))


def contact(row: Any) -> KnownContact:
    """Return a contact as its row tells."""
    channel, number, name, department, looked_up_at, person_id = row
    asked = None if looked_up_at is None else from_micros(looked_up_at)
    return KnownContact(ContactKey(channel, number), name, department, asked, person_id)


def directory(contact: Contact) -> tuple[str | None, str | None]:
    """Return what is stored of a contact's name and department."""
    name, department = (
        None if said is None else plain(shorten(said, NAME)) for said in (contact.name, contact.department)
    )
    return name, department


def speaker(contact_id: str | None, name: str | None) -> Contact:
    """Return who said something in a group."""
    return Contact(contact_id or "", name)
