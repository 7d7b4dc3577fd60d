"""Answer with a model, and what happens when it fails."""

from collections.abc import Sequence
from dataclasses import replace

from ai_worker.conversation.approving import Approvals, asker_of
from ai_worker.conversation.grounding.addresses import without_thoughts
from ai_worker.conversation.grounding.answer import Grounded
from ai_worker.conversation.grounding.orders import plain
from ai_worker.conversation.grounding.origin import Origin
from ai_worker.conversation.grounding.verdict import may_be_asked, verdict
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.history import own_talk, own_words, said_by_contact
from ai_worker.conversation.message import Reply, Utterance
from ai_worker.conversation.model import ChatMessage, ChatModel, ModelFailed, OnDelta, ToolSchema
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.progress import Notebook, Progress
from ai_worker.conversation.steps import compose
from ai_worker.conversation.steps.consult import Consultation, Consulted, ModelMisbehaved, NeedsPerson
from ai_worker.conversation.steps.decide import asks_again
from ai_worker.conversation.steps.guard import Guard, whole_sentences
from ai_worker.conversation.steps.live import Heard, LiveDraft, LiveText, OnDraft
from ai_worker.conversation.steps.look_up import Bars, Findings
from ai_worker.conversation.steps.operations import on_offer
from ai_worker.conversation.steps.prompt import (
    Material,
    gather,
    known_words,
    moment_of,
    prompt,
    rewriting,
    tainted_before,
)
from ai_worker.conversation.steps.skills import told as told_skills
from ai_worker.conversation.steps.stand_in import instead, without
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.conversation.wish import is_meant, of_contact
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.citation import cite
from ai_worker.skills.skill import Skills
from ai_worker.skills.tool import Tool, Toolbox, ToolUnsure

BY_TOOL = 0.9
"""Confidence in a model's words about what a business system said."""

FROM_ITSELF = 0.5
"""Confidence in what an `open` model says without any support."""

MOST = 0.95

ELLIPTIC = 30
"""Characters up to which a message may be one that leans on the last."""

NOTHING_DONE = Progress()

REWRITTEN, REWRITTEN_TOKENS, REWRITTEN_S = 120, 100, 5.0
"""Characters, tokens and seconds for making a whole question of it."""


class Reasoner:
    """Asks the model, checks its words, and steps down the ladder when there are none.

    The first rung is the model, with its own fallbacks behind the port; the others are in `steps.stand_in`.
    A held message says nothing more until the model is back; the pipeline ends it.

    Confidence of a model's answer: with a tool's result behind it 0.9; with passages, the best
    retrieval confidence among those it rests on, between `clarify_at` and 0.95; with nothing but
    what was said before, `clarify_at`; from itself (grounding `open`), 0.5.
    """

    def __init__(
        self,
        model: ChatModel,
        toolbox: Toolbox | None,
        *,
        bars: Bars,
        clock: Clock,
        approvals: Approvals | None = None,
        skills: Skills | None = None,
    ) -> None:
        self._model = model
        self._toolbox = toolbox
        self._bars = bars
        self._clock = clock
        self._approvals = approvals
        self._skills = skills

    def may(self, worker: Worker, tools: Sequence[Tool], *, findings: Findings, history: Sequence[Utterance]) -> bool:
        """Return whether the model may be asked at all: a strict worker's only if it has something to go by."""
        return worker.grounding == "open" or bool(self._schemas(tools)) or bool(gather(findings, history, self._bars))

    def has_to_go_by(self, worker: Worker, tools: Sequence[Tool], findings: Findings) -> bool:
        """Return whether there is more to answer from than what was said before."""
        return worker.grounding == "open" or bool(self._schemas(tools)) or findings.best >= self._bars.material_at

    async def completed(self, text: str, history: Sequence[Utterance], words: Phrases) -> str:
        """Return a short message that leans on what was said as a question that stands alone; empty if it needs none.

        Asked only where the rules found nothing, and before a person would be: one short call then costs
        less than a hand-over. What comes back is searched for and never shown.
        """
        if len(text) > ELLIPTIC or not said_by_contact(history):
            return ""
        messages = [ChatMessage("user", rewriting(text, history, words))]
        try:
            said = await self._model.complete(messages, max_tokens=REWRITTEN_TOKENS, deadline_s=REWRITTEN_S)
        except ModelFailed:
            return ""
        lines = without_thoughts(said.text).strip().splitlines()
        return plain(lines[0][:REWRITTEN]) if len(lines) == 1 else ""

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
        for the model to say so, or asks a person to. While older messages wait for the model it is not
        asked: what it says of them comes first.
        """
        if given.behind:
            waits = ModelFailed("Older messages wait for it.")
            return without(waits, NOTHING_DONE, given, words, findings, text, bars=self._bars)
        material = gather(findings, given.history, self._bars, tools=tools)
        skills = self._skills.of(worker.skills) if self._skills else ()
        moment = moment_of(self._clock.now(), worker, words)
        consultation = Consultation(
            self._model,
            self._toolbox,
            turn_id=given.turn_id,
            tools=tools,
            tainted=material.tainted or given.message.passes_on or tainted_before(given.history),
            trace=trace,
            notebook=notebook,
            progress=given.progress,
            origin=Origin(material.documents, known_words(given.message, given.history, text, moment)),
            asker=asker_of(given),
            may_ask=self._approvals is not None,
            skills=skills,
        )
        guard = Guard(
            material,
            worker=worker,
            words=words,
            text=text,
            history=given.history,
            moment=moment,
            comfortable=given.comfortable,
            results=lambda: consultation.results,
        )
        live = LiveText(on_delta, checks=guard.of, trace=trace) if on_delta and not consultation.schemas else None
        draft = LiveDraft(on_draft, checks=guard.of, trace=trace) if on_draft is not None else None
        messages = prompt(
            worker,
            words,
            moment=moment,
            material=material,
            history=given.history,
            text=text,
            asker=given.message.contact,
            comfortable=given.comfortable,
            skills=told_skills(skills, words),
        )
        try:
            said = await consultation.ask(messages, heard=Heard.by(live, draft))
        except NeedsPerson as wanted:
            result = await self._wanted(wanted, consultation.progress, tools, given, words, findings, text)
            return replace(result, tools=consultation.progress.all_uses)
        except (ModelFailed, ModelMisbehaved, ToolUnsure) as failure:
            result = without(failure, consultation.progress, given, words, findings, text, bars=self._bars)
            return replace(result, tools=consultation.progress.all_uses)
        streamed = live.shown if live is not None else ""
        with trace.step("guard") as note:
            result = self._guarded(said, guard, material, given, words, findings, streamed=streamed)
            if result.decision != "answer" and consultation.progress.acted:
                result = compose.half_told(words)
            note.detail = result.decision
        if live is not None and result.decision == "answer" and result.reply is not None:
            live.finish(result.reply.text)
            result = replace(result, first_words_ms=live.first_words_ms)
        if draft is not None and draft.first_words_ms is not None:
            result = replace(result, first_words_ms=draft.first_words_ms)
        return replace(result, tools=said.uses, model=said.model, tokens=said.tokens)

    def _schemas(self, tools: Sequence[Tool]) -> list[ToolSchema]:
        return on_offer(tools, may_ask=self._approvals is not None)

    async def _wanted(
        self,
        wanted: NeedsPerson,
        progress: Progress,
        tools: Sequence[Tool],
        given: TurnInput,
        words: Phrases,
        findings: Findings,
        text: str,
    ) -> TurnResult:
        """Ask for a person's word, unless a document may have put the wish into the model's mouth.

        Once the model has read what may give it orders, it takes the contact's own words: every value in
        the arguments, and the matter itself, must stand in what they said.
        """
        if self._approvals is None or progress.acted or not _is_wish(wanted, tools, given, text):
            return without(wanted, progress, given, words, findings, text, bars=self._bars)
        return await self._approvals.ask(wanted.tool, wanted.arguments, given, words)

    def _guarded(
        self,
        said: Consulted,
        guard: Guard,
        material: Material,
        given: TurnInput,
        words: Phrases,
        findings: Findings,
        *,
        streamed: str,
    ) -> TurnResult:
        """Return the answer if it may be shown, and what is said in its place if not.

        What was streamed stays: it was looked at. If too little is left of the whole, it says so itself.
        """
        decided = verdict(said.text)
        if decided.kind == "none" and not streamed:
            return compose.handed_over(words, Reason.UNKNOWN, confidence=findings.best)
        if decided.kind == "ask" and not streamed:
            return self._asked_back(said, decided.text, guard, given, words, findings)
        left = guard.of(whole_sentences(decided.text) if said.truncated else decided.text)
        if left.stands:
            return self._answered(left, material, said, words, streams=bool(streamed))
        if streamed:
            rest = Grounded(streamed, streamed, left.rests, left.supported, left.own, left.removed)
            return self._answered(rest, material, said, words, streams=True, note=words.say("rest_unknown"))
        return instead(given, words, findings, bars=self._bars)

    def _asked_back(
        self, said: Consulted, question: str, guard: Guard, given: TurnInput, words: Phrases, findings: Findings
    ) -> TurnResult:
        """Ask what the model wants to know, if it may, and not for the third time."""
        if not (may_be_asked(question) and guard.may_ask(question)):
            return instead(given, words, findings, bars=self._bars)
        if not asks_again(given.pending):
            return compose.handed_over(words, Reason.UNCLEAR, confidence=findings.best)
        times = (given.pending.times if given.pending else 0) + 1
        return compose.asked_back(question, times=times, tainted=said.tainted)

    def _answered(
        self,
        left: Grounded,
        material: Material,
        said: Consulted,
        words: Phrases,
        *,
        streams: bool,
        note: str = "",
    ) -> TurnResult:
        """Return the answer with its sources; marks only where they tell several apart, and nothing was streamed."""
        cited = [material.passages[place] for place in left.rests if place < len(material.passages)]
        marked = len(cited) > 1 and not streams
        if any(use.ok for use in said.uses):
            confidence = BY_TOOL
        elif cited:
            confidence = min(MOST, max(self._bars.clarify_at, *(scored.score for scored in cited)))
        else:
            confidence = self._bars.clarify_at if left.rests else FROM_ITSELF
        parts = [
            left.marked if marked else left.text,
            note,
            words.say("own_knowledge") if left.own and material else "",
            compose.sources(words, [scored.passage for scored in cited], numbered=marked),
        ]
        return TurnResult(
            "answer",
            Reply("\n\n".join(part for part in parts if part), rateable=True),
            confidence=confidence,
            answer_id=cited[0].passage.answer_id if cited else None,
            citations=tuple(cite(scored) for scored in cited),
            tainted=said.tainted,
        )


def _is_wish(wanted: NeedsPerson, tools: Sequence[Tool], given: TurnInput, text: str) -> bool:
    if not wanted.tainted:
        return True
    message = given.message
    earlier = own_words(own_talk(given.history, message.contact.id) if message.group else given.history)
    said = earlier if message.passes_on else [text, *earlier]
    return of_contact(wanted.arguments, said) and is_meant(wanted.tool, text, tools=tools)
