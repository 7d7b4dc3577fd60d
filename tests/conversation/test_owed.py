"""Answers that are owed: what a turn says while others wait for the model, and when its own answer comes late."""

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Contact, Utterance
from ai_worker.conversation.progress import Act, Progress
from ai_worker.conversation.turn import PendingQuestion
from ai_worker.llm.scripted import Say
from tests.conversation.conftest import FREIGHT, REFUND, RETURNS, words
from tests.conversation.test_turn_with_model import QUESTION, SAID, answered_by

LEAK = (Utterance("user", "净水器漏水了怎么办？"),)


async def test_behind_an_owed_answer_approved_knowledge_answers_at_once() -> None:
    async with answered_by(SAID, [(RETURNS, 0.95)]) as (office, server):
        result = await office.say("怎么退货", behind=LEAK, held=True)

    assert RETURNS.text in words(result)
    assert (result.hold, server.calls) == (False, 0)


async def test_what_needs_the_model_waits_behind_what_is_owed_without_asking_it() -> None:
    async with answered_by(SAID, [(REFUND, 0.45)]) as (office, server):
        told_already = await office.say(QUESTION, behind=LEAK, held=True)
        not_told = await office.say(QUESTION, behind=LEAK)

    assert (told_already.hold, told_already.reply) == (True, None)
    assert (not_told.hold, "还在处理" in words(not_told)) == (True, True)
    assert server.calls == 0, "its answers come in the order of their questions"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("转人工", Reason.ASKED), ("你们服务太差了，我要投诉", Reason.COMPLAINT)],
    ids=["person", "complaint"],
)
async def test_who_is_handed_over_is_told_that_what_is_owed_goes_along(text: str, reason: Reason) -> None:
    async with answered_by(SAID) as (office, _):
        result = await office.say(text, behind=LEAK, held=True)

    assert (result.decision, result.reason, result.hold) == ("handoff", reason, False)
    assert words(result).endswith("您刚才问的“净水器漏水了怎么办”也一并转给了同事。")


async def test_in_a_group_only_the_senders_own_questions_are_said_to_go_along() -> None:
    theirs = (Utterance("user", "怎么退货", Contact("chen", "陈思远")), Utterance("user", "漏水了", Contact("lin")))
    async with answered_by(SAID) as (office, _):
        result = await office.say("转人工", behind=theirs)

    assert "漏水了" in words(result)
    assert "怎么退货" not in words(result)


async def test_once_a_person_was_asked_for_an_owed_answer_is_theirs_and_other_messages_wait_as_ever() -> None:
    async with answered_by(SAID) as (office, server):
        owed = await office.say(QUESTION, held=True, blocked=True)
        newer = await office.say("在吗", held=True, blocked=True, behind=LEAK)

    assert (owed.decision, owed.reply) == ("silent", None)
    assert "正在等同事处理" in words(newer)
    assert server.calls == 0


async def test_what_an_owed_turn_has_done_is_told_even_if_a_person_was_asked_for() -> None:
    done = Act(1, "erp.cancel_order", "{}", {}, told="已取消", ok=True)
    async with answered_by(SAID) as (office, _):
        result = await office.say("取消订单", held=True, blocked=True, progress=Progress(acts=(done,)))

    assert "系统已经收到" in words(result) or "同事" in words(result)
    assert result.decision == "handoff"


async def test_an_answer_that_comes_after_newer_ones_names_its_question() -> None:
    async with answered_by(SAID) as (office, _):
        result = await office.say(QUESTION, held=True, overtaken=True)

    assert words(result).startswith("关于您刚才问的“信用卡退款要等几天”：\n信用卡最迟 5 天到账。")


async def test_an_answer_that_comes_next_does_not() -> None:
    async with answered_by(SAID) as (office, _):
        result = await office.say(QUESTION, held=True)

    assert words(result).startswith("信用卡最迟 5 天到账。")


async def test_a_late_answer_is_in_the_language_of_its_question_and_nothing_of_it_is_streamed() -> None:
    heard: list[str] = []
    async with answered_by("A credit card takes 5 days [1].", [(REFUND, 0.7)]) as (office, _):
        office.grounding = "open"
        result = await office.say(
            "How long does a refund to a credit card take?", held=True, overtaken=True, on_delta=heard.append
        )

    assert words(result).startswith('About your earlier question "How long does a refund to a credit card…":\n')
    assert heard == []


async def test_a_late_question_back_keeps_its_choices() -> None:
    async with answered_by([Say(misbehave="500")], [(RETURNS, 0.7), (FREIGHT, 0.69)]) as (office, _):
        result = await office.say("买的东西有点问题", held=True, overtaken=True)

    assert result.decision == "clarify"
    assert result.pending == PendingQuestion(
        choices=(Choice("return-howto", "怎么退货"), Choice("return-freight", "退货运费谁出"))
    )
    assert words(result).startswith("关于您刚才问的“买的东西有点问题”：\n")
