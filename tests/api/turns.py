"""Turns that do as they are told, so that a test decides what the worker says and when."""

import asyncio

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import Candidate, TurnInput, TurnResult
from ai_worker.knowledge.citation import Citation

REFUND = Citation("faq-7", "售后政策.md", "售后政策 §3.2", "退款自签收之日起 2 个工作日内原路退回。", 0.93)


class ToldTurns:
    """Answers a question by its first word."""

    def __init__(self) -> None:
        self.seen: list[TurnInput] = []
        self.gate = asyncio.Event()
        """Opened by the test: until then, a question that begins with `等` is being thought about."""

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: OnDelta | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        self.seen.append(given)
        text = given.message.text
        if text.startswith("等"):
            await self.gate.wait()
        if text.startswith("坏"):
            raise RuntimeError("defect on purpose")
        if text.startswith("稍候") and not self.gate.is_set():
            return TurnResult("handoff", Reply("正在查，查到马上告诉你。"), hold=True)
        if text.startswith("评"):
            return TurnResult("answer", Reply("收货后 7 天内可以退。", rateable=True), confidence=0.9)
        if text.startswith("静"):
            return TurnResult("silent", None)
        if text.startswith("打印机"):
            choices = (Choice("faq-1", "打印机卡纸"), Choice("faq-2", "打印机离线"))
            return TurnResult("clarify", Reply("你想问哪一个？\n1. 打印机卡纸\n2. 打印机离线", choices), confidence=0.5)
        if text.startswith("人工"):
            return TurnResult("handoff", Reply("已请同事接手。"), reason=Reason.ASKED)
        if on_delta is not None and text.startswith("流"):
            for piece in ("退款", "已经", "**原路**退回。"):
                on_delta(piece)
                await asyncio.sleep(0)
            return TurnResult("answer", Reply("退款已经**原路**退回。"), confidence=0.9, model="scripted", tokens=7)
        return TurnResult(
            "answer",
            Reply(f"你说：{text}"),
            confidence=0.93,
            answer_id="faq-7",
            candidates=(Candidate("faq-7", 0.93),),
            citations=(REFUND,),
        )

    def holding(self, given: TurnInput) -> Reply:
        return Reply("正在查，查到马上告诉你。")
