"""Choosing: which of the choices offered a message takes, by number, place or words."""

from collections.abc import Sequence

from ai_worker.conversation.hearing import hearing, squash, unnumbered
from ai_worker.conversation.message import Choice

BY_WORDS = 12
"""Characters up to which a message may be no more than some of a choice's words: `换货的那个`."""

SHARED = 2
"""Characters that it must have of the label for that."""


def choice_of(text: str, choices: Sequence[Choice]) -> Choice | None:
    """Return the choice that `text` takes: by its number, words or id, or by `是` where there is but one."""
    listening = hearing()
    number = listening.number(text)
    if number is not None:
        place = number - 1 if number > 0 else len(choices) + number
        return choices[place] if 0 <= place < len(choices) else None
    if len(choices) == 1 and listening.yes(text):
        return choices[0]
    words = squash(unnumbered(text))
    named = (choice for choice in choices if text == choice.id or (words and words == squash(choice.label)))
    return next(named, None) or _by_words(text, choices)


def _by_words(text: str, choices: Sequence[Choice]) -> Choice | None:
    """Return the one choice whose label holds what a short message says; `None` if none does, or several."""
    words = squash(hearing().plain(text))
    if not SHARED <= len(words) <= BY_WORDS:
        return None
    holding = [choice for choice in choices if words in squash(choice.label)]
    if len(holding) == 1:
        return holding[0]
    return None
