"""The tone of a message: whether it asks for a person, complains, or is angry.

After any of these the worker does not answer any more, so what is only talked about must not count:
a quotation, a question about complaints, a colleague who reports on one. Rather one missed than one
heard that was not there.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

from ai_worker.conversation.hearing import clauses
from ai_worker.conversation.phrases import LANGUAGES, catalogue

Plea = Literal["person", "complaint", "anger"]

LONGEST_WISH = 40
"""Characters of a clause that may be a plea for a person; longer ones tell a story."""

_QUOTED = re.compile(r"“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|《[^》]*》|\"[^\"]*\"")
_QUOTATION = "引"
"""Stands where a quotation stood, so that what is around it does not become a sentence of its own."""


class Tone:
    """The `[tone]` sections of all catalogues, compiled; people mix languages, so all are heard at once."""

    def __init__(self) -> None:
        told = [catalogue(language)["tone"] for language in LANGUAGES]
        self._person = _any(pattern for part in told for pattern in part["person"])
        self._complaint = _any(pattern for part in told for pattern in part["complaint"])
        self._anger = _any(pattern for part in told for pattern in part["anger"])
        self._asking = _any(pattern for part in told for pattern in part["asking"])

    def plea(self, text: str) -> Plea | None:
        """Return what a message pleads for; a person who is asked for in anger is asked for."""
        said = clauses(unquoted(text))
        if any(len(clause) <= LONGEST_WISH and self._person.fullmatch(clause) for clause in said):
            return "person"
        if any(self._anger.search(clause) for clause in said):
            return "anger"
        if any(self._complaint.search(clause) and not self._asking.search(clause) for clause in said):
            return "complaint"
        return None


@cache
def tone() -> Tone:
    """Return the one `Tone`, compiled at the first message."""
    return Tone()


def unquoted(text: str) -> str:
    """Return `text` without what it quotes; a message that is nothing but a quotation means what it says."""
    left = _QUOTED.sub(_QUOTATION, text)
    return left if any(character.isalnum() and character != _QUOTATION for character in left) else text


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
