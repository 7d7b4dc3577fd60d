"""The turn: understand, retrieve, decide, act, compose, guard.

This file is the order of things; each step is a few plain functions in `steps/`. A turn knows
nothing of HTTP, SQL or vendors: what it needs from outside comes through ports.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ai_worker.conversation.approving import Approvals, asker_of
from ai_worker.conversation.asked import offers_to_others, own, still_open
from ai_worker.conversation.context.dates import today_in
from ai_worker.conversation.context.focus import Focus, focus
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_rules import NO_RULES, Rules, unhelpful_before
from ai_worker.conversation.hearing import hearing
from ai_worker.conversation.history import own_talk
from ai_worker.conversation.message import Choice, InboundMessage, Reply, Utterance
from ai_worker.conversation.model import ChatModel, OnDelta
from ai_worker.conversation.outlook import Foresee, foretell
from ai_worker.conversation.owed import passed_on_too, quoted, while_blocked
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.phrases import Phrases, language_of, phrases
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.steps import compose, tell
from ai_worker.conversation.steps.call import call
from ai_worker.conversation.steps.decide import Verdict, asks_again, choices, decide, entry_is_better
from ai_worker.conversation.steps.live import OnDraft
from ai_worker.conversation.steps.look_up import Bars, Findings, Shelves, by_id, in_full, look_up, widened
from ai_worker.conversation.steps.reason import Reasoner
from ai_worker.conversation.steps.several import parts_of, together
from ai_worker.conversation.steps.understand import Understood, understand
from ai_worker.conversation.steps.verbs import Plan, plan
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.conversation.word import word_of
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.shelf import RecordShelf
from ai_worker.knowledge.retrieve import Meanings, Reader, Retriever
from ai_worker.learning.feedback import FeedbackStore, Rating
from ai_worker.skills.approval import ApprovalStore
from ai_worker.skills.skill import Skills
from ai_worker.skills.tool import Tool, Toolbox, ToolFailed, ToolRefused

CONSULT = Verdict("consult")
"""The course of a turn that has acted already: only the model that began it can end it."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """Who hears a turn while it is at work, and where it keeps what it does; `None` where nobody is."""

    on_delta: OnDelta | None
    on_draft: OnDraft | None
    notebook: Notebook | None
    everything_said: tuple[Utterance, ...]
    """The history with what other members of a group said, which the model is told, too."""


class TurnEngine:
    """Answers one message at a time, any number of conversations at once. It keeps nothing between turns."""

    def __init__(
        self,
        *,
        staff: Staff,
        retriever: Retriever,
        records: RecordShelf | None = None,
        toolbox: Toolbox | None,
        model: ChatModel | None,
        feedback: FeedbackStore | None,
        clock: Clock,
        thresholds: Thresholds,
        rules: Rules = NO_RULES,
        outlook: Foresee | None = None,
        meanings: Meanings | None = None,
        comfortable: Callable[[InboundMessage], int] = lambda _: 0,
        approvals: ApprovalStore | None = None,
        skills: Skills | None = None,
    ) -> None:
        """Put a turn together from what it needs.

        Args:
            staff: The workers.
            retriever: Finds passages.
            records: Has the records of tables; `None` where there are none.
            toolbox: The business systems' tools; `None` when there are none.
            model: The language model; `None` answers from approved knowledge alone.
            feedback: Keeps what contacts say of answers; `None` where nobody says any.
            clock: Times the steps, and tells the model the date.
            thresholds: The confidences from which knowledge is answered from and asked back.
            rules: What goes to a person whatever the worker knows.
            outlook: Says when a person will see to somebody who is handed over now; `None` where
                nobody knows.
            meanings: Embeds what is not sure by its words; `None` where no endpoint is configured.
            comfortable: Returns how many characters of an answer read well where a message came from; 0: any.
            approvals: Keeps what waits for a person's word; `None`: nobody is asked, and a person does it.
            skills: What the model can read how to deal with; without one they have no effect.
        """
        self._staff = staff
        self._retriever = retriever
        self._records = records
        self._toolbox = toolbox
        self._feedback = feedback
        self._thresholds = thresholds
        self._bars = thresholds.default
        self._approvals = Approvals(approvals, toolbox, clock=clock) if approvals and toolbox else None
        self._reasoner = (
            Reasoner(model, toolbox, bars=self._bars, clock=clock, approvals=self._approvals, skills=skills)
            if model
            else None
        )
        self._clock = clock
        self._rules, self._outlook = rules, outlook
        self._meanings = meanings
        self._comfortable = comfortable
        self._approved = self if model is None else self._without_model()
        """Answers each of several questions from approved knowledge, which a model need not be asked for."""

    def _without_model(self) -> "TurnEngine":
        return TurnEngine(
            staff=self._staff,
            retriever=self._retriever,
            records=self._records,
            toolbox=None,
            model=None,
            feedback=self._feedback,
            clock=self._clock,
            thresholds=self._thresholds,
            meanings=self._meanings,
        )

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: OnDraft | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        """Return what the worker decides and says.

        A model that fails does not make this raise: see `Reasoner`. `on_delta` hears the beginning
        of the final answer where it can be streamed safely: see `LiveText`. `on_draft` hears all that
        is written so far, and can take it back: see `LiveDraft`. What tools do to business systems is
        kept in `notebook`; without one, only tools that read are used.

        Raises:
            NoSuchWorker: `given.worker` is not on the staff.
        """
        trace = Trace(self._clock)
        talk = own_talk(given.history, given.message.contact.id) if given.message.group else given.history
        comfortable = given.comfortable or self._comfortable(given.message)
        pending = own(given.pending, given.message)
        mine = replace(given, pending=pending, history=talk, comfortable=comfortable)
        others_asked = offers_to_others(given.pending, given.message)
        on_delta = None if given.overtaken else on_delta  # it begins with words that no model says
        result = await self._turn(
            mine, trace, _Beside(on_delta, on_draft, notebook, given.history), others_asked=others_asked
        )
        result = replace(result, pending=still_open(result.pending, given.pending, given.message))
        if given.progress is not None and not result.tools:
            result = replace(result, tools=given.progress.all_uses)
        words = _words(given, self._staff.named(given.worker))
        result = quoted(passed_on_too(result, given, words), given, words)
        if result.decision == "handoff":
            result = await self._foretold(result, given)
        return replace(result, steps=trace.steps)

    async def _foretold(self, result: TurnResult, given: TurnInput) -> TurnResult:
        """Return a hand-off with its place in the queue, and with words that say when somebody will see to it."""
        first = self._rules.first_in_queue(given.message)
        if self._outlook is not None and result.reply is not None:
            ahead = await self._outlook(given.message, first)
            worker = self._staff.named(given.worker)
            told = foretell(_words(given, worker), ahead, now=self._clock.now())
            result = replace(result, reply=replace(result.reply, text=result.reply.text + told))
        return replace(result, first_in_queue=first)

    def holding(self, given: TurnInput) -> Reply:
        """Return the words that say the answer is on its way, in the asker's language."""
        worker = self._staff.named(given.worker)
        return Reply(_words(given, worker).say("holding"))

    async def _turn(self, given: TurnInput, trace: Trace, beside: _Beside, *, others_asked: bool) -> TurnResult:
        if given.human:
            return await self._beside_a_person(given, trace, beside)
        worker = self._staff.named(given.worker)
        with trace.step("understand") as note:
            heard = understand(
                given.message,
                history=given.history,
                pending=given.pending,
                default_language=worker.language,
                others_asked=others_asked,
            )
            note.detail = heard.kind
        if self._reasoner is not None and _model_knows_better(heard, given, worker):
            heard = replace(heard, kind="question")
        words = phrases(heard.language)
        word = word_of(heard.chosen)
        if word is not None and self._approvals is not None:
            return await self._approvals.hear(word, given, words, trace=trace, notebook=beside.notebook)
        if given.blocked:
            return while_blocked(given, words)
        if given.progress is None and (reason := self._rules.reason(given.message, heard)) is not None:
            return compose.handed_over(words, reason, confidence=1.0)
        several = None
        if heard.kind == "question" and given.progress is None and not heard.corrects:
            several = await self._approved._several(given, heard.text, worker, words, trace, beside)
            if several is not None and (self._reasoner is None or several.decision == "answer"):
                return several
        if heard.kind == "question" or given.progress is not None:
            result = await self._question(given, heard, worker, words, trace, beside)
            return several if several is not None and _says_less(result) else result
        if heard.chosen is not None:
            return await self._chosen(given, heard, heard.chosen, worker, words, trace, beside)
        if heard.kind == "rating":
            return await self._rating(given, heard, worker, words, trace, beside)
        return _fixed(heard, given, worker, words, self._clock.now())

    async def _beside_a_person(self, given: TurnInput, trace: Trace, beside: _Beside) -> TurnResult:
        """Say nothing while a person has the conversation, but what became of something that was to be done.

        Who was told that a colleague decides on it hears how, whoever answers them now; and who has given
        their own word hears the end of what was begun by it.
        """
        worker = self._staff.named(given.worker)
        words = _words(given, worker)
        heard = understand(
            given.message, history=given.history, pending=given.pending, default_language=worker.language
        )
        word = word_of(heard.chosen)
        begun = given.progress is not None or (word is not None and word.kind == "settled")
        if word is None or not begun or self._approvals is None:
            return TurnResult("silent", None)
        return await self._approvals.hear(word, given, words, trace=trace, notebook=beside.notebook)

    async def _chosen(
        self,
        given: TurnInput,
        heard: Understood,
        chosen: Choice,
        worker: Worker,
        words: Phrases,
        trace: Trace,
        beside: _Beside,
    ) -> TurnResult:
        with trace.step("retrieve") as note:
            label = chosen.label
            book = self._book(given, worker)
            if book and (told := tell.chosen(words, book, chosen, given.history)) is not None:
                return replace(told, question=label)
            found = by_id(self._shelves(given, worker), chosen.id, label)
            note.detail = "chosen" if found else "gone"
        if found is None:  # it was removed since; what it asked is still a question
            return await self._question(given, replace(heard, text=label), worker, words, trace, beside)
        approved = compose.approved(words, found, question=label, confidence=compose.CHOSEN)
        return replace(approved, question=label)

    async def _rating(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, trace: Trace, beside: _Beside
    ) -> TurnResult:
        rated = await self._rated(given, heard.text, words)
        if rated is not None:
            return rated
        if not given.history:
            return await self._question(given, heard, worker, words, trace, beside)
        said = hearing().mark(heard.text)  # of a question back, or of having been handed over
        heard = replace(heard, kind="misunderstood" if said == "down" else "acknowledged")
        return _fixed(heard, given, worker, words, self._clock.now())

    async def _found(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, tools: Sequence[Tool]
    ) -> Findings:
        """Search for a message; where nobody could say anything to it, for what a model makes of it."""
        shelves = self._shelves(given, worker)
        findings = await self._by_words_and_meaning(shelves, heard, given.history)
        reasoner = self._reasoner
        if reasoner is None or given.progress is not None or given.behind or findings.best >= self._bars.clarify_at:
            return findings
        if reasoner.has_to_go_by(worker, tools, findings):
            return findings
        whole = await reasoner.completed(heard.text, given.history, words)
        if not whole:
            return findings
        better = await self._by_words_and_meaning(shelves, replace(heard, text=whole, corrects=False), ())
        return replace(better, leans=True) if better.best > findings.best else findings

    async def _by_words_and_meaning(
        self, shelves: Shelves, heard: Understood, history: Sequence[Utterance]
    ) -> Findings:
        findings = look_up(shelves, heard.text, history, bars=self._bars, corrects=heard.corrects)
        if self._meanings is None or findings.best >= self._bars.answer_at:
            return findings
        vector = await self._meanings.of(heard.text)
        if vector is None:
            return findings
        near = replace(shelves, vector=vector)
        return look_up(near, heard.text, history, bars=self._bars, corrects=heard.corrects)

    def _shelves(self, given: TurnInput, worker: Worker) -> Shelves:
        return Shelves(self._retriever, tuple(worker.knowledge), Reader(given.message.contact.department))

    def _book(self, given: TurnInput, worker: Worker) -> RecordBook | None:
        if self._records is None:
            return None
        reader = Reader(given.message.contact.department)
        return self._records.records(bases=worker.knowledge, reader=reader) or None

    async def _rated(self, given: TurnInput, text: str, words: Phrases) -> TurnResult | None:
        """Keep what the contact says of the latest answer; `None` if there is no answer that it can mean."""
        mark, message = hearing().mark(text), given.message
        if self._feedback is None or mark is None:
            return None
        turn_id = await self._feedback.latest_answer(message.channel, message.conversation_key)
        if turn_id is None:
            return None
        await self._feedback.record(Rating(turn_id, mark, message.received_at, message.channel, message.contact.id))
        if mark == "down" and unhelpful_before(given.history):
            return compose.handed_over(words, Reason.UNHELPFUL, confidence=1.0)
        return TurnResult("answer", Reply(words.say("helped" if mark == "up" else "not_helped")), confidence=1.0)

    async def _several(
        self, given: TurnInput, text: str, worker: Worker, words: Phrases, trace: Trace, beside: _Beside
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
            result = await self._question(one, heard, worker, words, trace, beside)
            results.append(result)
            history = (*history, Utterance("user", question))
            if result.reply is not None:
                history = (*history, Utterance("assistant", result.reply.text, tainted=result.tainted))
        return together(words, parts, results)

    async def _question(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, trace: Trace, beside: _Beside
    ) -> TurnResult:
        text = heard.text
        tools = self._toolbox.tools(worker.connectors, asker=asker_of(given)) if self._toolbox else []
        if beside.notebook is None or given.message.by_machine:
            tools = [tool for tool in tools if not tool.acts]
        parts = parts_of(text) if self._reasoner is not None else None
        shelves, book = self._shelves(given, worker), self._book(given, worker)
        about = focus(book, text, given.history) if book and given.progress is None and parts is None else None
        with trace.step("retrieve") as note:
            # A record stands for what the message leans on.
            leaning = replace(given, history=()) if about is not None else given
            findings = await self._found(leaning, heard, worker, words, tools)
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
                replace(given, history=beside.everything_said),
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
                    compose.rephrase(words, times=_times(given))
                    if again
                    else compose.handed_over(words, Reason.UNCLEAR)
                )
        key, asker = f"{given.turn_id}:1", asker_of(given)
        called = await call(self._toolbox, planned.tool, planned.values, key=key, trace=trace, asker=asker)
        with trace.step("compose"):
            if called.failure is None:
                return compose.by_tool(words, planned, called)
            if not isinstance(called.failure, ToolRefused):
                return replace(compose.handed_over(words, Reason.FAILED), tools=(called.use,))
            if not asks_again(given.pending):
                return replace(compose.handed_over(words, Reason.UNCLEAR), tools=(called.use,))
            return compose.not_found(words, planned, called, times=_times(given))


def _says_less(result: TurnResult) -> bool:
    """Return whether what is approved of each question says more than a turn that a model was to answer.

    It does when the model failed, knows nothing, or offers to choose among what was all asked for.
    """
    if result.tools or (result.pending is not None and not result.pending.choices):
        return False
    return result.model is None or result.decision != "answer"


def _told(
    given: TurnInput, text: str, words: Phrases, findings: Findings, book: RecordBook, about: Focus, bars: Bars
) -> TurnResult | None:
    """Return what the records say of the message, unless an approved answer suits it better."""
    if entry_is_better(findings, about, bars=bars):
        return None
    return tell.tell(words, book, about, text=text, times=_times(given), may_ask=asks_again(given.pending))


def _model_knows_better(heard: Understood, given: TurnInput, worker: Worker) -> bool:
    """Return whether fixed words would cut off a model: it may chat, and may have asked for a number itself."""
    return (heard.kind == "no_such_choice" and given.pending is None) or (
        heard.kind == "chat" and worker.grounding == "open"
    )


def _words(given: TurnInput, worker: Worker) -> Phrases:
    return phrases(language_of(given.message.text, history=given.history, default=worker.language))


def _times(given: TurnInput) -> int:
    """Return which question back in a row the next one is."""
    return (given.pending.times if given.pending else 0) + 1


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


def _fixed(heard: Understood, given: TurnInput, worker: Worker, words: Phrases, now: datetime) -> TurnResult:
    """Answer what needs no knowledge."""
    match heard.kind:
        case "wordless" | "media":
            return compose.wordless(words, heard.kind, given.pending)
        case "person":
            return compose.handed_over(words, Reason.ASKED, confidence=1.0)
        case "complaint" | "anger":
            return compose.handed_over(words, Reason(heard.kind), confidence=1.0)
        case "none_of_these" | "no_such_choice" | "misunderstood":
            if not asks_again(given.pending):
                return compose.handed_over(words, Reason.UNCLEAR)
            if heard.kind == "no_such_choice" and given.pending is not None:
                return compose.which_of(words, given.pending.choices, times=_times(given))
            return compose.rephrase(words, times=_times(given))
        case "date":
            return replace(compose.date(words, now.astimezone(ZoneInfo(worker.time_zone))), pending=given.pending)
        case kind:
            return replace(compose.fixed(words, kind, name=worker.display_name), pending=given.pending)


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
        return compose.ask_slot(planned, times=1 if planned.gained else _times(given))
    if verdict.course == "clarify":
        return compose.which(words, choices(findings, bars), times=_times(given))
    return compose.handed_over(words, verdict.reason or Reason.UNKNOWN, confidence=findings.best)
