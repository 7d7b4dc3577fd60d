"""What says the same twice, and what contradicts itself, is pointed out; what never meets is left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.twins import find_twins

NOW = FixedClock().now()


def asked(id: str, question: str, answer: str, *aliases: str, keeping: Keeping = OPEN) -> Passage:
    return Passage(id, "人事", "entries", "entry", question, answer, aliases, "", keeping)


def told(document: str, text: str, n: int = 1) -> Passage:
    return Passage(f"{document}#{n}", "人事", document, "passage", "制度", text)


LEAVE = asked("年假", "年假有几天", "满一年的员工每年有五天年假。")


def kinds(*passages: Passage) -> list[tuple[str, str, str]]:
    return [(twins.likeness, twins.one.id, twins.other.id) for twins in find_twins(passages)]


@pytest.mark.parametrize(
    ("other", "likeness"),
    [
        (asked("b", "请问年假有几天？", "看合同。"), "answers"),
        (asked("b", "放假", "看合同。", "年假 有几天"), "answers"),
        (asked("b", "年假有几天呢", "满一年的员工，每年有五天年假"), "copy"),
    ],
)
def test_one_question_twice_is_pointed_out(other: Passage, likeness: str) -> None:
    assert kinds(LEAVE, other) == [(likeness, "年假", "b")]


def test_questions_that_differ_in_little_are_pointed_out() -> None:
    one, other = (asked(id, f"新员工的年假{id}共有几天", "看合同。") for id in "一总")

    assert kinds(one, other) == [("near", "一", "总")]


def test_questions_about_different_things_are_no_twins() -> None:
    assert kinds(LEAVE, asked("b", "病假有几天", "三天。"), asked("c", "年终奖什么时候发", "春节前。")) == []


def test_one_sentence_with_two_numbers_is_a_contradiction() -> None:
    old, new = told("旧.md", "差旅。一线城市住宿标准每晚 450 元。"), told("新.md", "一线城市住宿标准每晚500元；另议。")

    (found,) = find_twins([old, new])

    assert found.likeness == "numbers"
    assert (found.in_one, found.in_other) == ("一线城市住宿标准每晚 450 元", "一线城市住宿标准每晚500元")


def test_the_same_sentence_with_the_same_numbers_is_none() -> None:
    assert kinds(told("a.md", "一线城市住宿标准每晚 450 元。"), told("b.md", "一线城市住宿标准每晚 450 元。")) == []


def test_the_rows_of_one_document_may_differ_in_numbers() -> None:
    assert kinds(told("价.md", "标准间的价格是每晚 450 元", 1), told("价.md", "标准间的价格是每晚 500 元", 2)) == []


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (Keeping(("总部/财务",)), Keeping(("总部/人事",)), False),
        (Keeping(("总部",)), Keeping(("总部/人事",)), True),
        (Keeping(("总部",)), OPEN, True),
        (Keeping(expires_at=NOW), Keeping(effective_at=NOW), False),
        (Keeping(expires_at=NOW + timedelta(minutes=1)), Keeping(effective_at=NOW), True),
    ],
)
def test_what_nobody_is_ever_shown_together_is_no_contradiction(one: Keeping, other: Keeping, meet: bool) -> None:
    pair = [replace(LEAVE, keeping=one), asked("b", "年假有几天", "看合同。", keeping=other)]

    assert bool(find_twins(pair)) is meet


def test_only_the_pairs_of_what_was_asked_for_are_told() -> None:
    passages = [
        LEAVE,
        asked("b", "年假有几天", "七天。"),
        asked("c", "病假有几天", "三天。"),
        asked("d", "病假有几天", "没有。"),
    ]

    assert [twins.one.id for twins in find_twins(passages, among=[("人事", "d")])] == ["c"]
    assert len(find_twins(passages)) == 2


def test_ten_thousand_entries_are_compared_without_comparing_each_with_each() -> None:
    passages = [asked(f"e{n}", f"第{n}号设备的{n * 7}号零件怎么更换", f"按手册第{n}节。") for n in range(10_000)]

    assert all(twins.likeness in ("near", "numbers") for twins in find_twins([*passages, LEAVE]))
