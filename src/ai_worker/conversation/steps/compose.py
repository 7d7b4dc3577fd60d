"""Compose: the words of a reply, and the result that carries them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath

from ai_worker.conversation.grounding.evidence import evidence
from ai_worker.conversation.grounding.orders import harmless, plain, quotable
from ai_worker.conversation.grounding.results import bare_data
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.history import last_reply
from ai_worker.conversation.message import Choice, Reply, Utterance
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.call import Called
from ai_worker.conversation.steps.quote import excerpt
from ai_worker.conversation.steps.verbs import Plan, asked_beside, told
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.foundation.text import shorten
from ai_worker.knowledge.citation import cite
from ai_worker.knowledge.passage import ENTRIES, Passage, Scored
from ai_worker.knowledge.records.row import BETWEEN, is_row

LABEL = 60
"""Characters of a choice; some platforms cut buttons off after that."""

BY_TOOL = 0.95
"""Confidence in what a business system says."""

CHOSEN = 0.95
"""Confidence in the answer that the contact picked."""


def fixed(words: Phrases, key: str, *, name: str) -> TurnResult:
    """Answer small talk."""
    return TurnResult("answer", Reply(words.say(key, name=name)), confidence=1.0)


def date(words: Phrases, now: datetime) -> TurnResult:
    """Say what day and time it is; `now` is in the worker's own zone."""
    weekday = words.ask_model["weekdays"][now.weekday()]
    text = words.say("date", date=f"{now:%Y-%m-%d}", weekday=weekday, time=f"{now:%H:%M}")
    return TurnResult("answer", Reply(text), confidence=1.0)


def wordless(words: Phrases, key: str, pending: PendingQuestion | None) -> TurnResult:
    """Ask for words. What was asked before may still be answered."""
    return TurnResult("clarify", Reply(words.say(key)), pending=pending)


def handed_over(words: Phrases, reason: Reason, *, confidence: float = 0.0) -> TurnResult:
    """Say that a person takes it from here, and what happens next."""
    return TurnResult("handoff", Reply(words.say(reason.value)), confidence=confidence, reason=reason)


def unsure(words: Phrases) -> TurnResult:
    """Say that nobody knows whether something was done, and that a person finds out."""
    return TurnResult("handoff", Reply(words.say("unsure")), reason=Reason.FAILED)


def half_told(words: Phrases) -> TurnResult:
    """Say that something was done of which nothing more can be said now, and that a person goes on."""
    return TurnResult("handoff", Reply(words.say("half_told")), reason=Reason.FAILED)


def passed_on(words: Phrases, history: Sequence[Utterance]) -> TurnResult:
    """Say, once, that messages wait for the person who was asked for already."""
    told = words.say("passed_on")
    if last_reply(history).startswith(told):
        return TurnResult("silent", None)
    return TurnResult("handoff", Reply(told))


def to_confirm(words: Phrases) -> TurnResult:
    """Say that a person has to say yes first."""
    return TurnResult("handoff", Reply(words.say("to_confirm")), reason=Reason.FAILED)


def to_know_first(words: Phrases) -> TurnResult:
    """Say that a person does it, because nobody knows well enough who asks."""
    return TurnResult("handoff", Reply(words.say("to_know_first")), reason=Reason.FAILED)


def asked_back(question: str, *, times: int, tainted: bool) -> TurnResult:
    """Ask what a model wants to know before it answers."""
    return TurnResult("clarify", Reply(question), pending=PendingQuestion(times=times), tainted=tainted)


def approved(words: Phrases, found: Scored, *, question: str, confidence: float, note: str = "") -> TurnResult:
    """Answer with an entry's approved text word for word, or with the best part of a passage.

    Neither is given with what it tells machines to do; if nothing else is in it, a person helps.
    """
    entry = found.passage.kind == "entry"
    shown = (
        quotable(found.passage.text) if entry else evidence(found.passage.text, question, title=found.passage.called)
    )
    if shown != found.passage.text:
        found = replace(found, passage=replace(found.passage, text=shown))
    passage = found.passage
    if is_row(passage.locator) and not note:
        note = words.say("row")
    text = passage.text if passage.kind == "entry" else excerpt(passage.text, question)
    if not text:
        return handed_over(words, Reason.UNKNOWN)
    parts = [note, text, sources(words, [passage])]
    return TurnResult(
        "answer",
        Reply("\n\n".join(part for part in parts if part), rateable=True),
        confidence=confidence,
        answer_id=passage.answer_id,
        citations=(cite(found),),
        tainted=not entry,
    )


def which(words: Phrases, offered: Sequence[Scored], *, times: int) -> TurnResult:
    """Ask which of up to three answers is meant."""
    choices = tuple(Choice(scored.passage.id, _label(scored.passage)) for scored in offered)
    asked = which_of(words, choices, times=times, confidence=offered[0].score)
    return replace(asked, tainted=any(scored.passage.kind != "entry" for scored in offered))


def which_of(words: Phrases, choices: tuple[Choice, ...], *, times: int, confidence: float = 0.0) -> TurnResult:
    """Ask which of these choices is meant."""
    listed = "\n".join(f"{number}. {choice.label}" for number, choice in enumerate(choices, start=1))
    text = words.say("which" if len(choices) > 1 else "which_one", list=listed)
    pending = PendingQuestion(choices=choices, times=times)
    return TurnResult("clarify", Reply(text, choices), confidence=confidence, pending=pending)


def rephrase(words: Phrases, *, times: int) -> TurnResult:
    """Ask for other words."""
    return TurnResult("clarify", Reply(words.say("rephrase")), pending=PendingQuestion(times=times))


def nothing_offered(words: Phrases, *, times: int) -> TurnResult:
    """Ask what is wanted of whoever picks one of no choices."""
    return TurnResult("clarify", Reply(words.say("nothing_offered")), pending=PendingQuestion(times=times))


def ask_slot(plan: Plan, *, times: int) -> TurnResult:
    """Ask for the value that a verb misses."""
    assert plan.missing is not None
    pending = PendingQuestion(verb=plan.tool.name, times=times)
    return TurnResult("clarify", Reply(plan.missing.ask), pending=pending)


def by_tool(words: Phrases, plan: Plan, called: Called, *, question: str) -> TurnResult:
    """Say what the business system said: as the verb tells it, and what was asked for besides."""
    text = told(plan.verb.template, called.data, values=plan.values, no_value=words.say("no_value"))
    asked = asked_beside(called.data, question, text)
    text = "\n".join((text, *(words.say("field", name=name, value=value) for name, value in asked)))
    tainted = not bare_data(called.data)
    return TurnResult("answer", Reply(text, rateable=True), confidence=BY_TOOL, tools=(called.use,), tainted=tainted)


def not_found(words: Phrases, plan: Plan, called: Called, *, times: int) -> TurnResult:
    """Say that the business system knows no such thing, and let the contact correct it."""
    text = words.say("not_found", values=", ".join(plan.values.values()))
    pending = PendingQuestion(verb=plan.tool.name, times=times)
    return TurnResult("clarify", Reply(text), tools=(called.use,), pending=pending)


def sources(words: Phrases, passages: Sequence[Passage], *, numbered: bool = False) -> str:
    """Return the line that says what an answer rests on; empty when it rests on no passage.

    Args:
        words: The language.
        passages: The passages, in the order of the answer's marks.
        numbered: Whether the answer has marks, `[1]`, that the names are to be found by.
    """
    marks: dict[str, str] = {}
    for number, passage in enumerate(passages, start=1):
        title = _source_title(passage)
        name = words.say(
            "source", title=title if harmless(title) else words.say("a_source"), locator=passage.locator
        ).strip()
        marks[name] = marks.get(name, "") + (f"[{number}]" if numbered else "")
    named = [mark + name for name, mark in marks.items()]
    return words.say("sources", sources=words.say("between").join(named)) if named else ""


def _label(passage: Passage) -> str:
    if is_row(passage.locator):  # what it is about stands in its first cell
        cell = passage.text.partition("\n")[0]
        return shorten(cell.partition(BETWEEN)[2] or cell, LABEL)
    called = f"{passage.called} {passage.locator}".strip()
    return shorten(called if harmless(called) else plain(passage.text), LABEL)


def _source_title(passage: Passage) -> str:
    """Return what a person calls the source: an entry's table, a passage's document and heading.

    An entry that is in no file is called by its question.
    """
    in_file = passage.kind == "entry" and passage.document_id != ENTRIES
    return PurePosixPath(passage.document_id).stem if in_file else passage.called
