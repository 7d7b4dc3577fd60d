"""Replies as plain text messages."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ai_worker.channels.wecom.words import TEXT_BYTES, pieces


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("可以退货。", "可以退货。"),
        ("退款 **1,299.00 元** 已退回", "退款 1,299.00 元 已退回"),
        ("## 办理步骤\n1. 登录\n2. 提交", "办理步骤\n1. 登录\n2. 提交"),
        ("- 身份证\n- 户口本", "• 身份证\n• 户口本"),
        ("见[售后政策](https://a.example/p?id=3)。", '见<a href="https://a.example/p?id=3">售后政策</a>。'),
        ("![流程图](https://evil.example/x.png)如上", "流程图如上"),
        ("[点我](javascript:alert)", "[点我](javascript:alert)"),
        ("3 * 4 * 5 = 60，变量 a__b__c", "3 * 4 * 5 = 60，变量 a__b__c"),
        ("是要问哪一件？\n1. 退货\n2. 换货", "是要问哪一件？\n1. 退货\n2. 换货"),
        ("", ""),
    ],
)
def test_markdown_becomes_what_a_text_message_shows(markdown: str, text: str) -> None:
    assert "".join(pieces(markdown)) == text


def test_a_link_is_never_cut_in_two() -> None:
    link = "[售后政策](https://a.example/policy?id=3;part=4)"
    shown = [pieces("长" * length + "。" + link + "。" + "尾" * 600) for length in range(600, 690)]

    assert all(piece.count("<a ") == piece.count("</a>") for found in shown for piece in found)
    assert any("售后政策 https://a.example/policy?" in "".join(found) for found in shown)  # where a cut fell into it


@pytest.mark.parametrize("mark", ["![", "[", "**a ", "[a](", "![a](", "# ", "- "])
def test_endless_marks_are_just_text(mark: str) -> None:
    assert "".join(pieces(mark * 5_000)).replace(" ", "")


@hypothesis_settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=3_000))
def test_no_piece_is_longer_than_the_platform_takes(markdown: str) -> None:
    assert all(0 < len(piece.encode()) <= TEXT_BYTES for piece in pieces(markdown))
