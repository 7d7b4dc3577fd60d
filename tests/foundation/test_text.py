"""What comes in is made safe; what goes out is cut where a reader would cut it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.foundation.text import clean, cut_bytes, fold, shorten, split_bytes


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("你好\x00吗", "你好吗"),
        ("a\ud800b", "a\ufffdb"),
        ("一行\r\n两行\r三行", "一行\n两行\n三行"),
        ("  \t订单\x1b[31m到哪了  ", "订单[31m到哪了"),
        ("👍 谢谢", "👍 谢谢"),
    ],
)
def test_control_characters_and_lone_surrogates_are_removed(raw: str, safe: str) -> None:
    assert clean(raw) == safe


@given(st.text())
def test_clean_text_can_always_be_stored_as_utf8(raw: str) -> None:
    safe = clean(raw)

    assert "\x00" not in safe
    assert safe.encode().decode() == safe
    assert clean(safe) == safe


def test_full_width_and_capital_letters_compare_equal_to_plain_ones() -> None:
    assert fold("ＯＲＤ１２３４５　 VPN") == "ord12345 vpn"


def test_a_shortened_text_says_that_something_is_missing() -> None:
    assert shorten("退款将在 5 个工作日内\n原路退回", 10) == "退款将在 5 个工…"
    assert shorten("好的", 10) == "好的"


@given(st.text(alphabet="退款。a！é👍 \n", max_size=200), st.integers(min_value=4, max_value=60))
def test_pieces_keep_every_character_and_stay_within_the_limit(text: str, limit: int) -> None:
    pieces = split_bytes(text, limit)

    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_long_reply_is_split_between_sentences() -> None:
    text = "退货已经签收。退款会在两个工作日内原路退回。请留意银行的到账通知。"

    assert split_bytes(text, 60) == ["退货已经签收。", "退款会在两个工作日内原路退回。", "请留意银行的到账通知。"]


def test_bytes_are_never_cut_inside_a_character() -> None:
    assert cut_bytes("订单号", 7) == "订单"
