"""What was said before: read, never guessed at."""

import re
from collections.abc import Sequence

from ai_worker.conversation.message import Utterance

_PASSED_ON = re.compile(r"\[(?!(?:image|voice|video|location|event|file)\])")


def said_by_contact(history: Sequence[Utterance]) -> list[str]:
    """Return the contact's utterances, the latest first."""
    return [utterance.text for utterance in reversed(history) if utterance.role == "user"]


def own_words(history: Sequence[Utterance]) -> list[str]:
    """Return the contact's utterances, the latest first, but for those with which something was passed on."""
    return [text for text in said_by_contact(history) if not passes_on(text)]


def passes_on(text: str) -> bool:
    """Return whether an utterance has the mark of something that has words of its own: see `store.show`."""
    return _PASSED_ON.search(text) is not None


def own_talk(history: Sequence[Utterance], contact_id: str) -> tuple[Utterance, ...]:
    """Return what one contact said, and what was said to them: in a group, others' talk is not theirs to lean on."""
    own: list[Utterance] = []
    theirs = True
    for utterance in history:
        if utterance.role == "user":
            theirs = utterance.contact is None or utterance.contact.id == contact_id
        if theirs:
            own.append(utterance)
    return tuple(own)


def last_reply(history: Sequence[Utterance]) -> str:
    """Return what was last said to the contact; empty if nothing was."""
    return next((utterance.text for utterance in reversed(history) if utterance.role == "assistant"), "")
