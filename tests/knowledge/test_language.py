"""What is known of Chinese beforehand."""

import pytest

from ai_worker.knowledge import terms
from ai_worker.knowledge.language.meaning import lexicon, read
from ai_worker.knowledge.language.names import named
from ai_worker.knowledge.language.script import simplified
from ai_worker.knowledge.language.sound import initials, sounds, spelled
from ai_worker.knowledge.subsequence import Subsequences


def meanings(text: str) -> list[str]:
    return read(terms.cut(terms.plain(text))).meanings


def test_traditional_characters_become_simplified_one_by_one() -> None:
    assert simplified("請問這張發票還沒有寄來嗎") == "请问这张发票还没有寄来吗"


@pytest.mark.parametrize(
    ("one", "other"),
    [("退款", "推宽"), ("身份", "生分"), ("南", "兰"), ("湖", "福"), ("老师", "脑丝"), ("tuikuan", "退款")],
)
def test_what_sounds_nearly_the_same_is_the_same_sound(one: str, other: str) -> None:
    assert sounds(one) == sounds(other)


def test_a_word_that_is_no_pinyin_stands_for_itself() -> None:
    assert spelled("router") == ()
    assert sounds("router坏了")[0] == "router"
    assert initials("快递") == "kd"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("如何更换手机号码", "怎样修改手机号"),
        ("忘了口令", "忘记密码"),
        ("登不上去", "登录不了"),
        ("怎么change密码", "怎么修改密码"),
    ],
)
def test_synonyms_mean_the_same(one: str, other: str) -> None:
    assert set(meanings(one)) == set(meanings(other))


def test_a_single_character_counts_only_as_a_word() -> None:
    assert "=能" not in meanings("银行")


def test_filler_means_nothing_and_is_no_part_of_what_is_said() -> None:
    reading = read(terms.cut("你好请问一下校车几点发车谢谢"))

    assert reading.essence == "校车几点发车"
    assert read(terms.cut("你好谢谢")).essence == "你好谢谢"


def test_the_lexicon_relates_and_marks_only_meanings_that_it_has() -> None:
    known = lexicon()
    meant = {meaning for all_of_one in known.meanings.values() for meaning in all_of_one}

    assert set(known.related) | known.asking | known.refusing <= meant


def test_names_are_found_whole() -> None:
    assert named("我的京东白条和qq音乐") == ["京东白条", "qq音乐"]
    assert named("blackberry") == []


def test_the_longest_common_subsequence_is_measured() -> None:
    assert Subsequences("退款流程").shared("退款的流程") == pytest.approx(8 / 9)
    assert Subsequences("").shared("") == 0.0
    assert Subsequences("甲乙").shared("丙丁") == 0.0
