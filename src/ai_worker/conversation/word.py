"""A person's word for something that is about to be done: how it stands in a button, and how it is said."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ai_worker.conversation.hearing import clauses
from ai_worker.conversation.message import Choice
from ai_worker.conversation.phrases import LANGUAGES, catalogue
from ai_worker.conversation.turn import PendingQuestion

WordKind = Literal["approve", "refuse", "settled"]


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word, as it stands in a button or a message."""

    kind: WordKind
    """`settled`: a colleague has decided, or nobody has in time; the turn looks up how."""

    approval_id: str
    code: str = ""
    """Of what the person was shown; empty for `settled`."""

    @property
    def id(self) -> str:
        """Return it as the id of a choice."""
        return ":".join(part for part in (self.kind, self.approval_id, self.code) if part)


def word_of(choice: Choice | None) -> Word | None:
    """Return the word that a choice stands for; `None` if it is about something else."""
    if choice is None:
        return None
    kind, _, rest = choice.id.partition(":")
    approval_id, _, code = rest.partition(":")
    if not approval_id:
        return None
    match kind:
        case "approve" | "refuse" | "settled":
            return Word(kind, approval_id, code)
    return None


def is_open(pending: PendingQuestion | None) -> bool:
    """Return whether a person was asked for their word."""
    return pending is not None and bool(pending.choices) and word_of(pending.choices[0]) is not None


def said_to(pending: PendingQuestion | None, text: str) -> Choice | None:
    """Return the choice that a whole message takes of `确认` and `取消`, in other words than theirs: `好的`."""
    if pending is None or not is_open(pending) or text.rstrip().endswith(("?", "？")):
        return None
    said = " ".join(clauses(text))
    agree, decline = _spoken()
    if said in agree:
        return pending.choices[0]
    return pending.choices[1] if said in decline and len(pending.choices) > 1 else None


@lru_cache(maxsize=1)
def _spoken() -> tuple[frozenset[str], frozenset[str]]:
    found = [catalogue(language)["approve"] for language in LANGUAGES]

    def all_of(key: str) -> frozenset[str]:
        return frozenset(" ".join(clauses(words)) for one in found for words in one[key])

    return all_of("yes"), all_of("no")
