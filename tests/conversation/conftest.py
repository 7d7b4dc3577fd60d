"""A small office supplier: its worker, its knowledge with set confidences, its order system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.handoff_rules import Rules
from ai_worker.conversation.message import Contact, InboundMessage, Part, Utterance
from ai_worker.conversation.model import ChatModel, OnDelta
from ai_worker.conversation.outlook import Foresee
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import PendingQuestion, TurnInput, TurnResult
from ai_worker.foundation.clock import Clock, FixedClock
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.learning.feedback import FeedbackStore
from ai_worker.skills.approval import ApprovalStore
from ai_worker.skills.skill import Skills
from ai_worker.skills.tool import Asker, Risk, Slot, Tool, Toolbox, ToolFailed, ToolRefused, ToolResult, Verb

ANSWER_AT, CLARIFY_AT = 0.8, 0.4
TURN = "t-1"


def entry(id_: str, question: str, answer: str) -> Passage:
    return Passage(id_, "公司", "常见问题.csv", "entry", question, answer)


RETURNS = entry("return-howto", "怎么退货", "收到货 7 天内，在「我的订单」里点「申请售后」。")
EXCHANGE = entry("exchange-howto", "怎么换货", "收到货 15 天内出现质量问题可以换新。")
FREIGHT = entry("return-freight", "退货运费谁出", "质量问题由我们承担，无理由退货由您承担。")
CANCEL = entry("cancel-order", "怎么取消订单", "没有发货的，在「我的订单」里点「取消订单」。")
REFUND = Passage(
    "售后政策.md#7", "公司", "售后政策.md", "passage", "售后政策 › 退款到账时限",
    "质检通过后 2 个工作日内发起退款，信用卡最迟 5 天到账。退款进度见 https://help.example/refund 。", locator="§3.2",
)  # fmt: skip


class Shelf:
    """Finds exactly what it was told to, with the confidence it was told."""

    def __init__(self, found: Mapping[str, Sequence[tuple[Passage, float]]]) -> None:
        self._found = found
        self.searched: list[str] = []

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        self.searched.append(question)
        return [Scored(passage, score) for passage, score in self._found.get(question, ())][:limit]


class Everything(Shelf):
    """Finds the same for every question."""

    def __init__(self, found: Sequence[tuple[Passage, float]]) -> None:
        super().__init__({})
        self._always = found

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        self.searched.append(question)
        return [Scored(passage, score) for passage, score in self._always][:limit]


STATUS = Verb(
    "order.status",
    triggers=("订单", "到哪", "物流", "发货", "什么时候到"),
    slots=(Slot("order_id", r"ORD\d{5}", "请告诉我订单号（ORD 开头）。"),),
    template="订单 {id} {status}，预计 {eta} 送达。",
)


def tool(name: str, *, risk: Risk = "read", verb: Verb | None = None) -> Tool:
    schema = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
    return Tool(name, "erp", "查订单" if risk == "read" else "取消订单", schema, risk, verb)


class Erp:
    """The order system: one order, one tool that reads and one that writes."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, Any], str]] = []
        self.down = False

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take any arguments."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        return [tool("erp.get_order", verb=STATUS), tool("erp.cancel_order", risk="write-reversible")]

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        self.called.append((name, dict(arguments), idempotency_key))
        if self.down:
            raise ToolFailed("erp: the system cannot be reached")
        if arguments["order_id"] != "ORD12345":
            raise ToolRefused("erp: no such order")
        return ToolResult({"id": "ORD12345", "status": "已发货", "eta": "11 月 24 日"}, "ERP GET /orders/ORD12345")


LIN = Contact("lin", "林晓燕")


@dataclass
class Office:
    """Everything a turn needs, and the conversation so far."""

    shelf: Shelf = field(default_factory=lambda: Shelf({}))
    erp: Toolbox | None = None
    model: ChatModel | None = None
    grounding: Literal["strict", "open"] = "strict"
    history: list[Utterance] = field(default_factory=list)
    pending: PendingQuestion | None = None
    feedback: FeedbackStore | None = None
    clock: Clock = field(default_factory=FixedClock)
    rules: Rules | None = None
    outlook: Foresee | None = None
    approvals: ApprovalStore | None = None
    skills: Skills | None = None

    @property
    def engine(self) -> TurnEngine:
        worker = Worker("xiaozhi", "小智", persona="说话简短。", grounding=self.grounding)
        return TurnEngine(
            staff=Staff([worker]),
            retriever=self.shelf,
            toolbox=self.erp,
            model=self.model,
            feedback=self.feedback,
            clock=self.clock,
            rules=self.rules,
            outlook=self.outlook,
            thresholds=Thresholds(Bars(ANSWER_AT, CLARIFY_AT)),
            approvals=self.approvals,
            skills=self.skills,
        )

    def given(
        self,
        text: str,
        *,
        parts: tuple[Part, ...] = (),
        chosen: str = "",
        who: Contact = LIN,
        turn_id: str = TURN,
        channel: str = "service-desk",
        by_machine: bool = False,
        **more: Any,
    ) -> TurnInput:
        message = InboundMessage(
            channel, "m-1", "lin", who, text, self.clock.now(), parts=parts, chosen=chosen, by_machine=by_machine
        )
        return TurnInput(turn_id, message, tuple(self.history), "xiaozhi", pending=self.pending, **more)

    async def say(
        self,
        text: str,
        *,
        on_delta: OnDelta | None = None,
        on_draft: OnDelta | None = None,
        notebook: Notebook | None = None,
        **more: Any,
    ) -> TurnResult:
        """Say something, and remember both sides as the pipeline does."""
        result = await self.engine.run(
            self.given(text, **more), on_delta=on_delta, on_draft=on_draft, notebook=notebook
        )
        self.history.append(Utterance("user", text))
        if result.reply is not None:
            self.history.append(Utterance("assistant", result.reply.text, tainted=result.tainted))
        self.pending = result.pending
        return result


def words(result: TurnResult) -> str:
    assert result.reply is not None
    return result.reply.text


@pytest.fixture
def office() -> Office:
    """An office with knowledge and orders, and no model."""
    found: dict[str, list[tuple[Passage, float]]] = {
        "怎么退货": [(RETURNS, 0.99)],
        "怎么申请？": [(RETURNS, 0.6), (EXCHANGE, 0.55), (FREIGHT, 0.5), (CANCEL, 0.45)],
        "怎么退货 那运费谁出": [(RETURNS, 0.9), (FREIGHT, 0.85)],
        "怎么换货": [(EXCHANGE, 0.99)],
        "退货运费谁出": [(FREIGHT, 0.99)],
        "退款多久到账？": [(REFUND, 0.9)],
        "订单怎么取消": [(CANCEL, 0.92)],
        "订单 ORD12345 怎么取消": [(CANCEL, 0.85)],
    }
    return Office(Shelf(found), Erp())
