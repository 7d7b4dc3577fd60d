"""Answering one question, or several of one message: retrieve, decide, act, compose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from ai_worker.conversation.approving import Approvals, asker_of
from ai_worker.conversation.context.dates import today_in
from ai_worker.conversation.context.focus import Focus, focus
from ai_worker.conversation.finder import Finder
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.steps import compose, tell
from ai_worker.conversation.steps.call import call
from ai_worker.conversation.steps.decide import Verdict, asks_again, choices, decide, entry_is_better
from ai_worker.conversation.steps.live import OnDraft
from ai_worker.conversation.steps.look_up import Bars, Findings, in_full, widened
from ai_worker.conversation.steps.reason import Reasoner
from ai_worker.conversation.steps.several import parts_of, together
from ai_worker.conversation.steps.understand import Understood
from ai_worker.conversation.steps.verbs import Plan, plan
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.skills.tool import Tool, Toolbox, ToolFailed, ToolRefused

CONSULT = Verdict("consult")
"""The course of a turn that has acted already: only the model that began it can end it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Who hears a turn while it is at work, and where it keeps what it does; `None` where nobody is."""

    on_delta: OnDelta | None
    on_draft: OnDraft | None
    notebook: Notebook | None
    everything_said: tuple[Utterance, ...]
    """The history with what other members of a group said, which the model is told, too."""


class Answerer:
    """Answers questions from knowledge, records, business systems and, where there is one, by a model."""

    def __init__(
        self,
        finder: Finder,
        *,
        toolbox: Toolbox | None,
        approvals: Approvals | None,
        reasoner: Reasoner | None,
        thresholds: Thresholds,
        clock: Clock,
    ) -> None:
        """See `TurnEngine`, whose parts these are; `None` where there is no such part."""
        self._finder = finder
        self._toolbox, self._approvals, self._reasoner = toolbox, approvals, reasoner
        self._thresholds, self._clock = thresholds, clock

    async def several(
        self, given: TurnInput, text: str, worker: Worker, words: Phrases, trace: Trace, beside: Beside
    ) -> TurnResult | None:
        """Answer the questions of one message together; `None` if it is one question."""
        parts = parts_of(text)
        if parts is None:
            return None
        results: list[TurnResult] = []
        history = given.history
        for number, question in enumerate(parts.asked, 1):
            one = replace(given, history=history, turn_id=f"{given.turn_id}/{number}")
            heard = Understood("question", question, words.language)
            result = await self.question(one, heard, worker, words, trace, beside)
            results.append(result)
            history = (*history, Utterance("user", question))
            if result.reply is not None:
                history = (*history, Utterance("assistant", result.reply.text, tainted=result.tainted))
        return together(words, parts, results)

    async def question(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, trace: Trace, beside: Beside
    ) -> TurnResult:
        """Answer one question."""
        text = heard.text
        tools = self._toolbox.tools(worker.connectors, asker=asker_of(given)) if self._toolbox else []
        if beside.notebook is None or given.message.by_machine:
            tools = [tool for tool in tools if not tool.acts]
        parts = parts_of(text) if self._reasoner is not None else None
        shelves, book = self._finder.shelves(given, worker), self._finder.book(given, worker)
        about = focus(book, text, given.history) if book and given.progress is None and parts is None else None
        with trace.step("retrieve") as note:
            # A record stands for what the message leans on.
            leaning = replace(given, history=()) if about is not None else given
            findings = await self._finder.found(leaning, heard, worker, words, tools)
            if book is not None and self._reasoner is None:
                findings = findings.where(book.suits(findings.question))
            bars = self._thresholds.of(findings.base)
            if parts is not None and parts.certain:
                findings = widened(findings, shelves, parts.asked, bars=bars)
            note.detail = f"{len(findings.found)} passages, best {findings.best:.2f}"
        with trace.step("decide") as note:
            planned = _planned(
                tools,
                text,
                findings,
                given,
                today_in(self._clock.now(), worker.time_zone),
                may_ask=self._approvals is not None,
            )
            told = None
            if book and about is not None and not (planned and (planned.own or planned.resumed)):
                told = _told(given, text, words, findings, book, about, bars)
            verdict = self._verdict(given, text, worker, tools, findings, planned, bars)
            note.detail = "record" if told is not None else verdict.course
        if told is not None:
            return told
        if verdict.course == "call" and planned is not None:
            result = await self._call(planned, given, words, trace)
        elif verdict.course == "consult" and self._reasoner is not None:
            result = await self._reasoner.answer(
                replace(given, history=beside.everything_said) if given.message.group else given,
                text,
                worker=worker,
                words=words,
                tools=tools,
                findings=findings,
                trace=trace,
                on_delta=beside.on_delta,
                on_draft=beside.on_draft,
                notebook=beside.notebook,
            )
        elif given.progress is not None:  # the model that began it is no longer configured
            result = compose.unsure(words) if given.progress.unsure else compose.half_told(words)
        else:
            with trace.step("compose"):
                result = _composed(verdict, planned, findings, given, words, text, bars)
        question = in_full(text, leaning.history, findings, corrects=heard.corrects)
        return replace(result, candidates=findings.candidates, question=question)

    def _verdict(
        self,
        given: TurnInput,
        text: str,
        worker: Worker,
        tools: Sequence[Tool],
        findings: Findings,
        planned: Plan | None,
        bars: Bars,
    ) -> Verdict:
        if given.progress is not None:
            return CONSULT
        model_may = self._reasoner is not None and self._reasoner.may(
            worker, tools, findings=findings, history=given.history
        )
        return decide(findings, planned, text=text, bars=bars, pending=given.pending, model_may=model_may)

    async def _call(self, planned: Plan, given: TurnInput, words: Phrases, trace: Trace) -> TurnResult:
        assert self._toolbox is not None
        if planned.tool.acts and self._approvals is not None:
            try:
                return await self._approvals.ask(planned.tool, planned.values, given, words)
            except ToolFailed:  # what was read off the message does not fit; nobody was asked
                again = asks_again(given.pending)
                return (
                    compose.rephrase(words, times=times(given)) if again else compose.handed_over(words, Reason.UNCLEAR)
                )
        key, asker = f"{given.turn_id}:1", asker_of(given)
        called = await call(self._toolbox, planned.tool, planned.values, key=key, trace=trace, asker=asker)
        with trace.step("compose"):
            if called.failure is None:
                return compose.by_tool(words, planned, called, question=given.message.text)
            if not isinstance(called.failure, ToolRefused):
                return replace(compose.handed_over(words, Reason.FAILED), tools=(called.use,))
            if not asks_again(given.pending):
                return replace(compose.handed_over(words, Reason.UNCLEAR), tools=(called.use,))
            return compose.not_found(words, planned, called, times=times(given))


def _told(
    given: TurnInput, text: str, words: Phrases, findings: Findings, book: RecordBook, about: Focus, bars: Bars
) -> TurnResult | None:
    """Return what the records say of the message, unless an approved answer suits it better."""
    if entry_is_better(findings, about, bars=bars):
        return None
    return tell.tell(words, book, about, text=text, times=times(given), may_ask=asks_again(given.pending))


def _planned(
    tools: Sequence[Tool], text: str, findings: Findings, given: TurnInput, today: date, *, may_ask: bool
) -> Plan | None:
    return plan(
        tools,
        text=text,
        question=findings.question,
        history=given.history,
        pending_tool=given.pending.verb if given.pending else "",
        today=today,
        may_ask=may_ask,
    )


def _composed(
    verdict: Verdict,
    planned: Plan | None,
    findings: Findings,
    given: TurnInput,
    words: Phrases,
    text: str,
    bars: Bars,
) -> TurnResult:
    """Put the verdict into words."""
    if verdict.course == "answer":
        best = findings.found[0]
        return compose.approved(words, best, question=text, confidence=best.score)
    if verdict.course == "ask_slot" and planned is not None:
        return compose.ask_slot(planned, times=1 if planned.gained else times(given))
    if verdict.course == "clarify":
        return compose.which(words, choices(findings, bars), times=times(given))
    return compose.handed_over(words, verdict.reason or Reason.UNKNOWN, confidence=findings.best)


def times(given: TurnInput) -> int:
    """Return which question back in a row the next one is."""
    return (given.pending.times if given.pending else 0) + 1
