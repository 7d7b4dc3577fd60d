"""Compose: the words of a reply, and the result that carries them."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.history import last_reply
from ai_worker.conversation.message import Choice, Reply, Utterance
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.call import Called
from ai_worker.conversation.steps.verbs import Plan, told
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge.citation import cite
from ai_worker.knowledge.passage import Passage, Scored

EXCERPT = 300
"""Characters of a passage that are shown as an answer."""

LABEL = 60
"""Characters of a choice; some platforms cut buttons off after that."""

BY_TOOL = 0.95
"""Confidence in what a business system says."""

CHOSEN = 0.95
"""Confidence in the answer that the contact picked."""

_SENTENCE = re.compile(r".*?(?:[。！？!?；;\n]+|\.(?=\s)|$)", re.DOTALL)


def fixed(words: Phrases, key: str, *, name: str) -> TurnResult:
    """Answer small talk."""
    return TurnResult("answer", Reply(words.say(key, name=name)), confidence=1.0)


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


def approved(words: Phrases, found: Scored, *, question: str, confidence: float, note: str = "") -> TurnResult:
    """Answer with an entry's approved text word for word, or with the best part of a passage."""
    passage = found.passage
    text = passage.text if passage.kind == "entry" else excerpt(passage.text, question)
    parts = [note, text, sources(words, [passage])]
    return TurnResult(
        "answer",
        Reply("\n\n".join(part for part in parts if part), rateable=True),
        confidence=confidence,
        answer_id=passage.answer_id,
        citations=(cite(found),),
    )


def which(words: Phrases, offered: Sequence[Scored], *, times: int) -> TurnResult:
    """Ask which of up to three answers is meant."""
    choices = tuple(Choice(scored.passage.id, _label(scored.passage)) for scored in offered)
    return which_of(words, choices, times=times, confidence=offered[0].score)


def which_of(words: Phrases, choices: tuple[Choice, ...], *, times: int, confidence: float = 0.0) -> TurnResult:
    """Ask which of these choices is meant."""
    listed = "\n".join(f"{number}. {choice.label}" for number, choice in enumerate(choices, start=1))
    text = words.say("which" if len(choices) > 1 else "which_one", list=listed)
    pending = PendingQuestion(choices=choices, times=times)
    return TurnResult("clarify", Reply(text, choices), confidence=confidence, pending=pending)


def rephrase(words: Phrases, *, times: int) -> TurnResult:
    """Ask for other words."""
    return TurnResult("clarify", Reply(words.say("rephrase")), pending=PendingQuestion(times=times))


def ask_slot(plan: Plan, *, times: int) -> TurnResult:
    """Ask for the value that a verb misses."""
    assert plan.missing is not None
    pending = PendingQuestion(verb=plan.tool.name, times=times)
    return TurnResult("clarify", Reply(plan.missing.ask), pending=pending)


def by_tool(words: Phrases, plan: Plan, called: Called) -> TurnResult:
    """Say what the business system said."""
    text = told(plan.verb.template, called.data, values=plan.values, no_value=words.say("no_value"))
    return TurnResult("answer", Reply(text, rateable=True), confidence=BY_TOOL, tools=(called.use,))


def not_found(words: Phrases, plan: Plan, called: Called, *, times: int) -> TurnResult:
    """Say that the business system knows no such thing, and let the contact correct it."""
    text = words.say("not_found", values=", ".join(plan.values.values()))
    pending = PendingQuestion(verb=plan.tool.name, times=times)
    return TurnResult("clarify", Reply(text), tools=(called.use,), pending=pending)


def sources(words: Phrases, passages: Sequence[Passage]) -> str:
    """Return the line that says what an answer rests on; empty when it rests on no passage."""
    named = dict.fromkeys(
        words.say("source", title=_source_title(passage), locator=passage.locator).strip() for passage in passages
    )
    return words.say("sources", sources=words.say("between").join(named)) if named else ""


def excerpt(text: str, question: str) -> str:
    """Return the sentences of a passage from the one that shares most with the question, up to 300 characters."""
    if len(text) <= EXCERPT:
        return text.strip()
    sentences = [found for found in _SENTENCE.findall(text) if found.strip()]
    asked = _pairs(question)
    start = max(range(len(sentences)), key=lambda at: len(asked & _pairs(sentences[at])))
    taken: str = sentences[start]
    for sentence in sentences[start + 1 :]:
        if len(taken) + len(sentence) > EXCERPT:
            break
        taken += sentence
    taken = taken.strip()
    return taken if len(taken) <= EXCERPT else taken[: EXCERPT - 1] + "…"


def _pairs(text: str) -> set[str]:
    folded = fold(text)
    return {folded[at : at + 2] for at in range(len(folded) - 1)}


def _label(passage: Passage) -> str:
    title = passage.title if passage.kind == "entry" else f"{passage.title} {passage.locator}"
    return shorten(title or passage.text, LABEL)


def _source_title(passage: Passage) -> str:
    """Return what a person calls the source: an entry's table, a passage's document and heading."""
    named = passage.title if passage.kind == "passage" else ""
    return named or PurePosixPath(passage.document_id).stem
