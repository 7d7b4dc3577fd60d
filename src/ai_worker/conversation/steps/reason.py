"""Answer with a model, and what happens when it fails."""

from collections.abc import Sequence
from dataclasses import replace

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply, Utterance
from ai_worker.conversation.model import ChatModel, ModelFailed, OnDelta
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.progress import Notebook, Progress, ToolUse
from ai_worker.conversation.steps import compose
from ai_worker.conversation.steps.consult import Consultation, Consulted, ModelMisbehaved
from ai_worker.conversation.steps.decide import choices, without_model
from ai_worker.conversation.steps.guard import declines, polished, rests_on, whole_sentences
from ai_worker.conversation.steps.live import Heard, LiveDraft, LiveText, OnDraft
from ai_worker.conversation.steps.look_up import Bars, Findings, is_clear
from ai_worker.conversation.steps.prompt import Material, gather, prompt, schemas
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.citation import cite
from ai_worker.skills.tool import Tool, Toolbox, ToolUnsure

BY_TOOL = 0.9
"""Confidence in a model's words about what a business system said."""

FROM_ITSELF = 0.5
"""Confidence in what an `open` model says without any support."""

MOST = 0.95


class Reasoner:
    """Asks the model, checks its words, and steps down the ladder when there are none.

    The rungs, from the top: the model (with its own fallbacks, behind the port) · an approved answer
    or passage that is nearly sure, with a note that says so · a holding notice, and the real answer
    later (`hold`). A held message says nothing more until the model is back; the pipeline ends it.

    Confidence of a model's answer: with a tool's result behind it 0.9; with passages, the best
    retrieval confidence among those it rests on, between `clarify_at` and 0.95; with nothing but
    what was said before, `clarify_at`; from itself (grounding `open`), 0.5.
    """

    def __init__(self, model: ChatModel, toolbox: Toolbox | None, *, bars: Bars, clock: Clock) -> None:
        self._model = model
        self._toolbox = toolbox
        self._bars = bars
        self._clock = clock

    def may(self, worker: Worker, tools: Sequence[Tool], *, findings: Findings, history: Sequence[Utterance]) -> bool:
        """Return whether the model may be asked at all: a strict worker's only if it has something to go by."""
        return worker.grounding == "open" or bool(schemas(tools)) or bool(gather(findings, history, self._bars))

    async def answer(
        self,
        given: TurnInput,
        text: str,
        *,
        worker: Worker,
        words: Phrases,
        tools: Sequence[Tool],
        findings: Findings,
        trace: Trace,
        on_delta: OnDelta | None,
        on_draft: OnDraft | None,
        notebook: Notebook | None,
    ) -> TurnResult:
        """Answer `text` with the model, or as well as can be without it.

        A turn that has acted never ends with words that pass over it: it says what came of it, waits
        for the model to say so, or asks a person to.
        """
        material = gather(findings, given.history, self._bars)
        offered = schemas(tools)
        live = draft = None
        if on_delta is not None and worker.grounding == "open" and not offered:
            live = LiveText(on_delta, material=material.texts, trace=trace)
        consultation = Consultation(
            self._model,
            self._toolbox,
            turn_id=given.turn_id,
            tools=tools,
            trace=trace,
            notebook=notebook,
            progress=given.progress,
        )

        def stands(text: str) -> bool:
            uses = consultation.progress.all_uses
            return worker.grounding == "open" or _supported(text, material, uses)

        def shown() -> list[str]:
            return [*material.texts, *consultation.results]

        if on_draft is not None:
            draft = LiveDraft(on_draft, material=shown, stands=stands, trace=trace)
        messages = prompt(
            worker,
            words,
            now=self._clock.now(),
            material=material,
            history=given.history,
            text=text,
            asker=given.message.contact,
        )
        try:
            said = await consultation.ask(messages, offered, heard=Heard.by(live, draft))
        except (ModelFailed, ModelMisbehaved, ToolUnsure) as failure:
            result = self._without(failure, consultation.progress, given, words, findings, text)
            return replace(result, tools=consultation.progress.all_uses)
        with trace.step("guard") as note:
            result = self._guarded(said, material, worker, given, words, findings)
            if result.decision != "answer" and consultation.progress.acted:
                result = compose.half_told(words)
            note.detail = result.decision
        if live is not None and result.decision == "answer" and result.reply is not None:
            live.finish(result.reply.text)
            result = replace(result, first_words_ms=live.first_words_ms)
        if draft is not None and draft.first_words_ms is not None:
            result = replace(result, first_words_ms=draft.first_words_ms)
        return replace(result, tools=said.uses, model=said.model, tokens=said.tokens)

    def _without(
        self,
        failure: ModelFailed | ModelMisbehaved | ToolUnsure,
        progress: Progress,
        given: TurnInput,
        words: Phrases,
        findings: Findings,
        text: str,
    ) -> TurnResult:
        """Return what is said when the model has come to no answer."""
        if progress.unsure:
            return compose.unsure(words)
        waits = isinstance(failure, ModelFailed)
        if progress.acted:
            return _held(given, words) if waits and not given.last_chance else compose.half_told(words)
        if (standing_in := self._stand_in(given, words, findings, text)) is not None:
            return standing_in
        return _held(given, words) if waits else compose.handed_over(words, Reason.FAILED)

    def _guarded(
        self,
        said: Consulted,
        material: Material,
        worker: Worker,
        given: TurnInput,
        words: Phrases,
        findings: Findings,
    ) -> TurnResult:
        """Return the answer if it may be shown, and what is said in its place if not."""
        text = polished(said.text, material=[*material.texts, *said.results])
        if said.truncated:
            text = whole_sentences(text)
        if declines(said.text):
            return compose.handed_over(words, Reason.UNKNOWN, confidence=findings.best)
        rests = rests_on(said.text, material.texts)
        supported = worker.grounding == "open" or _supported(said.text, material, said.uses)
        if not text or not supported:
            return self._instead(given, words, findings)
        return self._answered(text, rests, material, said, words)

    def _answered(
        self, text: str, rests: Sequence[int], material: Material, said: Consulted, words: Phrases
    ) -> TurnResult:
        cited = [material.passages[place] for place in rests if place < len(material.passages)]
        line = compose.sources(words, [scored.passage for scored in cited])
        if any(use.ok for use in said.uses):
            confidence = BY_TOOL
        elif cited:
            confidence = min(MOST, max(self._bars.clarify_at, *(scored.score for scored in cited)))
        else:
            confidence = self._bars.clarify_at if rests else FROM_ITSELF
        return TurnResult(
            "answer",
            Reply(f"{text}\n\n{line}" if line else text, rateable=True),
            confidence=confidence,
            answer_id=cited[0].passage.answer_id if cited else None,
            citations=tuple(cite(scored) for scored in cited),
        )

    def _instead(self, given: TurnInput, words: Phrases, findings: Findings) -> TurnResult:
        """Ask back, or hand over, in place of an answer that rests on nothing."""
        verdict = without_model(findings, bars=self._bars, pending=given.pending)
        if verdict.course == "clarify":
            times = (given.pending.times if given.pending else 0) + 1
            return compose.which(words, choices(findings, self._bars), times=times)
        return compose.handed_over(words, verdict.reason or Reason.UNKNOWN, confidence=findings.best)

    def _stand_in(self, given: TurnInput, words: Phrases, findings: Findings, text: str) -> TurnResult | None:
        """Return what approved knowledge can do in the model's place; `None` if nothing is near enough.

        What is less than sure says so.
        """
        if findings.best < self._bars.fallback_at:
            return None
        if not is_clear(findings):
            return self._instead(given, words, findings)
        best = findings.found[0]
        note = "" if best.score >= self._bars.answer_at else words.say("nearest")
        return compose.approved(words, best, question=text, confidence=best.score, note=note)


def _supported(text: str, material: Material, uses: Sequence[ToolUse]) -> bool:
    """Return whether a model's words rest on a passage or on what a business system said."""
    return bool(rests_on(text, material.texts)) or any(use.ok for use in uses)


def _held(given: TurnInput, words: Phrases) -> TurnResult:
    """Promise the answer for later; a contact who was promised it already hears nothing more."""
    if given.last_chance:
        return compose.handed_over(words, Reason.FAILED, confidence=0.0)
    reply = None if given.held else Reply(words.say("holding"))
    return TurnResult("handoff", reply, reason=Reason.FAILED, hold=True)
