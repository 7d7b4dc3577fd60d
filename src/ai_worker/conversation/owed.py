"""Answers that are owed: what is said when one comes after newer ones, and when a person is to give it instead.

A message that needs the model while no model works is owed its answer. What its contact says meanwhile does
not wait for it, so the answer may come when the talk has gone on: then it says what it answers. Where a
person has been asked for meanwhile, it is theirs to give: the contact is told so, and the worker says no more.
"""

from dataclasses import replace

from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps import compose
from ai_worker.conversation.store import show
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.text import shorten

QUESTION_CHARACTERS = 40
"""Of a question that is quoted."""

NAMED = 3
"""Questions that are quoted at once, the latest ones."""


def while_blocked(given: TurnInput, words: Phrases) -> TurnResult:
    """Return what is said while only a person may answer; nothing, if the answer was owed and is theirs now.

    What a turn has done in a business system is never passed over.
    """
    if not given.held or given.behind:
        return compose.passed_on(words, given.history)
    if given.progress is not None and given.progress.unsure:
        return compose.unsure(words)
    if given.progress is not None and given.progress.acted:
        return compose.half_told(words)
    return TurnResult("silent", None)


def quoted(result: TurnResult, given: TurnInput, words: Phrases) -> TurnResult:
    """Return a result whose reply says what it answers, if the contact was answered something newer meanwhile."""
    if not given.overtaken or result.hold or result.reply is None:
        return result
    text = words.say("owed", question=_named(show(given.message)), answer=result.reply.text)
    return replace(result, reply=replace(result.reply, text=text))


def passed_on_too(result: TurnResult, given: TurnInput, words: Phrases) -> TurnResult:
    """Return a hand-off that says which answers are the person's to give from now on."""
    sender = given.message.contact.id
    mine = [said.text for said in given.behind if said.contact is None or said.contact.id == sender]
    if not mine or result.reply is None or result.reason is None or not result.reason.blocks:
        return result
    told = words.say("owed_passed_on", questions=words.say("between").join(_named(text) for text in mine[-NAMED:]))
    apart = "" if words.language.startswith("zh") else " "
    return replace(result, reply=replace(result.reply, text=f"{result.reply.text}{apart}{told}"))


def _named(question: str) -> str:
    return shorten(question.rstrip("?？ "), QUESTION_CHARACTERS)
