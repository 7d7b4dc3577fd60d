"""The opening round judges: each promise that is not kept is named."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Reply
from ai_worker.conversation.progress import ToolUse
from ai_worker.conversation.turn import TurnResult
from ai_worker.demo.company import Question
from ai_worker.demo.outcome import Outcome
from ai_worker.demo.rounds import Exchange, opening
from ai_worker.knowledge.citation import Citation

CHOICES = (Choice("annual-leave-apply", "怎么请年假"), Choice("sick-leave-apply", "怎么请病假"))
ASKED_BACK = "您想问的是：\n1. 怎么请年假\n2. 怎么请病假"
ORDER = "订单 ORD12345 已发货。"

GOOD = {
    "knowledge": TurnResult(
        "answer", Reply("最迟 5 天到账。"), citations=(Citation("售后政策.md#7", "售后政策.md", "退款 §3.2", "…", 0.9),)
    ),
    "order": TurnResult("answer", Reply(ORDER), tools=(ToolUse("erp.get_order", {}, True, "ERP", 2.0),)),
    "clarify": TurnResult("clarify", Reply(ASKED_BACK, CHOICES)),
    "choice": TurnResult("answer", Reply("在 OA 里点「加班申请」"), answer_id="sick-leave-apply"),
    "unknown": TurnResult("handoff", Reply("已请同事来看。"), reason=Reason.UNKNOWN),
    "duplicate": TurnResult("answer", Reply("满 199 元免运费。"), answer_id="delivery-fee"),
}


class Scripted:
    """A line that answers as it is told; `spoil` changes what one step gives."""

    def __init__(self, step: str = "", spoil: Callable[[Exchange], Exchange] = lambda exchange: exchange) -> None:
        self._step, self._spoil = step, spoil
        self.asked: list[tuple[str, str, int]] = []

    async def ask(self, question: Question, *, name: str = "sample", deliveries: int = 1) -> Exchange:
        """Give the step's answer."""
        self.asked.append((question.person.name, question.text, deliveries))
        result = GOOD[name]
        assert result.reply is not None
        now = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)
        exchange = Exchange(name, question, now, 0.05, result.reply.text, result, 1, deliveries - 1)
        return self._spoil(exchange) if name == self._step else exchange


async def play(line: Scripted) -> Outcome:
    outcome = Outcome()
    async for exchange in opening(line):
        outcome.exchanges.append(exchange)
        outcome.tally.add(exchange)
    outcome.complete = True
    return outcome


async def test_a_round_in_which_every_promise_is_kept_is_ok() -> None:
    line = Scripted()
    outcome = await play(line)

    summary = outcome.public()
    assert summary["ok"] is True
    assert [step["name"] for step in summary["steps"]] == list(GOOD)
    assert summary["messages"] == {"sent": 6, "answered": 6, "duplicates_ignored": 1}
    assert summary["mean_seconds"] == 0.05
    assert [text for _, text, deliveries in line.asked if deliveries == 2] == ["满多少免运费？"]


def result(**changes: object) -> Callable[[Exchange], Exchange]:
    def spoil(exchange: Exchange) -> Exchange:
        assert exchange.result is not None
        return replace(exchange, result=replace(exchange.result, **changes))  # type: ignore[arg-type]

    return spoil


def said(**changes: object) -> Callable[[Exchange], Exchange]:
    return lambda exchange: replace(exchange, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "spoil", "words"),
    [
        ("knowledge", result(citations=()), "does not rest on 售后政策"),
        ("knowledge", result(decision="handoff"), "handoff, not answer"),
        ("knowledge", said(problem="no reply within 10 s"), "no reply within 10 s"),
        ("knowledge", said(result=None), "without a finished turn"),
        ("order", result(tools=()), "did not come from erp.get_order"),
        ("order", said(reply="订单 ORD12345 不存在"), "does not say 已发货"),
        ("clarify", result(reply=Reply(ASKED_BACK)), "0 choices were offered"),
        ("clarify", said(reply="您想问什么？"), "does not show the choice 怎么请年假"),
        ("choice", result(answer_id="annual-leave-apply"), "leave-apply was answered, not sick-leave-apply"),
        ("unknown", result(decision="answer"), "answer, not handoff"),
        ("duplicate", said(replies=2), "2 replies came"),
        ("duplicate", said(duplicates_ignored=0), "0 duplicates were recognised"),
    ],
)
async def test_a_promise_that_is_not_kept_fails_its_step_by_name(
    step: str, spoil: Callable[[Exchange], Exchange], words: str
) -> None:
    outcome = await play(Scripted(step, spoil))

    assert not outcome.ok
    failed: Sequence[str] = outcome.public()["failed"]
    assert step in failed
    assert words in next(exchange.problem for exchange in outcome.exchanges if exchange.name == step)


async def test_a_round_that_was_not_played_to_its_end_is_not_ok() -> None:
    outcome = await play(Scripted())
    outcome.complete = False

    assert outcome.public()["ok"] is False
