"""Bursts: several short messages of one contact are one question, and none of them is ever lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import Choice, Contact, InboundMessage, Reply, Utterance
from ai_worker.conversation.turn import PendingQuestion, TurnInput, TurnResult
from ai_worker.pipeline.burst import MESSAGES, WAITED_FOR, course, joined, whole
from ai_worker.pipeline.store import Claim
from ai_worker.storage.opening import open_stores
from tests.pipeline.desk import CLOCK, SQLITE, desk

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
WINDOW = timedelta(seconds=1)
SOON = NOW + timedelta(milliseconds=200)


def claim(text: str = "你好", **fields: Any) -> Claim:
    message = InboundMessage("desk", "m1", "lin", Contact("lin"), text, NOW)
    made = Claim(1, "t-1", message, 7, 1, 1, False, State.WORKER, False, None, ())
    return replace(made, **fields)


def said(count: int) -> PendingQuestion:
    return PendingQuestion(burst=tuple(f"第 {n} 句" for n in range(count)))


async def echo(given: TurnInput) -> TurnResult:
    return TurnResult("answer", Reply(f"答：{given.message.text}"))


def test_a_message_waits_for_its_window_and_is_then_answered() -> None:
    assert course(claim(), window=WINDOW, now=SOON) == "wait"
    assert course(claim(), window=WINDOW, now=NOW + WINDOW) == "answer"
    assert course(claim(), window=timedelta(0), now=SOON) == "answer"


def test_a_message_joins_the_next_one_that_follows_closely() -> None:
    assert course(claim(next_at=SOON), window=WINDOW, now=SOON) == "join"
    assert course(claim(next_at=SOON), window=WINDOW, now=NOW + timedelta(hours=1)) == "join", "also after a restart"
    assert course(claim(next_at=NOW + 2 * WINDOW), window=WINDOW, now=NOW + 3 * WINDOW) == "answer"


@pytest.mark.parametrize(
    "fields",
    [{"held": True}, {"state": State.HUMAN}, {"attempt": 2}],
    ids=["its answer is due", "a person has taken over", "it failed before"],
)
def test_what_must_not_wait_does_not(fields: dict[str, Any]) -> None:
    assert course(claim(next_at=SOON, **fields), window=WINDOW, now=SOON) == "answer"


def test_a_pressed_button_is_no_part_of_a_burst() -> None:
    pressed = claim()
    pressed = replace(pressed, message=replace(pressed.message, chosen="return-howto"))
    assert course(pressed, window=WINDOW, now=SOON) == "answer"


def test_who_never_stops_is_answered_in_between() -> None:
    assert course(claim(pending=said(MESSAGES - 1), next_at=SOON), window=WINDOW, now=SOON) == "answer"
    assert course(claim(pending=said(WAITED_FOR)), window=WINDOW, now=SOON) == "answer"
    assert course(claim(pending=said(WAITED_FOR), next_at=SOON), window=WINDOW, now=SOON) == "join"


def test_the_last_message_has_the_words_of_all_and_what_was_asked_before_stays_open() -> None:
    asked = PendingQuestion(choices=(Choice("a", "怎么退货"), Choice("b", "怎么换货")))
    first = joined(claim("那个", pending=asked))
    assert (first.decision, first.reply, first.joined) == ("silent", None, True)

    before = (Utterance("user", "退换"), Utterance("assistant", "您想问哪一个？"))
    last = whole(claim("第二个", pending=first.pending, history=(*before, Utterance("user", "那个"))))

    assert last.message.text == "那个\n第二个"
    assert last.pending == asked
    assert last.history == before, "what belongs to the burst is no history of it"


def test_nobody_in_a_group_is_answered_what_another_one_had_begun_to_say() -> None:
    """The one message that the words waited for was given up: they wait for their speaker, not for whoever is next."""
    asks = claim("我的年假还剩几天")
    asks = replace(asks, message=replace(asks.message, group=True))
    waits = joined(asks).pending
    other = replace(asks, pending=waits, message=replace(asks.message, contact=Contact("chen"), text="几点下班"))

    assert whole(other).message.text == "几点下班"
    assert whole(replace(asks, pending=waits)).message.text == "我的年假还剩几天\n我的年假还剩几天"
    assert joined(replace(other, next_at=SOON)).pending == PendingQuestion(
        times=0, burst=("几点下班",), burst_of="chen"
    ), "and a burst of their own is theirs"


async def test_messages_sent_in_quick_succession_are_answered_together(tmp_path: Path) -> None:
    async with desk(tmp_path, echo, window=timedelta(seconds=2)) as at:
        for text in ("在吗", "我上周买的打印机", "能退吗"):
            await at.say(text)
        await at.say("几点下班", who="chen")
        await at.until(lambda: len(at.channel.shown) == 2)

        assert sorted(at.shown()) == ["答：几点下班", "答：在吗\n我上周买的打印机\n能退吗"]
        await at.until(lambda: at.backlog.unfinished == 0)


async def test_a_burst_outlives_a_stop_between_two_of_its_messages(tmp_path: Path) -> None:
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as stores:
        for number, text in enumerate(("在吗", "能退吗")):
            await stores.pipeline.accept(InboundMessage("desk", f"m{number}", "lin", Contact("lin"), text, CLOCK.now()))
        (first,) = await stores.pipeline.claim(owner="run-1", limit=9, now=CLOCK.now())
        await stores.pipeline.finish(first, joined(first), [], now=CLOCK.now(), response_ms=0.0)

    async with desk(tmp_path, echo) as at:
        await at.until(lambda: len(at.channel.shown) == 1)

    assert at.shown() == ["答：在吗\n能退吗"]
