"""Several: the questions of one message, answered together in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ai_worker.conversation.context.questions import questions, questions_between_commas
from ai_worker.conversation.message import Reply
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.remembered import remembered
from ai_worker.foundation.text import shorten

AT_ONCE = 5
"""Questions of one message that are answered; the others are named, and have to be asked again."""

NAMED = 10
"""Of those others, how many are named."""

NAMED_CHARACTERS = 30
QUESTION_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Parts:
    """The questions of one message."""

    asked: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    """Those beyond what is answered at once."""

    certain: bool = True
    """Marks or numbers separate them; commas alone may also join what is one question."""


@remembered(texts=512, characters=400)
def parts_of(text: str) -> Parts | None:
    """Return the questions of a message; `None` if it is one."""
    found, certain = questions(text), True
    if len(found) == 1:
        found, certain = questions_between_commas(text), False
    return Parts(tuple(found[:AT_ONCE]), tuple(found[AT_ONCE:]), certain) if len(found) > 1 else None


def together(words: Phrases, parts: Parts, results: Sequence[TurnResult]) -> TurnResult | None:
    """Put the answers to several questions into one reply; `None` if they had better be taken for one.

    What is not sure is asked back, or handed over, in the same reply, after what is. One thing is
    asked back at a time: of several the first, and the others count as not understood.
    """
    answered = [result for result in results if result.decision == "answer"]
    if not answered or not (parts.certain or len(answered) == len(results)):
        return None
    distinct = list(dict.fromkeys(_text(result) for result in answered))
    if len(distinct) == 1 and len(answered) == len(results):
        return None
    said: dict[str, str] = {}
    asked_back: tuple[str, TurnResult] | None = None
    handed_over: tuple[str, TurnResult] | None = None
    for question, result in zip(parts.asked, results, strict=True):
        if result.decision == "answer":
            said.setdefault(_text(result), question)
        elif result.decision == "clarify" and asked_back is None:
            asked_back = (question, result)
        elif handed_over is None:
            handed_over = (question, result)
    lines = [_about(words, question, text) for text, question in said.items()]
    last = [one for one in (handed_over, asked_back) if one is not None]
    lines += [_about(words, question, _text(result)) for question, result in last]
    if parts.waiting:
        named = words.say("between").join(shorten(question, NAMED_CHARACTERS) for question in parts.waiting[:NAMED])
        lines.append(words.say("too_many", most=AT_ONCE, left=len(parts.waiting), questions=named))
    back = asked_back[1] if asked_back else None
    first = handed_over[1] if handed_over else back or answered[0]
    return replace(
        answered[0],
        decision=first.decision,
        reply=Reply("\n\n".join(lines), back.reply.choices if back and back.reply else (), rateable=True),
        confidence=min(result.confidence for result in answered),
        candidates=tuple(dict.fromkeys(one for result in results for one in result.candidates)),
        citations=tuple(dict.fromkeys(one for result in answered for one in result.citations)),
        tools=tuple(use for result in results for use in result.tools),
        reason=first.reason,
        pending=back.pending if back else None,
        tainted=any(result.tainted for result in results),
        question=(handed_over[1].question or handed_over[0]) if handed_over else "",
    )


def _about(words: Phrases, question: str, answer: str) -> str:
    return words.say("about", question=shorten(question.rstrip("?？ "), QUESTION_CHARACTERS), answer=answer)


def _text(result: TurnResult) -> str:
    return result.reply.text if result.reply else ""
