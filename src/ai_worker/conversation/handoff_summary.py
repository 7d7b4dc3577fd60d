"""The summary for the person who takes over: what was asked, what was answered, what is open. No model writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.hearing import hearing
from ai_worker.conversation.store import ThreadItem
from ai_worker.conversation.tone import tone
from ai_worker.foundation.text import shorten

MOST = 5
"""Questions of each kind that are told, the latest ones."""

LONGEST = 80
"""Characters of a question or answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, and what was said to it."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person has to know before the first word."""

    answered: tuple[Answered, ...]
    """What the contact asked and was told, by the worker or a person, oldest first."""

    open: tuple[str, ...]
    """What the contact said and was told nothing of, oldest first."""

    left_out: int = 0
    """How many older ones of either kind are not told here."""


def summarise(items: Sequence[ThreadItem]) -> Summary:
    """Return the summary of a thread, of what came after the conversation was handed back last.

    Greetings, thanks and the plea for a person itself say nothing about the matter and are left out.
    """
    asked = [one for one in _asked(_since_handback(items)) if _says_something(one.text)]
    answered = [Answered(shorten(one.text, LONGEST), shorten(one.answer, LONGEST)) for one in asked if one.answer]
    waiting = [shorten(one.text, LONGEST) for one in asked if not one.answer]
    left_out = max(0, len(answered) - MOST) + max(0, len(waiting) - MOST)
    return Summary(tuple(answered[-MOST:]), tuple(waiting[-MOST:]), left_out)


@dataclass(slots=True)
class _Asked:
    """What a contact said, and what became of it."""

    turn: str
    text: str
    answer: str = ""
    replied: bool = False
    """Something was said to it, if only a question back."""


def _since_handback(items: Sequence[ThreadItem]) -> Sequence[ThreadItem]:
    marks = [n for n, item in enumerate(items) if item.author == "notice" and item.text == "handed_back"]
    return items[marks[-1] + 1 :] if marks else items


def _asked(items: Sequence[ThreadItem]) -> list[_Asked]:
    """Return the contact's messages in order; those of a burst that was answered as one are one."""
    asked: list[_Asked] = []
    for item in items:
        if item.author == "contact":
            asked.append(_Asked(item.turn_id, spoken(item)))
        elif item.author == "human":  # a person's words answer all that was open
            for one in asked:
                one.answer = one.answer or item.text
        elif item.author == "worker" and item.result is not None:
            _reply(asked, item, answers=item.result.decision == "answer")
    return asked


def _reply(asked: list[_Asked], item: ThreadItem, *, answers: bool) -> None:
    at = next((n for n, one in enumerate(asked) if one.turn == item.turn_id), None)
    if at is None:
        return
    asked[at].replied = True
    if not answers:
        return
    first = at
    while first and not (asked[first - 1].replied or asked[first - 1].answer):
        first -= 1
    asked[at].text = " ".join(one.text for one in asked[first : at + 1])
    asked[at].answer = item.text
    del asked[first:at]


def spoken(item: ThreadItem) -> str:
    """Return what a person would read of a contact's line: its words, and a mark for each other part."""
    marks = [f"[{part.text or part.kind}]" for part in item.parts if part.kind != "text"]
    return " ".join([item.text, *marks]).strip()


def _says_something(text: str) -> bool:
    heard = hearing()
    return bool(text) and heard.small_talk(text) is None and heard.mark(text) is None and tone().plea(text) != "person"


def topic(conversation: Conversation, summary: Summary) -> str:
    """Return in one line what a conversation is about: what is open, else what was said last."""
    return summary.open[-1] if summary.open else shorten(conversation.last_text, LONGEST)
