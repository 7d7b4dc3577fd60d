"""Understand: what kind of message this is, before anything is looked up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ai_worker.conversation.context.choosing import choice_of
from ai_worker.conversation.hearing import SmallTalk, hearing
from ai_worker.conversation.message import Choice, InboundMessage, Utterance
from ai_worker.conversation.phrases import language_of
from ai_worker.conversation.tone import Plea, tone
from ai_worker.conversation.turn import PendingQuestion
from ai_worker.conversation.word import is_open, said_to
from ai_worker.foundation.text import clean

LONGEST_QUESTION = 4_000
"""Characters of a message that are read; nobody asks one question in more."""

Kind = Literal[
    SmallTalk,
    "wordless",
    "media",
    Plea,
    "chosen",
    "none_of_these",
    "no_such_choice",
    "not_asked",
    "rating",
    "misunderstood",
    "question",
]


@dataclass(frozen=True, slots=True)
class Understood:
    """A message, read."""

    kind: Kind
    text: str
    """Its words, cleaned; of a voice message, the transcript."""

    language: str
    corrects: bool = False
    """It puts `text` right in place of what was understood before."""

    chosen: Choice | None = None
    """Which of the choices offered it takes, when `kind` is `chosen`."""


def understand(
    message: InboundMessage,
    *,
    history: Sequence[Utterance],
    pending: PendingQuestion | None,
    default_language: str,
    others_asked: bool = False,
) -> Understood:
    """Read a message against what the worker asked last.

    Args:
        message: What was said.
        history: What was said before.
        pending: What its sender was asked back.
        default_language: Of the answer, if the message does not tell.
        others_asked: Others in the group have choices before them, its sender has not.
    """
    text = clean(_words(message))[:LONGEST_QUESTION]
    language = language_of(text, history=history, default=default_language)
    choice = _pressed(message) or said_to(pending, text)
    if choice is None and pending and pending.choices and not (is_open(pending) and _hesitates(text)):
        choice = choice_of(text, pending.choices)
    if choice is not None:
        return Understood("chosen", text, language, chosen=choice)
    kind = _kind(text, message, pending)
    if kind == "question" and history and (instead := hearing().corrected(text)) is not None:
        return _corrected(instead, text, language, pending)
    if kind == "question" and _picks(text) and (others_asked or (history and not (pending and pending.verb))):
        kind = "not_asked" if others_asked else "no_such_choice"
    return Understood(kind, text, language)


def _corrected(instead: str, text: str, language: str, pending: PendingQuestion | None) -> Understood:
    """Read a correction, by what it puts in place of what was understood."""
    if not instead:
        return Understood("misunderstood", text, language)
    if pending and pending.choices and (choice := choice_of(instead, pending.choices)) is not None:
        return Understood("chosen", instead, language, chosen=choice)
    return Understood("question", instead, language, corrects=True)


def _pressed(message: InboundMessage) -> Choice | None:
    """Return the choice whose button was pressed, however long ago it was offered."""
    return Choice(message.chosen, message.text) if message.chosen else None


def _words(message: InboundMessage) -> str:
    if message.text.strip():
        return message.text
    return "\n".join(part.text for part in message.parts if part.kind in ("voice", "text") and part.text)


def _kind(text: str, message: InboundMessage, pending: PendingQuestion | None) -> Kind:
    if not any(character.isalnum() for character in text):
        return "media" if any(part.kind != "text" for part in message.parts) else "wordless"
    if plea := tone().plea(text):
        return plea
    listening = hearing()
    if pending and pending.choices:
        if listening.none_of_these(text):
            return "none_of_these"
        if _picks(text):
            return "no_such_choice"
    if listening.mark(text) is not None:
        return "rating"
    return listening.small_talk(text) or "question"


def _hesitates(text: str) -> bool:
    """Return whether words are no plain word for something that is about to be done: `确认？`, `1个`."""
    return text.rstrip().endswith(("?", "？")) or (text[:1].isdigit() and not text.strip().isdigit())


def _picks(text: str) -> bool:
    """Return whether it makes sense only as one of several choices."""
    return hearing().number(text) is not None or (text.isdecimal() and len(text) == 1)
