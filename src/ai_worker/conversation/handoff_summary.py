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
    questions, answers = _paired(_since_handback(items))
    answered = [
        Answered(shorten(text, LONGEST), shorten(answers[turn], LONGEST))
        for turn, text in questions
        if turn in answers and _says_something(text)
    ]
    waiting = [shorten(text, LONGEST) for turn, text in questions if turn not in answers and _says_something(text)]
    left_out = max(0, len(answered) - MOST) + max(0, len(waiting) - MOST)
    return Summary(tuple(answered[-MOST:]), tuple(waiting[-MOST:]), left_out)


def _since_handback(items: Sequence[ThreadItem]) -> Sequence[ThreadItem]:
    marks = [n for n, item in enumerate(items) if item.author == "notice" and item.text == "handed_back"]
    return items[marks[-1] + 1 :] if marks else items


def _paired(items: Sequence[ThreadItem]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the contact's messages by turn, in order, and the answers that ended their matter."""
    questions: list[tuple[str, str]] = []
    answers: dict[str, str] = {}
    for item in items:
        if item.author == "contact":
            questions.append((item.turn_id, spoken(item)))
        elif item.author == "human":  # a person's words answer all that was open
            answers.update({turn: item.text for turn, _ in questions if turn not in answers})
        elif item.author == "worker" and item.result is not None and item.result.decision == "answer":
            answers[item.turn_id] = item.text
    return questions, answers


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
