"""What is said to the worker in the demo, and how we know that it was answered as it should be."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ai_worker.conversation.turn import TurnResult
from ai_worker.demo.company import CHANNEL, CHEN, LIN, WANG, ZHOU, Question
from ai_worker.demo.wecom import Said, SimulatedWecom
from ai_worker.demo.wecom_api import Shown
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import DuplicateReceived, TurnCompleted

PATIENCE_S = 10.0
SETTLE_S = 0.3
"""How long a second reply to a duplicate is waited for before we believe that there is none."""

KNOWLEDGE = Question(LIN, "退货质检通过了，退款多久到账？")
ORDER = Question(ZHOU, "订单 ORD12345 到哪了？")
UNCLEAR = Question(CHEN, "怎么请假？")
SECOND = Question(CHEN, "2")
UNKNOWN = Question(WANG, "火星上的氧气浓度是多少？")
REPEATED = Question(LIN, "满多少免运费？")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what came back through the channel."""

    name: str
    """The step of the round: `knowledge`, `order` …; `sample` outside it."""

    question: Question
    asked_at: datetime
    seconds: float
    """From the first delivery of the question to the reply being shown to the member."""

    reply: str = ""
    result: TurnResult | None = None
    replies: int = 0
    duplicates_ignored: int = 0
    problem: str = ""
    """What was not as it should be; empty when all was well."""

    @property
    def ok(self) -> bool:
        """Whether all was well."""
        return not self.problem

    @property
    def tools(self) -> list[str]:
        """The tools that the turn called, by name."""
        return [use.name for use in self.result.tools] if self.result else []

    def public(self) -> dict[str, Any]:
        """Return the exchange as `--json` prints it."""
        result = self.result
        return {
            "name": self.name,
            "ok": self.ok,
            "channel": CHANNEL,
            "contact": self.question.person.name,
            "question": self.question.text,
            "reply": self.reply,
            "decision": result.decision if result else None,
            "answer_id": result.answer_id if result else None,
            "citations": [
                {"document": cited.document, "title": cited.title, "quote": cited.quote}
                for cited in (result.citations if result else ())
            ],
            "tools": self.tools,
            "choices": [choice.label for choice in result.reply.choices] if result and result.reply else [],
            "replies": self.replies,
            "duplicates_ignored": self.duplicates_ignored,
            "seconds": round(self.seconds, 3),
            "problem": self.problem,
        }


class Line:
    """The line to the worker: speaks through the simulated platform, and hears the service's facts.

    Questions go one after another, so the last finished turn is the one that was just answered.
    """

    def __init__(self, platform: SimulatedWecom, *, events: EventBus, clock: Clock) -> None:
        self._platform = platform
        self._clock = clock
        self._last: TurnResult | None = None
        self._silence = asyncio.Event()
        self._duplicates = 0
        events.subscribe(TurnCompleted, self._completed)
        events.subscribe(DuplicateReceived, self._repeated)

    def _completed(self, fact: TurnCompleted) -> None:
        if fact.channel == CHANNEL:
            self._last = fact.result
            if fact.result.decision == "silent":
                self._silence.set()

    def _repeated(self, fact: DuplicateReceived) -> None:
        self._duplicates += fact.channel == CHANNEL

    async def ask(self, question: Question, *, name: str = "sample", deliveries: int = 1) -> Exchange:
        """Ask and wait for the reply; the message is delivered `deliveries` times, each signed anew.

        A turn that is silent on purpose (a person has taken over in the console) ends the wait too.
        """
        user, before, self._last = question.person.id, self._duplicates, None
        asked = Exchange(name, question, self._clock.now(), seconds=0.0)
        self._silence.clear()
        began = self._clock.monotonic()
        said = await self._platform.say(user, question.text)
        try:
            (shown, seconds), repeated = await asyncio.gather(
                self._reply(said, began), self._repeat(said, question.text, deliveries - 1)
            )
        except TimeoutError:
            return replace(asked, problem=f"no reply within {PATIENCE_S:g} s")
        if not (said.acknowledged and repeated):
            return replace(asked, problem="the callback was not acknowledged")
        return replace(
            asked,
            seconds=seconds,
            reply=shown.text if shown else "",
            result=self._last,
            replies=len(self._platform.shown_to(user, after=said)),
            duplicates_ignored=self._duplicates - before,
        )

    async def _reply(self, said: Said, began: float) -> tuple[Shown | None, float]:
        """Return the first reply, and how many seconds after `began` it came; `None` for a silent turn.

        Raises:
            TimeoutError: Neither came.
        """
        reply = asyncio.create_task(self._platform.reply_to(said.user, after=said, timeout=PATIENCE_S))
        silence = asyncio.create_task(self._silence.wait())
        try:
            await asyncio.wait({reply, silence}, return_when=asyncio.FIRST_COMPLETED)
            shown = await reply if reply.done() else None
            return shown, self._clock.monotonic() - began
        finally:
            reply.cancel()
            silence.cancel()

    async def _repeat(self, said: Said, text: str, times: int) -> bool:
        """Deliver a message again, and give a second reply time to come; return whether all was acknowledged."""
        repeats = [await self._platform.say(said.user, text, msg_id=said.msg_id) for _ in range(times)]
        if repeats:
            await asyncio.sleep(SETTLE_S)
        return all(repeat.acknowledged for repeat in repeats)


Judge = Callable[[Exchange, TurnResult], str]
"""Returns what is wrong with an exchange; empty when it is as it should be."""


class Asks(Protocol):
    """What the round needs of a line."""

    async def ask(self, question: Question, *, name: str = "sample", deliveries: int = 1) -> Exchange:
        """Ask and wait for the reply."""
        ...


async def opening(line: Asks) -> AsyncIterator[Exchange]:
    """Play the scripted round: every promise of the demo once, each exchange judged."""
    yield _judged(await line.ask(KNOWLEDGE, name="knowledge"), _cites("售后政策"))
    yield _judged(await line.ask(ORDER, name="order"), _told_by("erp.get_order", "已发货"))
    unclear = await line.ask(UNCLEAR, name="clarify")
    yield _judged(unclear, _offers_choices)
    yield _judged(await line.ask(SECOND, name="choice"), _answers_choice(unclear, 2))
    yield _judged(await line.ask(UNKNOWN, name="unknown"), _hands_over)
    yield _judged(await line.ask(REPEATED, name="duplicate", deliveries=2), _answered_once)


def _judged(exchange: Exchange, judge: Judge) -> Exchange:
    if exchange.problem:
        return exchange
    if exchange.result is None:
        return replace(exchange, problem="a reply came without a finished turn")
    return replace(exchange, problem=judge(exchange, exchange.result))


def _decided(result: TurnResult, decision: str) -> str:
    return "" if result.decision == decision else f"the decision was {result.decision}, not {decision}"


def _cites(title: str) -> Judge:
    def judge(exchange: Exchange, result: TurnResult) -> str:
        if wrong := _decided(result, "answer"):
            return wrong
        cited = any(title in f"{citation.document} {citation.title}" for citation in result.citations)
        return "" if cited else f"the answer does not rest on {title}"

    return judge


def _told_by(tool: str, words: str) -> Judge:
    def judge(exchange: Exchange, result: TurnResult) -> str:
        if wrong := _decided(result, "answer"):
            return wrong
        if not any(use.name == tool and use.ok for use in result.tools):
            return f"the answer did not come from {tool}"
        return "" if words in exchange.reply else f"the reply does not say {words}"

    return judge


def _offers_choices(exchange: Exchange, result: TurnResult) -> str:
    if wrong := _decided(result, "clarify"):
        return wrong
    choices = result.reply.choices if result.reply else ()
    if not 2 <= len(choices) <= 3:
        return f"{len(choices)} choices were offered"
    unseen = [choice.label for choice in choices if choice.label not in exchange.reply]
    return f"the reply does not show the choice {unseen[0]}" if unseen else ""


def _answers_choice(unclear: Exchange, number: int) -> Judge:
    def judge(exchange: Exchange, result: TurnResult) -> str:
        choices = unclear.result.reply.choices if unclear.result and unclear.result.reply else ()
        if len(choices) < number:
            return "nothing was offered to choose from"
        if wrong := _decided(result, "answer"):
            return wrong
        chosen = choices[number - 1].id
        return "" if result.answer_id == chosen else f"{result.answer_id} was answered, not {chosen}"

    return judge


def _hands_over(exchange: Exchange, result: TurnResult) -> str:
    return _decided(result, "handoff")


def _answered_once(exchange: Exchange, result: TurnResult) -> str:
    if exchange.replies != 1:
        return f"{exchange.replies} replies came"
    return "" if exchange.duplicates_ignored == 1 else f"{exchange.duplicates_ignored} duplicates were recognised"
