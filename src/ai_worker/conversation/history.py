"""What was said before: read, never guessed at."""

from collections.abc import Sequence

from ai_worker.conversation.hearing import hearing
from ai_worker.conversation.message import Utterance


def said_by_contact(history: Sequence[Utterance]) -> list[str]:
    """Return the contact's utterances, the latest first."""
    return [utterance.text for utterance in reversed(history) if utterance.role == "user"]


def last_question(history: Sequence[Utterance]) -> str:
    """Return the contact's latest utterance that was about something; empty if there is none.

    Greetings and answers such as `2` are passed over: a follow-up does not lean on them.
    """
    listening = hearing()
    for text in said_by_contact(history):
        if text and listening.small_talk(text) is None and listening.number(text) is None:
            return text
    return ""


def last_reply(history: Sequence[Utterance]) -> str:
    """Return what was last said to the contact; empty if nothing was."""
    return next((utterance.text for utterance in reversed(history) if utterance.role == "assistant"), "")
