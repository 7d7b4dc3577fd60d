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
    assert clauses("您好，ＯＫ！ 在吗 在的🙏") == ["您好", "ok", "在吗", "在的"]
    assert squash("「怎么 退货？」") == "怎么退货"


@pytest.mark.parametrize("text", ["请" * 4_000, "要转给我" * 1_000, "i want " * 600, "那这它" * 1_300, "，" * 4_000])
def test_no_wording_makes_listening_slow(text: str) -> None:
    """Patterns that look back and forth cost time squared; CPU time tells, the wall clock does not."""
    listening = hearing()
    began = time.process_time()
    for listen in (tone().plea, listening.small_talk, listening.number, listening.asks_how):
        listen(text)

    assert time.process_time() - began < 0.5
