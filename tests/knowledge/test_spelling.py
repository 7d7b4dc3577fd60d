"""What was typed wrongly is read as the knowledge writes it; what is right, or means something else, stays."""

from collections import Counter

import pytest

from ai_worker.knowledge import terms
from ai_worker.knowledge.spelling import corrected, spellings

WORDINGS = (
    "如何预约加湿器清洗",
    "怎么取消会议室预订",
    "打印机卡纸怎么办",
    "电子秤怎么校准",
    "前台电话是多少",
    "手机端怎么打卡",
    "工卡丢了怎么补办",
    "不能报销吗",
)


class Written:
    """Wordings, as the index tells of them."""

    def __init__(self, *wordings: str) -> None:
        self._terms = Counter(term for wording in wordings for term in terms.asked_terms(terms.plain(wording)))
        self._ways = Counter(way for wording in wordings for way in spellings(terms.plain(wording)))

    def has(self, term: str) -> bool:
        return term in self._terms

    def written(self, key: str) -> list[tuple[str, int]]:
        return [(way.removeprefix(key), often) for way, often in self._ways.items() if way.startswith(key)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("取肖预订", "取消预订"),
        ("加湿其坏了", "加湿器坏了"),
        ("电秤怎么校准", "电子秤怎么校准"),
        ("打机卡纸", "打印机卡纸"),
        ("工咔丢了", "工卡丢了"),
        ("消取会议室预订", "取消会议室预订"),
        ("前台电话号吗多少", "前台电话号码多少"),
        ("怎么查到帐", "怎么查到账"),
    ],
)
def test_a_slip_becomes_the_word_of_the_knowledge(typed: str, meant: str) -> None:
    assert corrected(terms.plain(typed), Written(*WORDINGS, "前台电话号码", "到账时间")) == meant


def test_two_characters_are_not_both_read_anew_where_one_stands_as_it_should() -> None:
    assert corrected("这图自哪本书", Written("这图出自哪本书", "兔子怎么养")) == "这图出自哪本书"


def test_a_word_of_the_lexicon_has_lost_nothing() -> None:
    assert corrected("如何解绑", Written("如何解除绑定")) == "如何解绑"


@pytest.mark.parametrize("typed", ["能报销吗", "我的卡", "会议室可以带宠物吗", "今天食堂吃什么"])
def test_what_is_no_slip_stays(typed: str) -> None:
    assert corrected(typed, Written(*WORDINGS)) == typed


def test_a_lost_character_that_would_turn_the_question_round_is_not_put_back() -> None:
    assert corrected("能报销打车费吗", Written("不能报销", "报不了销")) == "能报销打车费吗"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("前台 phone 多少", "前台电话多少"), ("phone端怎么打卡", "手机端怎么打卡"), ("card 丢了怎么补", "卡丢了怎么补")],
)
def test_an_english_word_is_read_as_what_stands_between_its_neighbours(typed: str, meant: str) -> None:
    assert corrected(typed, Written(*WORDINGS)) == meant


def test_english_alone_stays_english() -> None:
    assert corrected("where is my phone", Written(*WORDINGS)) == "where is my phone"
