"""A sample day at 华星办公: real-looking conversations, written into a real database through the pipeline's port."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact, InboundMessage, Part, Reply
from ai_worker.conversation.progress import ToolUse
from ai_worker.conversation.turn import Decision, Step, TurnResult
from ai_worker.foundation.ids import derived_id
from ai_worker.knowledge.citation import Citation
from ai_worker.knowledge.store import Document
from ai_worker.pipeline.store import Claim, OutboundMessage
from ai_worker.storage.opening import Stores

OWNER = "sample"

REFUND = Citation(
    "售后政策.md#7",
    "售后政策.md",
    "售后政策 §3.2",
    "退款自签收之日起 2 个工作日内原路退回，银行入账 1–3 个工作日。",
    0.91,
)
INVOICE = Citation(
    "faq-032", "常见问题.csv", "怎么补开发票", "在「我的订单」里选择订单，点「补开发票」，1 个工作日内发到邮箱。", 0.94
)
TRAVEL = Citation(
    "差旅制度.docx#4",
    "差旅制度.docx",
    "差旅制度 §2.1",
    "一线城市住宿标准每晚 500 元，其他城市 350 元，超出部分自理。",
    0.88,
)
LEAVE = Citation(
    "员工手册.docx#18",
    "员工手册.docx",
    "员工手册 §6.3",
    "年假按入职满一年起计，可拆分到半天，须提前三个工作日申请。",
    0.9,
)


@dataclass(frozen=True)
class Spoken:
    """One message and what became of it."""

    minutes_ago: float
    channel: str
    contact: str
    text: str
    reply: str | None = None
    """`None`: no turn has finished it yet."""

    decision: Decision = "answer"
    reason: Reason | None = None
    response_ms: float = 1_200
    citations: tuple[Citation, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    steps: tuple[Step, ...] = ()
    parts: tuple[Part, ...] = ()
    delivery: Literal["delivered", "sent", "failed", "unknown", "expired"] = "delivered"
    error: str = ""


STEPS = (
    Step("understand", 1.8, "订单查询"),
    Step("retrieve", 2.4, "3 段，最高 0.91"),
    Step("tool", 212, "erp.get_refund"),
    Step("model", 1_104, "qwen3-32b · 412 词元"),
    Step("guard", 0.6, "有依据"),
)

CONVERSATIONS: Sequence[Spoken] = (
    Spoken(
        46,
        "service-desk",
        "赵倩",
        "差旅报销单提交了，麻烦看下",
        "已收到。报销单 BX-2291 在部门审批，通常 2 个工作日内完成。",
        citations=(TRAVEL,),
    ),
    Spoken(
        31,
        "service-desk",
        "刘洋",
        "年假可以只请半天吗",
        "可以。年假能拆分到半天，提前三个工作日在系统里申请即可。",
        citations=(LEAVE,),
    ),
    Spoken(30, "service-desk", "刘洋", "知道了", "好的，有需要随时找我。", response_ms=420),
    Spoken(
        25, "service-desk", "吴敏", "去成都出差住宿标准多少？", "成都每晚 350 元，超出部分自理。", citations=(TRAVEL,)
    ),
    Spoken(24, "service-desk", "吴敏", "👍 谢谢", "不客气，一路顺利。", response_ms=380),
    Spoken(
        19,
        "website",
        "Marco Rossi",
        "Could you resend the invoice for PO 4471?",
        "Sent again to the address on file. It arrives within a few minutes.",
        citations=(INVOICE,),
    ),
    Spoken(17, "website", "Marco Rossi", "Thanks, the invoice arrived.", "You are welcome.", response_ms=450),
    Spoken(
        13,
        "service-desk",
        "陈思",
        "年假还剩几天？想周三请一天",
        "你还剩 4.5 天年假。要现在帮你申请周三一天吗？",
        tools=(ToolUse("hr.get_leave", {"employee": "E1042"}, True, "HR GET /leave/E1042", 180),),
    ),
    Spoken(
        11,
        "service-desk",
        "陈思",
        "好的，那我周三来办",
        "好的，周三见。",
        response_ms=520,
        delivery="failed",
        error="errcode 60020：访问 IP 不在可信名单里",
    ),
    Spoken(
        8,
        "procurement",
        "采购组 · 郑凯",
        "本周到货清单已发，共 8 单",
        "收到，8 单已登记，其中 ORD12351 比约定晚一天到货。",
        parts=(Part("file", "到货清单 11-22.xlsx"),),
    ),
    Spoken(
        3.1,
        "procurement",
        "周建国",
        "合同里写的违约金比例能改吗？",
        "合同条款我不能改动，已请同事来处理，约 10 分钟内回复你。",
        decision="handoff",
        reason=Reason.UNKNOWN,
        response_ms=980,
    ),
    Spoken(
        9,
        "service-desk",
        "林晓燕",
        "上周退的那台打印机，钱怎么还没到账？订单 ORD12345",
        (
            "我查了订单 ORD12345：退货已在 11 月 18 日签收，退款 1,299.00 "
            "元已于 11 月 20 日原路退回招商银行尾号 8841，银行通常 1–3 个工作日入账，"
            "最迟 11 月 25 日到账。"
        ),
        response_ms=1_380,
        citations=(REFUND,),
        tools=(ToolUse("erp.get_refund", {"order": "ORD12345"}, True, "ERP GET /refunds/ORD12345", 212),),
        steps=STEPS,
    ),
    Spoken(
        6.2,
        "service-desk",
        "林晓燕",
        "上次也是这么说的。我要投诉，已经第三次了",
        "很抱歉让你等了三次。已请同事接手，约 5 分钟内回复你。",
        decision="handoff",
        reason=Reason.COMPLAINT,
        response_ms=610,
    ),
)

GAPS = (
    "企业年金怎么转移？",
    "打印机能以旧换新吗？",
    "海外分公司的发票抬头怎么写？",
    "办公椅的质保可以延长吗？",
    "节假日能安排送货吗？",
)

BY_HOUR = (82, 63, 60, 33, 33, 19, 7, 16, 7, 22, 23, 36, 58, 82, 80, 97, 118, 135, 131, 128, 140, 112, 121, 60)
MEAN_MS = (
    1520, 1460, 1430, 1470, 1250, 1270, 1240, 1160, 1170, 1070, 1080, 1150,
    1310, 1310, 1350, 1500, 1530, 1560, 1730, 1740, 1660, 1730, 1700, 1740,
)  # fmt: skip
"""Messages and mean response of the last 24 hours, the running hour last."""


async def furnish(stores: Stores, *, now: datetime, share: float = 1.0) -> None:
    """Write the sample day into the stores.

    Args:
        stores: Where to.
        now: The end of the day.
        share: How much of the background traffic is written; tests need little.
    """
    await stores.knowledge.put_document(Document("售后政策.md", "default", "售后政策", "ready", 2, now), [])
    await _background(stores, now, share)
    for spoken in sorted(CONVERSATIONS, key=lambda spoken: -spoken.minutes_ago):
        number = await say(stores, spoken, now=now)
        if spoken.contact.startswith("采购组"):
            await _answer_by_hand(stores, number, now - timedelta(minutes=6.5))


async def say(stores: Stores, spoken: Spoken, *, now: datetime) -> int:
    """Let a contact say something and have it answered; return the conversation's number."""
    at = now - timedelta(minutes=spoken.minutes_ago)
    contact = Contact(derived_id("u", spoken.contact)[:10], spoken.contact)
    message = InboundMessage(
        channel=spoken.channel,
        message_id=derived_id("m", spoken.contact, spoken.text, str(at)),
        conversation_key=contact.id,
        contact=contact,
        text=spoken.text,
        received_at=at,
        parts=spoken.parts,
        worker="xiaozhi",
    )
    accepted = await stores.pipeline.accept(message)
    if spoken.reply is not None:
        await answer(stores, spoken, at=at)
    return accepted.conversation_id


async def answer(stores: Stores, spoken: Spoken, *, at: datetime) -> None:
    """Finish the oldest waiting message as `spoken` says."""
    assert spoken.reply is not None
    (claim,) = await stores.pipeline.claim(owner=OWNER, limit=1, now=at)
    done = at + timedelta(milliseconds=spoken.response_ms)
    result = TurnResult(
        decision=spoken.decision,
        reply=Reply(spoken.reply),
        confidence=0.9,
        citations=spoken.citations,
        tools=spoken.tools,
        steps=spoken.steps,
        reason=spoken.reason,
    )
    outbound = _outbound(claim, spoken.reply, done)
    await stores.pipeline.finish(claim, result, [outbound], now=done, response_ms=spoken.response_ms)
    await stores.pipeline.settle(outbound, spoken.delivery, now=done, error=spoken.error)


async def _answer_by_hand(stores: Stores, number: int, at: datetime) -> None:
    """Let 王芳 take a conversation over and answer in it."""
    await stores.conversations.take_over(number, "王芳", at)
    reply = Reply("郑工，ORD12351 我已经催供应商改到周二发货，单据明早补给你。")
    await stores.conversations.say(number, "王芳", reply, at + timedelta(minutes=1))
    (outbound,) = await stores.pipeline.claim_outbound(owner=OWNER, limit=1, now=at + timedelta(minutes=1))
    await stores.pipeline.settle(outbound, "delivered", now=at + timedelta(minutes=1))


def _outbound(claim: Claim, text: str, at: datetime) -> OutboundMessage:
    return OutboundMessage(
        id=derived_id("r", claim.turn_id),
        turn_id=claim.turn_id,
        conversation_id=claim.conversation_id,
        channel=claim.message.channel,
        address={},
        kind="reply",
        reply=Reply(text),
        created_at=at,
        expires_at=at + timedelta(days=1),
    )


async def _background(stores: Stores, now: datetime, share: float) -> None:
    """Write questions that stand alone: they are counted and not listed."""
    chance = random.Random(7)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for index, (count, mean) in enumerate(zip(BY_HOUR, MEAN_MS, strict=True)):
        hour = this_hour - timedelta(hours=len(BY_HOUR) - 1 - index)
        length = min(timedelta(hours=1), now - hour) - timedelta(seconds=30)
        times = sorted(hour + length * chance.random() for _ in range(max(round(count * share), 1)))
        messages = [_alone(f"{index}-{number}", at, chance) for number, at in enumerate(times)]
        await asyncio.gather(*(stores.pipeline.accept(message) for message in messages))
        claims = await stores.pipeline.claim(owner=OWNER, limit=1_000, now=now)
        await asyncio.gather(*(_settle_alone(stores, claim, mean, chance) for claim in claims))


def _alone(number: str, at: datetime, chance: random.Random) -> InboundMessage:
    channel = chance.choices(("service-desk", "procurement", "website"), (6, 2, 3))[0]
    gap = chance.choices(GAPS, (12, 5, 3, 2, 1))[0]
    return InboundMessage(
        channel, f"alone-{number}", f"alone-{number}", Contact(f"u-{number}"), gap, at, standalone=True
    )


async def _settle_alone(stores: Stores, claim: Claim, mean: float, chance: random.Random) -> None:
    decision: Decision = chance.choices(("answer", "clarify", "handoff"), (87, 3, 10))[0]
    response = mean * chance.lognormvariate(-0.12, 0.5)
    done = claim.message.received_at + timedelta(milliseconds=response)
    reason = (Reason.UNKNOWN if chance.random() < 0.3 else Reason.ASKED) if decision == "handoff" else None
    result = TurnResult(decision=decision, reply=Reply("好的。"), reason=reason)
    await stores.pipeline.finish(claim, result, [], now=done, response_ms=response)
