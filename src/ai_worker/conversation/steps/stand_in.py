"""Stand in: what is said where a model was to answer and has not, or may not be believed.

The rungs below it: an approved answer or passage that is nearly sure, with a note that says so · a question
back · a holding notice, and the real answer later (`hold`) · a person.
"""

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply
from ai_worker.conversation.model import ModelFailed
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.progress import Progress
from ai_worker.conversation.steps import compose
from ai_worker.conversation.steps.consult import ModelMisbehaved, NeedsPerson
from ai_worker.conversation.steps.decide import choices, without_model
from ai_worker.conversation.steps.look_up import Bars, Findings, is_clear
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.skills.tool import ToolUnsure

Failure = ModelFailed | ModelMisbehaved | NeedsPerson | ToolUnsure
"""How asking a model can end without an answer."""


def without(
    failure: Failure, progress: Progress, given: TurnInput, words: Phrases, findings: Findings, text: str, *, bars: Bars
) -> TurnResult:
    """Return what is said when the model has come to no answer.

    A turn that has acted never ends with words that pass over it.

    Args:
        failure: Why there is none.
        progress: What the turn has done so far.
        given: What the turn was given.
        words: The asker's language.
        findings: What was found in approved knowledge.
        text: The question.
        bars: The confidences from which knowledge may speak.
    """
    if progress.unsure:
        return compose.unsure(words)
    waits = isinstance(failure, ModelFailed)
    if progress.acted:
        return _held(given, words) if waits and not given.last_chance else compose.half_told(words)
    if isinstance(failure, NeedsPerson):
        return compose.to_confirm(words)
    if (standing_in := _by_knowledge(given, words, findings, text, bars=bars)) is not None:
        return standing_in
    return _held(given, words) if waits else compose.handed_over(words, Reason.FAILED)


def instead(given: TurnInput, words: Phrases, findings: Findings, *, bars: Bars) -> TurnResult:
    """Ask back, or hand over, in place of an answer that rests on nothing."""
    verdict = without_model(findings, bars=bars, pending=given.pending)
    if verdict.course == "clarify":
        times = (given.pending.times if given.pending else 0) + 1
        return compose.which(words, choices(findings, bars), times=times)
    return compose.handed_over(words, verdict.reason or Reason.UNKNOWN, confidence=findings.best)


def _by_knowledge(given: TurnInput, words: Phrases, findings: Findings, text: str, *, bars: Bars) -> TurnResult | None:
    """Return what approved knowledge can do in the model's place; `None` if nothing is near enough.

    What is less than sure says so.
    """
    if findings.best < bars.fallback_at:
        return None
    if not is_clear(findings):
        return instead(given, words, findings, bars=bars)
    best = findings.found[0]
    note = "" if best.score >= bars.answer_at else words.say("nearest")
    return compose.approved(words, best, question=text, confidence=best.score, note=note)


def _held(given: TurnInput, words: Phrases) -> TurnResult:
    """Promise the answer for later; a contact who was promised it already hears nothing more."""
    if given.last_chance:
        return compose.handed_over(words, Reason.FAILED, confidence=0.0)
    reply = None if given.held else Reply(words.say("holding"))
    return TurnResult("handoff", reply, reason=Reason.FAILED, hold=True)
