"""What the demo shows: readable in any width, plain without a terminal, and keys that leave no trace."""

import io
import os
import termios
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import Decision, TurnResult
from ai_worker.demo.company import GAO, LIN, SHEN, Question
from ai_worker.demo.exchange import Exchange
from ai_worker.demo.keyboard import Keys
from ai_worker.demo.load import Load
from ai_worker.demo.outcome import Tally
from ai_worker.demo.phones import Bubble
from ai_worker.demo.screen import Screen, wrapped
from ai_worker.demo.words import WORDS, Language
from ai_worker.knowledge.citation import Citation

SHANGHAI = ZoneInfo("Asia/Shanghai")
CITED = Citation("售后政策.md#7", "售后政策.md", "售后政策 §3.2", "我们收到退回的货…", 0.93)


def exchange(decision: Decision = "answer", problem: str = "") -> Exchange:
    return Exchange(
        name="knowledge",
        question=Question(LIN, "退款多久到账？"),
        asked_at=datetime(2026, 11, 22, 6, 24, 8, tzinfo=UTC),
        seconds=0.0512,
        reply="发起后支付宝和微信当天到账，\n\n依据：《售后政策》§3.2",
        result=TurnResult(decision, Reply("…"), citations=(CITED,) if decision == "answer" else ()),
        replies=1,
        problem=problem,
    )


def shown(language: Language = "zh-CN", **what: Exchange) -> str:
    out = io.StringIO()
    screen = Screen(out, language=language, zone=SHANGHAI)
    for one in what.values():
        screen.exchange(one)
    return out.getvalue()


def test_an_exchange_is_shown_in_local_time_as_the_contact_sees_it() -> None:
    lines = shown(one=exchange()).splitlines()

    assert lines[0].split() == ["14:24:08", "企业微信", "林晓燕", "退款多久到账？"]
    assert lines[1].split() == ["小智", "发起后支付宝和微信当天到账，"]
    assert lines[2].strip() == "依据：《售后政策》§3.2"
    assert lines[3].strip() == "0.05 秒"
    assert len({cell_len(line) - cell_len(line.lstrip()) for line in lines[2:]}) == 1


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "→ 转人工"), ("en", "→ handoff")])
def test_a_handoff_says_so(language: Language, words: str) -> None:
    assert words in shown(language, one=exchange("handoff"))


def test_a_problem_is_named() -> None:
    assert "不对：no reply within 10 s" in shown(one=exchange(problem="no reply within 10 s"))


def test_a_pressed_button_is_told_from_words_and_a_stored_rating_said() -> None:
    rated = replace(
        exchange(), question=Question(SHEN, "有帮助"), act="rated", by_button=True, stored=True, reply="谢谢！"
    )
    lines = shown(one=rated).splitlines()

    assert lines[0].split() == ["14:24:08", "飞书", "沈佳怡", "［按下］有帮助"]
    assert lines[1].split() == ["小智", "谢谢！（评价已入库）"]
    assert len(lines) == 2


def test_what_is_not_for_the_worker_is_shown_as_not_answered() -> None:
    forged = replace(exchange(), act="forged", result=None, reply="", status=403)
    overheard = replace(
        exchange(), question=Question(GAO, "一起吃饭吗？"), act="overheard", group=True, result=None, reply=""
    )
    printed = shown(one=forged, two=overheard)

    assert "［伪造的消息］退款多久到账？" in printed
    assert "已拒绝（403）" in printed
    assert "群里 · 一起吃饭吗？" in printed
    assert "没有 @小智" in printed


def test_a_question_in_a_group_shows_whom_it_mentions_and_the_reply_its_buttons() -> None:
    grouped = replace(
        exchange(), question=Question(GAO, "怎么开发票？"), group=True, bubble=Bubble("…", ("有帮助", "没帮助"))
    )
    printed = shown(one=grouped)

    assert "群里 · @小智 怎么开发票？" in printed
    assert "按钮 ［有帮助］ ［没帮助］" in printed


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_keys_fit_a_terminal_of_eighty_columns(language: Language) -> None:
    assert cell_len("  " + WORDS[language]["keys"]) < 80


def test_without_a_terminal_nothing_is_rewritten_and_nothing_coloured() -> None:
    out = io.StringIO()
    screen = Screen(out, language="zh-CN", zone=SHANGHAI)
    screen.title()
    screen.part("connectors", {"tools": 2}, 0.12)
    screen.exchange(exchange())
    screen.status(Tally())
    screen.loading(Load(began=0, now=1))
    screen.close()

    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert "[空格]" not in out.getvalue()


def test_the_score_counts_what_was_right_and_how_fast() -> None:
    tally = Tally()
    tally.add(exchange())
    tally.add(exchange(problem="something"))

    assert Screen(io.StringIO(), language="zh-CN", zone=SHANGHAI).score(tally) == "成功 1/2 · 平均 0.05 秒"


def test_every_phrase_exists_in_both_languages() -> None:
    assert WORDS["zh-CN"].keys() == WORDS["en"].keys()


@given(text=st.text(alphabet="退款多久到账，。（） abcORD12345\n", max_size=120), cells=st.integers(20, 60))
def test_wrapping_loses_nothing_and_fits(text: str, cells: int) -> None:
    lines = wrapped(text, cells)

    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= cells or " " not in line for line in lines)


def test_an_order_number_is_never_cut_in_two() -> None:
    assert wrapped("您的订单是 ORD12345 对吗", 16) == ["您的订单是", "ORD12345 对吗"]


def test_no_line_begins_with_a_full_stop() -> None:
    assert wrapped("退款当天到账。最迟五天。", 12) == ["退款当天到", "账。最迟五", "天。"]


def test_percentiles_are_of_what_was_measured() -> None:
    load = Load(began=0, now=10, seconds=[second / 100 for second in range(100, 0, -1)])

    assert (load.percentile(0.5), load.percentile(0.95), load.percentile(0.99)) == (0.5, 0.95, 0.99)
    assert load.per_second == 10
    assert Load(began=0, now=10).percentile(0.99) == 0


async def test_keys_are_heard_without_enter_and_the_terminal_is_left_as_it_was() -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)

    async with Keys(theirs) as keys:
        os.write(ours, b" P")
        assert [await keys.next(), await keys.next()] == [" ", "p"]
        assert not termios.tcgetattr(theirs)[3] & termios.ICANON

    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)


async def test_a_terminal_that_goes_away_quits() -> None:
    ours, theirs = os.openpty()
    async with Keys(theirs) as keys:
        os.close(ours)
        assert await keys.next() == "q"
    os.close(theirs)
