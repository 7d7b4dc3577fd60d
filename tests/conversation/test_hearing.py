"""What is heard without looking anything up, and that both catalogues say the same."""

import re
import time

import pytest

from ai_worker.conversation.hearing import clauses, hearing, squash
from ai_worker.conversation.phrases import LANGUAGES, catalogue, language_of
from ai_worker.conversation.tone import tone


def test_the_catalogues_have_the_same_words_with_the_same_gaps() -> None:
    first, *others = [catalogue(language) for language in LANGUAGES]
    for other in others:
        for section in ("say", "ask_model", "hear", "tone"):
            assert other[section].keys() == first[section].keys()
        for key, text in first["say"].items():
            assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", other["say"][key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_worker_never_shouts(language: str) -> None:
    assert not [text for text in catalogue(language)["say"].values() if "!" in text or "！" in text]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["asked", "complaint", "passed_on", "unknown", "unclear", "failed", "holding"])
def test_whoever_waits_is_told_where_the_reply_will_come(language: str, key: str) -> None:
    assert re.search("在这里回复您|reply (?:to you )?here", catalogue(language)["say"][key])


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("②", 2), ("第三个。", 3), ("选一", 1), ("最后一个", -1), ("option 3", 3), ("二号吧", 2)],
)
def test_a_number_is_read_in_words_and_figures(text: str, number: int) -> None:
    assert hearing().number(text) == number


@pytest.mark.parametrize("text", ["12", "2024", "两个人", "第二天能到吗", "3 天", "一"[:0]])
def test_other_numbers_choose_nothing(text: str) -> None:
    assert hearing().number(text) is None


@pytest.mark.parametrize("text", ["订单怎么取消", "如何换货", "能开专票吗", "how do I return it"])
def test_asking_how(text: str) -> None:
    assert hearing().asks_how(text)


@pytest.mark.parametrize("text", ["订单怎么还没到", "快递怎么不动了", "我的订单到哪了", "退款怎么样了"])
def test_asking_how_a_matter_stands_is_not_asking_how(text: str) -> None:
    assert not hearing().asks_how(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [("怎么 return", "zh-CN"), ("How much?", "en"), ("ORD12345", "fallback"), ("2", "fallback"), ("😀", "fallback")],
)
def test_the_language_is_the_askers(text: str, language: str) -> None:
    assert language_of(text, history=(), default="fallback") == language


def test_clauses_are_folded_and_bare() -> None:
    assert clauses("您好，ＯＫ！ 在吗 在的🙏") == ("您好", "ok", "在吗", "在的")
    assert squash("「怎么 退货？」") == "怎么退货"


@pytest.mark.parametrize("text", ["请" * 4_000, "要转给我" * 1_000, "i want " * 600, "那这它" * 1_300, "，" * 4_000])
def test_no_wording_makes_listening_slow(text: str) -> None:
    """Patterns that look back and forth cost time squared; CPU time tells, the wall clock does not."""
    listening = hearing()
    began = time.process_time()
    for listen in (tone().plea, listening.small_talk, listening.number, listening.asks_how):
        listen(text)

    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "我下班了，再见",
        "好的我先去忙了，拜拜",
        "我知道了，谢谢，下次再聊",
        "先去开会了，回头见",
        "拜拜，我去接孩子了",
        "好的，有问题再来找你，再见！",
        "谢谢您的耐心解答，祝您工作顺利，再见",
        "不打扰了，88",
        "再见我下班了",
        "I'm off now, bye",
        "ok got it, thanks for your help, bye",
        "I have to go to a meeting, talk to you later",
    ],
)
def test_a_farewell_with_a_remark_is_a_farewell(text: str) -> None:
    assert hearing().small_talk(text) == "goodbye"


@pytest.mark.parametrize(
    "text",
    [
        "再见之前我想问下退货",
        "我要退货，再见",
        "钱还没退给我，再见",
        "东西坏了，拜拜",
        "我等了三天了，再见",
        "我要去投诉你们，再见",
        "我去消协了，再见",
        "下次再聊退货的事",
        "怎么退货，谢谢，再见",
        "我先去忙了，运费谁出，拜拜",
        "我下班了",
        "再见的英文怎么说",
        "晚安枕头多少钱",
        "I need to return it, bye",
        "bye the way, how do I return it",
        "I'm leaving for good because of your service",
    ],
)
def test_what_wants_an_answer_or_is_no_farewell_is_not_taken_for_one(text: str) -> None:
    assert hearing().small_talk(text) is None


def test_a_remark_of_any_length_is_read_in_no_time() -> None:
    for text in ("我先就要得" * 800 + "，再见", "谢谢" * 2_000 + "，再见", "bye, " + "i'm going to go off " * 300):
        begun = time.process_time()
        hearing().small_talk(text)
        assert time.process_time() - begun < 0.2
