"""What a message means by its words alone: the questions in it, a correction, a choice, its language."""

import time

import pytest

from ai_worker.conversation.context.choosing import choice_of
from ai_worker.conversation.context.complete import leaned_on
from ai_worker.conversation.context.questions import core_of, questions, questions_between_commas
from ai_worker.conversation.context.rewrite import rewrite
from ai_worker.conversation.hearing import hearing
from ai_worker.conversation.message import Choice, Utterance
from ai_worker.conversation.phrases import language_of

CHOICES = (Choice("a", "怎么退货"), Choice("b", "怎么换货"), Choice("c", "退货的运费谁出"))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("怎么退货？运费谁出？", ["怎么退货？", "运费谁出？"]),
        ("您好，请问怎么退货？谢谢！另外，发票怎么开？", ["怎么退货？", "发票怎么开？"]),
        ("1. 怎么退货 2、运费谁出 3）多久到账", ["怎么退货", "运费谁出", "多久到账"]),
        ("有两个问题：①退货地址 ②发票抬头", ["退货地址", "发票抬头"]),
        ("退款到哪里了？昨天申请的。发票什么时候开？", ["退款到哪里了？", "昨天申请的，发票什么时候开？"]),
        ("How do I return it? Who pays?", ["How do I return it?", "Who pays?"]),
    ],
)
def test_the_questions_of_a_message_are_taken_apart(text: str, asked: list[str]) -> None:
    assert questions(text) == asked


@pytest.mark.parametrize(
    "text",
    [
        "怎么退货",
        "我买了打印机。坏了能退吗？",
        "怎么退货？麻烦告诉我一下，好吗？",
        "价格是 1.5 元吗？",
        "2026.11.22 下的单能退吗？",
        "怎么退货？对吗？",
    ],
)
def test_one_question_is_left_whole(text: str) -> None:
    assert questions(text) == [text]


def test_commas_separate_questions_that_each_ask() -> None:
    assert questions_between_commas("怎么退货，运费谁出，多久到账") == ["怎么退货", "运费谁出", "多久到账"]
    assert len(questions_between_commas("东西坏了，怎么退")) == 1


def test_the_sentence_that_asks_is_the_core_of_a_story() -> None:
    assert core_of("我上周买了椅子。想退，怎么退？麻烦说一下好吗？") == "想退，怎么退？"
    assert core_of("怎么退？怎么换？") == "怎么退？怎么换？"


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("不对，我说的是运费", "运费"),
        ("不是这个，是换货", "换货"),
        ("不是退货，是换货", "换货"),
        ("我问的是 ORD12345 到哪了", "ORD12345 到哪了"),
        ("我的意思是能不能换颜色", "能不能换颜色"),
        ("你理解错了", ""),
        ("不是这个意思", ""),
        ("No, I meant the postage", "the postage"),
        ("that's not what I asked", ""),
        ("不是会员能退吗", None),
        ("我是新客户", None),
        ("不对称的接口是什么", None),
    ],
)
def test_a_correction_is_heard(text: str, instead: str | None) -> None:
    assert hearing().corrected(text) == instead


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("2", "b"),
        ("后面那个", "c"),
        ("前面那个吧", "a"),
        ("中间的", "b"),
        ("倒数第二个", "b"),
        ("选第三个问题", "c"),
        ("换货的那个", "b"),
        ("我问的是运费", "c"),
        ("4", None),
        ("退货", None),
        ("12345", None),
        ("后天能到吗", None),
        ("换货要多久才能寄到我家", None),
    ],
)
def test_a_choice_is_taken_by_number_place_or_words(text: str, chosen: str | None) -> None:
    choice = choice_of(text, CHOICES)
    assert (choice.id if choice else None) == chosen


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("how much is 打印机 B2", "en"),
        ("打印机 B2 的 price", "zh-CN"),
        ("ERP system login 失败怎么办", "zh-CN"),
        ("What is the opening time of 城东旗舰店?", "en"),
        ("OK", "zh-CN"),
        ("thank you", "zh-CN"),
        ("please answer in English from now on", "en"),
    ],
)
def test_the_language_of_a_chinese_talk_is_kept(text: str, language: str) -> None:
    said = (Utterance("user", "你好"), Utterance("assistant", "您好"))
    assert language_of(text, history=said, default="zh-CN") == language


def test_a_message_leans_on_the_question_whose_word_it_takes_up() -> None:
    talk = [Utterance("user", text) for text in ("怎么申请退货", "发票怎么开", "谢谢")]
    assert leaned_on("那退货要多久", talk) == "怎么申请退货"
    assert leaned_on("那要多久", talk) == "发票怎么开"
    assert leaned_on("那要多久", []) == ""


@pytest.mark.parametrize(
    ("before", "text", "whole"),
    [
        ("你们有松木书架吗", "它能承重多少", "松木书架能承重多少"),
        ("我想了解山海套餐", "那个套餐包含哪些内容", "山海套餐包含哪些内容"),
        ("你认识周文静吗", "她电话是多少", "周文静的电话是多少"),
        ("你用过云笔记吗", "我没用过", "我没用过云笔记"),
    ],
)
def test_what_a_message_points_at_or_leaves_out_is_put_back(before: str, text: str, whole: str) -> None:
    assert rewrite([before, "有的"], text) == whole


def test_with_nothing_to_go_by_a_message_is_left_as_it_is() -> None:
    assert rewrite([], "它多少钱") == "它多少钱"


@pytest.mark.parametrize("text", ["不是" * 2_000, "1. " * 1_300, "？" * 4_000, "我问的是，" * 800, "帮我看一下" * 800])
def test_no_wording_makes_reading_slow(text: str) -> None:
    """CPU time tells where a pattern goes back and forth; the wall clock does not."""
    listening = hearing()
    began = time.process_time()
    for read in (questions, questions_between_commas, core_of, listening.corrected, listening.asks, listening.plain):
        read(text)
    assert time.process_time() - began < 1.0
