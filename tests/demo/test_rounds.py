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
from ai_worker.demo.exchange import Exchange
from ai_worker.demo.outcome import Outcome
from ai_worker.demo.phones import HELPFUL, Bubble
from ai_worker.demo.rounds import opening
from ai_worker.knowledge.citation import Citation

CHOICES = (Choice("annual-leave-apply", "怎么请年假"), Choice("sick-leave-apply", "怎么请病假"))
ASKED_BACK = "您想问的是：\n1. 怎么请年假\n2. 怎么请病假"
ORDER = "订单 ORD12345 已发货。"
BUTTONS = tuple(choice.label for choice in CHOICES)


def cited(title: str) -> tuple[Citation, ...]:
    return (Citation(f"{title}.md#7", f"{title}.md", f"{title} §3.2", "…", 0.9),)


GOOD = {
    "knowledge": TurnResult(
        "answer", Reply("最迟 5 天到账。"), citations=(Citation("售后政策.md#7", "售后政策.md", "退款 §3.2", "…", 0.9),)
    ),
    "order": TurnResult("answer", Reply(ORDER), tools=(ToolUse("erp.get_order", {}, True, "ERP", 2.0),)),
    "clarify": TurnResult("clarify", Reply(ASKED_BACK, CHOICES)),
    "choice": TurnResult("answer", Reply("在 OA 里点「加班申请」"), answer_id="sick-leave-apply"),
    "unknown": TurnResult("handoff", Reply("已请同事来看。"), reason=Reason.UNKNOWN),
    "duplicate": TurnResult("answer", Reply("满 199 元免运费。"), answer_id="delivery-fee"),
    "feishu.knowledge": TurnResult("answer", Reply("3 个月。"), citations=cited("员工手册")),
    "dingtalk.knowledge": TurnResult("answer", Reply("最后一批入库后。"), citations=cited("到货流程")),
    "feishu.group": TurnResult("answer", Reply("点「开发票」。")),
    "dingtalk.group": TurnResult("answer", Reply("打开后盖。")),
    "feishu.clarify": TurnResult("clarify", Reply(ASKED_BACK, CHOICES)),
    "dingtalk.clarify": TurnResult("clarify", Reply(ASKED_BACK, CHOICES)),
    "feishu.choice": TurnResult("answer", Reply("选「病假」"), answer_id="sick-leave-apply"),
    "dingtalk.choice": TurnResult("answer", Reply("选「年假」"), answer_id="annual-leave-apply"),
}
NOW = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)


class Scripted:
    """A line that answers as it is told; `spoil` changes what one step gives."""

    def __init__(self, step: str = "", spoil: Callable[[Exchange], Exchange] = lambda exchange: exchange) -> None:
        self._step, self._spoil = step, spoil
        self.asked: list[tuple[str, str, int]] = []

    async def ask(
        self, question: Question, *, name: str = "sample", deliveries: int = 1, group: bool = False
    ) -> Exchange:
        """Give the step's answer."""
        self.asked.append((question.person.name, question.text, deliveries))
        result = GOOD[name]
        assert result.reply is not None
        text = f"@{question.person.name} {result.reply.text}" if group else result.reply.text
        buttons = () if question.person.platform == "wecom" else BUTTONS if result.reply.choices else (HELPFUL,)
        exchange = Exchange(name, question, NOW, 0.05, text, result, 1, deliveries - 1, group=group)
        return self._given(replace(exchange, bubble=Bubble(text, buttons)))

    async def press(self, offered: Exchange, number: int, *, name: str) -> Exchange:
        """Give the choice's answer."""
        question = Question(offered.question.person, CHOICES[number - 1].label)
        result = GOOD[name]
        assert result.reply is not None
        pressed = Exchange(name, question, NOW, 0.05, result.reply.text, result, 1, act="pressed", by_button=True)
        return self._given(pressed)

    async def rate(self, answered: Exchange, *, name: str) -> Exchange:
        """Say thanks."""
        by_button = answered.platform != "wecom"
        question = Question(answered.question.person, HELPFUL)
        rated = Exchange(name, question, NOW, 0.05, "谢谢", act="rated", by_button=by_button, stored=True)
        return self._given(rated)

    async def overhear(self, question: Question, *, name: str) -> Exchange:
        """Say nothing."""
        return self._given(Exchange(name, question, NOW, 0.0, act="overheard", group=True))

    async def forge(self, question: Question, *, name: str) -> Exchange:
        """Refuse."""
        return self._given(Exchange(name, question, NOW, 0.0, act="forged", status=403))

    def _given(self, exchange: Exchange) -> Exchange:
        return self._spoil(exchange) if exchange.name == self._step else exchange


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
    assert {*GOOD} <= {step["name"] for step in summary["steps"]}
    assert summary["messages"] == {"sent": 14, "answered": 14, "duplicates_ignored": 3}
    assert summary["mean_seconds"] == pytest.approx(0.05)
    assert len([text for _, text, deliveries in line.asked if deliveries == 2]) == 3
    assert [summary["platforms"][platform]["ok"] for platform in ("wecom", "feishu", "dingtalk")] == [True] * 3
    assert summary["platforms"]["feishu"]["chosen_by"] == ["button"]


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
        ("helpful", said(stored=False), "the rating is not stored"),
        ("forged", said(status=200), "answered with status 200"),
        ("feishu.knowledge", result(citations=()), "does not rest on 员工手册"),
        ("feishu.knowledge", said(replies=2), "2 replies came"),
        ("feishu.helpful", said(replies=1), "thanks came as a message of its own"),
        ("feishu.clarify", said(bubble=Bubble(ASKED_BACK)), "there is no button 怎么请年假"),
        ("feishu.choice", result(answer_id="annual-leave-apply"), "was answered, not sick-leave-apply"),
        ("feishu.group", said(reply="点「开发票」。"), "does not mention 高翔"),
        ("dingtalk.overheard", said(replies=1), "1 replies came to what was not for the worker"),
        ("dingtalk.forged", said(problem="the message was received"), "the message was received"),
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


async def test_a_broken_rule_of_a_platform_fails_the_round_and_names_the_platform() -> None:
    outcome = await play(Scripted())
    outcome.violations = {"dingtalk": ["two updates of one card at once"]}

    summary = outcome.public()
    assert summary["ok"] is False
    assert summary["platforms"]["dingtalk"]["violations"] == ["two updates of one card at once"]
    assert [summary["platforms"][platform]["ok"] for platform in ("wecom", "feishu", "dingtalk")] == [True, True, False]


async def test_a_round_that_was_not_played_to_its_end_is_not_ok() -> None:
    outcome = await play(Scripted())
    outcome.complete = False

    assert outcome.public()["ok"] is False
