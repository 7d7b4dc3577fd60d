"""The turn: understand, retrieve, decide, act, compose, guard.

This file is the order of things; each step is a few plain functions in `steps/`. A turn knows
nothing of HTTP, SQL or vendors: what it needs from outside comes through ports.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from ai_worker.conversation.answerer import Answerer, Beside, times
from ai_worker.conversation.approving import Approvals
from ai_worker.conversation.asked import offers_to_others, own, still_open
from ai_worker.conversation.finder import Finder
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_rules import Rules, unhelpful_before
from ai_worker.conversation.hearing import hearing
from ai_worker.conversation.history import own_talk
from ai_worker.conversation.message import Choice, InboundMessage, Reply
from ai_worker.conversation.model import ChatModel, OnDelta
from ai_worker.conversation.outlook import Foresee, foretell
from ai_worker.conversation.owed import passed_on_too, quoted, while_blocked
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.phrases import Phrases, language_of, phrases
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.steps import compose, tell
from ai_worker.conversation.steps.decide import asks_again
from ai_worker.conversation.steps.live import OnDraft
from ai_worker.conversation.steps.look_up import by_id
from ai_worker.conversation.steps.reason import Reasoner
from ai_worker.conversation.steps.understand import Understood, understand
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.conversation.word import word_of
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.records.shelf import RecordShelf
from ai_worker.knowledge.retrieve import Meanings, Retriever
from ai_worker.learning.feedback import FeedbackStore, Rating
from ai_worker.skills.approval import ApprovalStore
from ai_worker.skills.skill import Skills
from ai_worker.skills.tool import Toolbox


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
        rules: Rules | None = None,
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
            rules: What goes to a person whatever the worker knows; `None`: nothing does.
            outlook: Says when a person will see to somebody who is handed over now; `None` where
                nobody knows.
            meanings: Embeds what is not sure by its words; `None` where no endpoint is configured.
            comfortable: Returns how many characters of an answer read well where a message came from; 0: any.
            approvals: Keeps what waits for a person's word; `None`: nobody is asked, and a person does it.
            skills: What the model can read how to deal with; without one they have no effect.
        """
        self._staff = staff
        self._feedback = feedback
        self._clock = clock
        self._rules, self._outlook = rules or Rules(), outlook
        self._comfortable = comfortable
        bars = thresholds.default
        self._approvals = Approvals(approvals, toolbox, clock=clock) if approvals and toolbox else None
        self._reasoner = (
            Reasoner(model, toolbox, bars=bars, clock=clock, approvals=self._approvals, skills=skills)
            if model
            else None
        )
        self._finder = Finder(retriever, records=records, meanings=meanings, reasoner=self._reasoner, bars=bars)
        self._answerer = Answerer(
            self._finder,
            toolbox=toolbox,
            approvals=self._approvals,
            reasoner=self._reasoner,
            thresholds=thresholds,
            clock=clock,
        )
        self._approved = self._answerer
        """Answers each of several questions from approved knowledge, which a model need not be asked for."""

        if model is not None:
            words = Finder(retriever, records=records, meanings=meanings, reasoner=None, bars=bars)
            self._approved = Answerer(
                words, toolbox=None, approvals=None, reasoner=None, thresholds=thresholds, clock=clock
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
            mine, trace, Beside(on_delta, on_draft, notebook, given.history), others_asked=others_asked
        )
        if given.message.group:
            result = replace(result, pending=still_open(result.pending, given.pending, given.message))
        if given.progress is not None and not result.tools:
            result = replace(result, tools=given.progress.all_uses)
        if given.behind or given.overtaken:
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

    async def _turn(self, given: TurnInput, trace: Trace, beside: Beside, *, others_asked: bool) -> TurnResult:
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
            several = await self._approved.several(given, heard.text, worker, words, trace, beside)
            if several is not None and (self._reasoner is None or several.decision == "answer"):
                return several
        if heard.kind == "question" or given.progress is not None:
            result = await self._answerer.question(given, heard, worker, words, trace, beside)
            return several if several is not None and _says_less(result) else result
        if heard.chosen is not None:
            return await self._chosen(given, heard, heard.chosen, worker, words, trace, beside)
        if heard.kind == "rating":
            return await self._rating(given, heard, worker, words, trace, beside)
        return _fixed(heard, given, worker, words, self._clock.now())

    async def _beside_a_person(self, given: TurnInput, trace: Trace, beside: Beside) -> TurnResult:
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
        beside: Beside,
    ) -> TurnResult:
        with trace.step("retrieve") as note:
            label = chosen.label
            book = self._finder.book(given, worker)
            if book and (told := tell.chosen(words, book, chosen, given.history)) is not None:
                return replace(told, question=label)
            found = by_id(self._finder.shelves(given, worker), chosen.id, label)
            note.detail = "chosen" if found else "gone"
        if found is None:  # it was removed since; what it asked is still a question
            return await self._answerer.question(given, replace(heard, text=label), worker, words, trace, beside)
        approved = compose.approved(words, found, question=label, confidence=compose.CHOSEN)
        return replace(approved, question=label)

    async def _rating(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, trace: Trace, beside: Beside
    ) -> TurnResult:
        rated = await self._rated(given, heard.text, words)
        if rated is not None:
            return rated
        if not given.history:
            return await self._answerer.question(given, heard, worker, words, trace, beside)
        said = hearing().mark(heard.text)  # of a question back, or of having been handed over
        heard = replace(heard, kind="misunderstood" if said == "down" else "acknowledged")
        return _fixed(heard, given, worker, words, self._clock.now())

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


def _says_less(result: TurnResult) -> bool:
    """Return whether what is approved of each question says more than a turn that a model was to answer.

    It does when the model failed, knows nothing, or offers to choose among what was all asked for.
    """
    if result.tools or (result.pending is not None and not result.pending.choices):
        return False
    return result.model is None or result.decision != "answer"


def _model_knows_better(heard: Understood, given: TurnInput, worker: Worker) -> bool:
    """Return whether fixed words would cut off a model: it may chat, and may have asked for a number itself."""
    return (heard.kind == "no_such_choice" and given.pending is None) or (
        heard.kind == "chat" and worker.grounding == "open"
    )


def _words(given: TurnInput, worker: Worker) -> Phrases:
    return phrases(language_of(given.message.text, history=given.history, default=worker.language))


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
            if heard.kind == "no_such_choice":
                offered = given.pending.choices if given.pending else ()
                if not offered:
                    return compose.nothing_offered(words, times=times(given))
                return compose.which_of(words, offered, times=times(given))
            return compose.rephrase(words, times=times(given))
        case "date":
            return replace(compose.date(words, now.astimezone(ZoneInfo(worker.time_zone))), pending=given.pending)
        case kind:
            return replace(compose.fixed(words, kind, name=worker.display_name), pending=given.pending)
