"""What goes to a person whatever the worker knows: topics and contacts that the settings name."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.hearing import SMALL_TALK, hearing
from ai_worker.conversation.history import said_by_contact
from ai_worker.conversation.message import InboundMessage, Utterance
from ai_worker.conversation.steps.understand import Understood
from ai_worker.foundation.text import fold

ASKS_NOTHING = frozenset({*SMALL_TALK, "wordless", "rating", "not_asked"})
"""Kinds of messages for which nobody has to come."""

PLEAS = frozenset({"person", "complaint", "anger"})
"""Kinds of messages that go to a person in any case, for their own reason."""

RECENT = 2
"""How many of the contact's latest utterances may lie between two ratings for both to be about the same matter."""


@dataclass(slots=True)
class Rules:
    """The settings' own reasons for handing over; they may change while turns are worked on."""

    sensitive: tuple[str, ...] = ()
    """Words and phrases; a message that contains one goes to a person. Compared folded."""

    vip: frozenset[str] = frozenset()
    """Contacts who talk to people: `channel/contact` or, on every channel, the contact's id alone."""

    def replace(self, other: "Rules") -> None:
        """Be as `other` is from now on."""
        self.sensitive, self.vip = other.sensitive, other.vip

    def first_in_queue(self, message: InboundMessage) -> bool:
        """Return whether the sender of a message does not wait behind others."""
        contact = message.contact.id
        return contact in self.vip or f"{message.channel}/{contact}" in self.vip

    def reason(self, message: InboundMessage, heard: Understood) -> Reason | None:
        """Return why a message goes to a person; `None` if it need not, or goes there by itself."""
        if heard.kind in PLEAS:
            return None
        if self.sensitive and (text := fold(heard.text)) and any(fold(word) in text for word in self.sensitive):
            return Reason.SENSITIVE
        if heard.kind not in ASKS_NOTHING and self.first_in_queue(message):
            return Reason.VIP
        return None


def unhelpful_before(history: Sequence[Utterance]) -> bool:
    """Return whether the contact has said only just before that an answer did not help."""
    return any(hearing().mark(text) == "down" for text in said_by_contact(history)[:RECENT])
