"""What is said to the worker in the demo, and how we know that it was answered as it should be."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Protocol

from ai_worker.conversation.turn import TurnResult
from ai_worker.demo.company import CHEN, DINGTALK, FEISHU, GAO, LIN, MA, SHEN, WANG, XU, ZHOU, Question
from ai_worker.demo.exchange import Exchange

KNOWLEDGE = Question(LIN, "退货质检通过了，退款多久到账？")
ORDER = Question(ZHOU, "订单 ORD12345 到哪了？")
UNCLEAR = Question(CHEN, "怎么请假？")
SECOND = Question(CHEN, "2")
UNKNOWN = Question(WANG, "火星上的氧气浓度是多少？")
REPEATED = Question(LIN, "满多少免运费？")
FORGED = Question(LIN, "把所有订单发给我")

REFUSED = 403


class Asks(Protocol):
    """What the round needs of a line."""

    async def ask(
        self, question: Question, *, name: str = "sample", deliveries: int = 1, group: bool = False
    ) -> Exchange:
        """Ask and wait for the reply."""
        ...

    async def press(self, offered: Exchange, number: int, *, name: str) -> Exchange:
        """Press the button of a choice and wait for the reply."""
        ...

    async def rate(self, answered: Exchange, *, name: str) -> Exchange:
        """Say that an answer helped."""
        ...

    async def overhear(self, question: Question, *, name: str) -> Exchange:
        """Say something in a group that is not for the worker."""
        ...

    async def forge(self, question: Question, *, name: str) -> Exchange:
        """Send a message that no platform has signed."""
        ...


Judge = Callable[[Exchange, TurnResult], str]
"""Returns what is wrong with an exchange; empty when it is as it should be."""


async def opening(line: Asks) -> AsyncIterator[Exchange]:
    """Play the scripted round: every promise of the demo once on each platform, each exchange judged."""
    async for exchange in _on_wecom(line):
        yield exchange
    async for exchange in _on_feishu(line):
        yield exchange
    async for exchange in _on_dingtalk(line):
        yield exchange


async def _on_wecom(line: Asks) -> AsyncIterator[Exchange]:
    yield _judged(await line.ask(KNOWLEDGE, name="knowledge"), _cites("售后政策"))
    yield _judged(await line.ask(ORDER, name="order"), _told_by("erp.get_order", "已发货"))
    unclear = await line.ask(UNCLEAR, name="clarify")
    yield _judged(unclear, _offers_choices)
    yield _judged(await line.ask(SECOND, name="choice"), _answers_choice(unclear, 2))
    yield _judged(await line.ask(UNKNOWN, name="unknown"), _hands_over)
    repeated = await line.ask(REPEATED, name="duplicate", deliveries=2)
    yield _judged(repeated, _answered_once)
    yield _seen_to(await line.rate(repeated, name="helpful"))
    yield _seen_to(await line.forge(FORGED, name="forged"))


async def _on_feishu(line: Asks) -> AsyncIterator[Exchange]:
    """Ask on Feishu: a long connection, cards, groups."""
    known = await line.ask(Question(SHEN, "试用期多久？"), name=f"{FEISHU}.knowledge", deliveries=2)
    yield _judged(known, _all_of(_cites("员工手册"), _answered_once))
    yield _seen_to(await line.rate(known, name=f"{FEISHU}.helpful"))
    unclear = await line.ask(Question(SHEN, "怎么请假？"), name=f"{FEISHU}.clarify")
    yield _judged(unclear, _all_of(_offers_choices, _offers_buttons))
    yield _judged(await line.press(unclear, 2, name=f"{FEISHU}.choice"), _answers_choice(unclear, 2))
    grouped = await line.ask(Question(GAO, "怎么开发票？"), name=f"{FEISHU}.group", group=True)
    yield _judged(grouped, _all_of(_answers, _mentions))
    yield _seen_to(await line.overhear(Question(GAO, "中午一起吃饭吗？"), name=f"{FEISHU}.overheard"))
    yield _seen_to(await line.forge(Question(GAO, FORGED.text), name=f"{FEISHU}.forged"))


async def _on_dingtalk(line: Asks) -> AsyncIterator[Exchange]:
    """Ask on DingTalk: a Stream connection, AI cards, groups."""
    question = Question(XU, "部分到货的采购单什么时候关闭？")
    known = await line.ask(question, name=f"{DINGTALK}.knowledge", deliveries=2)
    yield _judged(known, _all_of(_cites("到货流程"), _answered_once))
    yield _seen_to(await line.rate(known, name=f"{DINGTALK}.helpful"))
    unclear = await line.ask(Question(MA, "怎么请假？"), name=f"{DINGTALK}.clarify")
    yield _judged(unclear, _all_of(_offers_choices, _offers_buttons))
    yield _judged(await line.press(unclear, 1, name=f"{DINGTALK}.choice"), _answers_choice(unclear, 1))
    grouped = await line.ask(Question(XU, "打印机卡纸怎么办？"), name=f"{DINGTALK}.group", group=True)
    yield _judged(grouped, _all_of(_answers, _mentions))
    yield _seen_to(await line.overhear(Question(MA, "谁拿了我的伞？"), name=f"{DINGTALK}.overheard"))
    yield _seen_to(await line.forge(Question(MA, FORGED.text), name=f"{DINGTALK}.forged"))


def _judged(exchange: Exchange, judge: Judge) -> Exchange:
    if exchange.problem:
        return exchange
    if exchange.result is None:
        return replace(exchange, problem="a reply came without a finished turn")
    return replace(exchange, problem=judge(exchange, exchange.result))


def _seen_to(exchange: Exchange) -> Exchange:
    """Judge what needs no turn: a rating, what was overheard, what was forged."""
    return exchange if exchange.problem else replace(exchange, problem=_wrong_without_turn(exchange))


def _wrong_without_turn(exchange: Exchange) -> str:
    match exchange.act:
        case "rated" if not exchange.stored:
            return "the rating is not stored"
        case "rated" if exchange.by_button and exchange.replies:
            return "thanks came as a message of its own"
        case "overheard" if exchange.replies:
            return f"{exchange.replies} replies came to what was not for the worker"
        case "forged" if exchange.status != REFUSED:
            return f"it was answered with status {exchange.status}"
    return ""


def _all_of(*judges: Judge) -> Judge:
    def judge(exchange: Exchange, result: TurnResult) -> str:
        return next((wrong for judge in judges if (wrong := judge(exchange, result))), "")

    return judge


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


def _offers_buttons(exchange: Exchange, result: TurnResult) -> str:
    choices = result.reply.choices if result.reply else ()
    missing = [choice.label for choice in choices if choice.label not in exchange.bubble.buttons]
    return f"there is no button {missing[0]}" if missing else ""


def _answers(_: Exchange, result: TurnResult) -> str:
    return _decided(result, "answer")


def _mentions(exchange: Exchange, _: TurnResult) -> str:
    name = exchange.question.person.name
    return "" if exchange.reply.startswith(f"@{name}") else f"the reply in the group does not mention {name}"


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
