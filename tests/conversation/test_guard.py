"""What of a model's words may be shown, and whether they rest on anything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.conversation.grounding.answer import LONGEST, Check, Shown
from ai_worker.conversation.grounding.verdict import verdict
from ai_worker.conversation.steps.guard import polished, whole_sentences

MATERIAL = ["退款见 https://help.example/refund?from=kb。", "信用卡最迟 5 天到账，储蓄卡 1 到 3 天。"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("见 https://help.example/refund?from=kb。", "见 https://help.example/refund?from=kb。"),
        ("见[退款说明](https://help.example/refund?from=kb)。", "见[退款说明](https://help.example/refund?from=kb)。"),
        ("见[说明](https://evil.example/?q=13800138000)。", "见说明。"),
        ("见 https://help.example/refund?from=kb&leak=1 。", "见  。"),
        ("见 https://help.example@evil.example/ 。", "见  。"),
        ("见 HTTPS://EVIL.EXAMPLE/a。", "见 。"),
        ("见 www.evil.example/a 。", "见  。"),
        ("![图](https://help.example/refund?from=kb)好。", "图好。"),
        ("![图][1]好。", "图好。"),
        ("<a href='https://evil.example'>点</a>", "点"),
        ("[点](javascript:alert(1))", "点)"),
        ("最迟 5 天[2]，见【1】。", "最迟 5 天，见。"),
        ("答案 [1, 2]。", "答案。"),
        ("<think>想\n一想</think>好。", "好。"),
        ("<think>想不完", ""),
        ("想好了</think>好。", "好。"),
    ],
)
def test_only_what_stands_in_the_material_may_be_linked(said: str, shown: str) -> None:
    assert polished(said, material=MATERIAL) == shown


@given(st.text(alphabet="见[](!)<>httpsp:/evil.example 。，a?b=c\n", max_size=80))
def test_whatever_a_model_writes_no_foreign_address_is_left(said: str) -> None:
    assert not re.search(r"https?://[^\s<>\]。，]", polished(said, material=[]))


def test_long_answers_end_with_a_sentence() -> None:
    text = polished("一二三四五六七八九。" * 1_000, material=[])

    assert len(text) <= LONGEST
    assert text.endswith("。")


def test_a_cut_sentence_is_left_out() -> None:
    assert whole_sentences("第一句。第二句没") == "第一句。"
    assert whole_sentences("没有句号") == ""


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("5 天 [2]。", [1]),
        ("5 天 [2][1]。", [1]),
        ("5 天【2】。", [1]),
        ("老板是张三 [9]。", []),
        ("信用卡最迟 5 天到账。", [1]),
        ("老板是张三。", []),
        ("", []),
    ],
)
def test_an_answer_rests_on_what_it_names_or_repeats(said: str, places: list[int]) -> None:
    assert list(Check(Shown(tuple(MATERIAL)), own=False).of(said).rests) == places


def test_the_token_for_no_answer_is_understood_with_decoration() -> None:
    assert verdict("**NO_ANSWER**。").kind == "none"
    assert verdict("没有答案。").kind == "answer"
