"""Decide: answer, ask back, call a tool, ask a model, or hand over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ai_worker.conversation.context.focus import Focus
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.hearing import hearing, squash
from ai_worker.conversation.steps.look_up import Bars, Findings, is_clear, rivals, says_exactly
from ai_worker.conversation.steps.verbs import Plan
from ai_worker.conversation.turn import PendingQuestion
from ai_worker.knowledge.confidence import CLARIFY_AT
from ai_worker.knowledge.language.meaning import lexicon
from ai_worker.knowledge.passage import Scored
from ai_worker.knowledge.wording import Wording

Course = Literal["answer", "clarify", "call", "ask_slot", "consult", "hand_over"]

CHOICES = 3
ASK_BACK_AT_MOST = 2
"""Times in a row; after that a person helps faster than another question."""

SHORT = 12
"""Characters up to which one trigger word says what a message is about."""

NEAR = 0.5
"""Of what asking back takes: from here on an answer may fill up the choices."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the turn does next."""

    course: Course
    reason: Reason | None = None
    """Why, when `course` is `hand_over`."""


def decide(
    findings: Findings,
    planned: Plan | None,
    *,
    text: str,
    bars: Bars,
    pending: PendingQuestion | None,
    model_may: bool,
) -> Verdict:
    """Choose the course of a turn.

    Approved answers come first, because they are right; a tool comes before them only when the
    message names what to look up, and does not ask how something is done. A model is asked when
    neither suffices.
    """
    sure = findings.best >= bars.answer_at and is_clear(findings)
    if planned is not None and _calls(planned, sure=sure, text=text, findings=findings, bars=bars):
        return Verdict("call")
    if sure and (not model_may or findings.found[0].passage.kind == "entry"):
        return Verdict("answer")
    reads_better = model_may and planned is not None and planned.tool.acts  # a model does, than a pattern does
    if (
        planned is not None
        and not planned.ready
        and not reads_better
        and _wants_slot(planned, findings, bars, text=text)
    ):
        return _ask_back("ask_slot", None if planned.gained else pending)
    if model_may:
        return Verdict("consult")
    if planned is not None and not planned.ready and planned.resumed:
        return _ask_back("ask_slot", None if planned.gained else pending)
    return without_model(findings, bars=bars, pending=pending)


def without_model(findings: Findings, *, bars: Bars, pending: PendingQuestion | None) -> Verdict:
    """Choose between asking back and handing over, when nothing is sure."""
    if findings.best < bars.clarify_at or _is_far_off(choices(findings, bars), findings.question):
        return Verdict("hand_over", Reason.UNKNOWN)
    return _ask_back("clarify", pending)


def asks_again(pending: PendingQuestion | None) -> bool:
    """Return whether one more question back is allowed."""
    return pending is None or pending.times < ASK_BACK_AT_MOST


def entry_is_better(findings: Findings, about: Focus, *, bars: Bars) -> bool:
    """Return whether an approved answer comes before what a record says of the message.

    One that is worded like the question does; one that is only sure does where it speaks of the record
    too, or where the message names none.
    """
    if not findings.found or findings.found[0].passage.kind != "entry":
        return False
    best = findings.found[0]
    if says_exactly(best, findings.question):
        return True
    if findings.best < bars.answer_at or not is_clear(findings):
        return False
    if about.named:
        return any(squash(record.name) in squash(best.matched) for record in about.records)
    return not findings.leans


def choices(findings: Findings, bars: Bars) -> list[Scored]:
    """Return what to offer when asking back: the best distinct answers, and entries alone where one is worth it.

    An entry that would not be worth asking about stands in nobody's way: what is, is a passage then.
    """
    near = [scored for scored in findings.found if scored.score >= NEAR * bars.clarify_at]
    entries = [scored for scored in near if scored.passage.kind == "entry"]
    worth_it = entries and entries[0].score >= bars.clarify_at
    return _distinct(entries if worth_it else near)[:CHOICES]


def _is_far_off(offered: Sequence[Scored], question: str) -> bool:
    """Return whether there is but one choice, an unlikely one that shares no word with the question.

    A base may have been tuned to ask back from little on; what shares nothing at all is no choice.
    """
    if len(offered) != 1 or offered[0].score >= CLARIFY_AT:
        return False
    asked, own = Wording.of(question), Wording.of(f"{offered[0].passage.called} {offered[0].matched}")
    aside = lexicon().asking | lexicon().aside
    return asked.pairs.isdisjoint(own.pairs) and (asked.meanings - aside).isdisjoint(own.meanings)


def _distinct(found: Sequence[Scored]) -> list[Scored]:
    distinct: list[Scored] = []
    for scored in found:
        others = (other.passage for other in distinct if other.passage.kind == scored.passage.kind)
        if all(rivals(scored.passage, other) for other in others):
            distinct.append(scored)
    return distinct


def _calls(planned: Plan, *, sure: bool, text: str, findings: Findings, bars: Bars) -> bool:
    if not planned.ready:
        return False
    how = hearing().asks_how(text)
    if planned.own:
        return not (sure and how)
    return not sure and not how and (planned.triggers > 1 or findings.best < bars.clarify_at)


def _wants_slot(planned: Plan, findings: Findings, bars: Bars, *, text: str) -> bool:
    """Return whether the verb is meant so clearly that its missing value is asked for."""
    if hearing().asks_how(text) and not planned.resumed:
        return False
    if planned.tool.acts and planned.triggers and planned.values:
        return True
    return planned.triggers > 1 or (planned.triggers == 1 and findings.best < bars.clarify_at and len(text) <= SHORT)


def _ask_back(course: Course, pending: PendingQuestion | None) -> Verdict:
    return Verdict(course) if asks_again(pending) else Verdict("hand_over", Reason.UNCLEAR)
