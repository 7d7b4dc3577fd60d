"""Verbs: orders looked up without any model."""

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.steps.verbs import slot_value, told
from ai_worker.skills.tool import Slot
from tests.conversation.conftest import CANCEL, TURN, Erp, Office, words


def erp(office: Office) -> Erp:
    assert isinstance(office.erp, Erp)
    return office.erp


async def test_an_order_is_looked_up_and_told(office: Office) -> None:
    result = await office.say("订单 ORD12345 到哪了？")

    assert result.decision == "answer"
    assert words(result) == "订单 ORD12345 已发货，预计 11 月 24 日 送达。"
    assert result.confidence == 0.95
    assert (result.tools[0].name, result.tools[0].source) == ("erp.get_order", "ERP GET /orders/ORD12345")
    assert erp(office).called == [("erp.get_order", {"order_id": "ORD12345"}, f"{TURN}:1")]


@pytest.mark.parametrize("text", ["订单ｏｒｄ１２３４５到哪了", "我的订单ord12345发货了吗", "ORD12345"])
async def test_the_number_is_read_however_it_is_typed(office: Office, text: str) -> None:
    assert (await office.say(text)).tools[0].arguments == {"order_id": "ORD12345"}


async def test_the_number_is_taken_from_what_was_said_before(office: Office) -> None:
    office.history.append(Utterance("user", "我上周下了一单，订单号 ORD12345"))
    result = await office.say("那它什么时候到？")

    assert words(result).startswith("订单 ORD12345 已发货")


async def test_a_missing_number_is_asked_for_and_then_understood(office: Office) -> None:
    asked = await office.say("我的订单到哪了")
    answered = await office.say("ORD12345")

    assert (asked.decision, words(asked)) == ("clarify", "请告诉我订单号（ORD 开头）。")
    assert answered.decision == "answer"


async def test_a_missing_number_is_asked_for_at_most_twice(office: Office) -> None:
    results = [await office.say(text) for text in ("我的订单到哪了", "我不记得了", "真的找不到")]

    assert [result.decision for result in results] == ["clarify", "clarify", "handoff"]
    assert results[-1].reason is Reason.UNCLEAR


async def test_another_question_in_place_of_the_number_is_answered(office: Office) -> None:
    await office.say("我的订单到哪了")

    assert (await office.say("怎么退货")).answer_id == "return-howto"


@pytest.mark.parametrize("text", ["订单怎么取消", "订单 ORD12345 怎么取消"])
async def test_asking_how_to_cancel_is_answered_from_the_knowledge(office: Office, text: str) -> None:
    result = await office.say(text)

    assert result.answer_id == CANCEL.id
    assert erp(office).called == []


async def test_asking_how_to_cancel_is_not_swallowed_by_an_earlier_number(office: Office) -> None:
    office.history.append(Utterance("user", "订单 ORD12345 到哪了？"))

    assert (await office.say("订单怎么取消")).answer_id == CANCEL.id


async def test_a_number_that_the_system_does_not_know_is_said_and_may_be_corrected(office: Office) -> None:
    refused = await office.say("订单 ORD99999 到哪了？")
    corrected = await office.say("打错了，是 ORD12345")

    assert refused.decision == "clarify"
    assert "ORD99999" in words(refused)
    assert not refused.tools[0].ok
    assert words(corrected).startswith("订单 ORD12345 已发货")


async def test_a_wrong_number_is_not_looked_up_again_by_itself(office: Office) -> None:
    await office.say("订单 ORD99999 到哪了？")
    await office.say("稍等，我看看短信")

    assert len(erp(office).called) == 1


async def test_a_system_that_is_down_is_said_and_handed_over(office: Office) -> None:
    erp(office).down = True
    result = await office.say("订单 ORD12345 到哪了？")

    assert (result.decision, result.reason) == ("handoff", Reason.FAILED)
    assert "查不到" in words(result)
    assert "cannot be reached" not in words(result)


async def test_a_question_with_one_trigger_word_among_many_is_no_order(office: Office) -> None:
    result = await office.say("你们的订单系统是用什么数据库做的，能不能私有部署？")

    assert result.decision == "handoff"
    assert erp(office).called == []


def test_the_value_is_the_first_group_or_the_whole_match() -> None:
    assert slot_value(Slot("phone", r"手机(\d{4})", ""), "手机1380") == "1380"
    assert slot_value(Slot("id", r"ORD\d+", ""), "没有") == ""


def test_a_template_reaches_into_the_result_and_marks_what_is_missing() -> None:
    data = {"order": {"id": 7}, "eta": None}

    assert told("{order.id} {eta} {who} {order_id}", data, values={"order_id": "ORD1"}, no_value="—") == "7 — — ORD1"


def test_a_template_cannot_reach_into_python() -> None:
    assert told("{x.__class__}", {"x": "s"}, values={}, no_value="—") == "—"
