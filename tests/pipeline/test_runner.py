"""Turns are run in order, side by side, and never lost: not by a defect, not by a stop."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.pipeline import caution, recorder
from ai_worker.pipeline import runner as runner_module
from ai_worker.pipeline.board import Delta, Finished, Restart
from ai_worker.pipeline.facts import TurnGivenUp
from ai_worker.pipeline.store import Accepted
from ai_worker.storage.opening import open_stores
from tests.pipeline.desk import CLOCK, SQLITE, Desk, desk


async def echo(given: TurnInput) -> TurnResult:
    return TurnResult("answer", Reply(f"答{given.message.text}"))


async def begun(given: TurnInput) -> TurnResult:
    return TurnResult("answer", Reply("订单已发货。"))


async def test_a_conversation_is_answered_in_the_order_in_which_it_was_accepted(tmp_path: Path) -> None:
    async with desk(tmp_path, echo) as at:
        for number in range(30):
            await at.say(f"第 {number} 句")
        await at.until(lambda: len(at.channel.shown) == 30)

    assert at.shown() == [f"答第 {number} 句" for number in range(30)]


async def test_no_more_turns_than_allowed_are_in_progress_and_the_rest_wait_on_disk(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def slow(given: TurnInput) -> TurnResult:
        await go.wait()
        return await echo(given)

    async with desk(tmp_path, slow, limit=3) as at:
        for number in range(10):
            await at.say("在吗", who=f"u{number}")
        await at.until(lambda: at.runner.active == 3)
        await asyncio.sleep(0.1)

        assert (at.runner.active, at.backlog.unfinished) == (3, 10)
        go.set()
        await at.until(lambda: len(at.channel.shown) == 10)
        assert (at.runner.peak, at.backlog.unfinished) == (3, 0)


async def test_new_turns_let_a_crowd_of_senders_pass_and_go_on_even_if_it_has_no_end(tmp_path: Path) -> None:
    async with desk(tmp_path, echo) as at:
        at.crowded = True
        await asyncio.sleep(0.6)  # whatever the runner was at, it now waits for the crowd to pass
        await at.say("在吗")
        await asyncio.sleep(0.2)
        waited = not at.channel.shown

        await at.until(lambda: len(at.channel.shown) == 1)

    assert waited


async def test_a_message_that_breaks_its_turn_is_tried_again_and_the_others_go_on(tmp_path: Path) -> None:
    async def fragile(given: TurnInput) -> TurnResult:
        if given.message.text == "坏消息" and given.attempt < 2:
            raise ZeroDivisionError("a defect")
        return await echo(given)

    async with desk(tmp_path, fragile) as at:
        await at.say("坏消息")
        await at.say("好消息", who="zhou")
        await at.until(lambda: len(at.channel.shown) == 2)

    assert at.shown() == ["答好消息", "答坏消息"]


async def test_a_message_that_always_breaks_becomes_a_dead_letter_and_its_conversation_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_BASE_S", 0.01)
    given_up: list[TurnGivenUp] = []

    async def poison(given: TurnInput) -> TurnResult:
        if given.message.text == "毒":
            raise ZeroDivisionError("a defect")
        return await echo(given)

    async with desk(tmp_path, poison) as at:
        at.events.subscribe(TurnGivenUp, given_up.append)
        dead = await at.say("毒")
        await at.say("下一句")
        await at.until(lambda: len(at.channel.shown) == 1)
        record = await at.stores.conversations.turn(dead.turn_id)

    assert [given.attempt for given in at.turns.given if given.message.text == "毒"] == [1, 2, 3, 4, 5]
    assert [fact.turn_id for fact in given_up] == [dead.turn_id]
    assert record is not None
    assert record.state == "dead"


async def test_a_slow_turn_tells_the_contact_once_and_answers_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "HOLDING_AFTER_S", 0.1)

    async def slow(given: TurnInput) -> TurnResult:
        await asyncio.sleep(0.5)
        return await echo(given)

    async with desk(tmp_path, slow) as at:
        await at.say("写一份总结")
        await at.until(lambda: len(at.channel.shown) == 2)

    assert at.shown() == ["正在处理，请稍候。", "答写一份总结"]


async def test_a_held_message_is_announced_once_and_answered_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SHORTEST_PAUSE_S", 0.05)

    async def later(given: TurnInput) -> TurnResult:
        if len(at.turns.given) < 4:
            return TurnResult("handoff", Reply("稍后答复您。"), hold=True)
        return await echo(given)

    async with desk(tmp_path, later) as at:
        await at.say("写一份总结")
        await at.until(lambda: len(at.channel.shown) == 2)

    assert at.shown() == ["稍后答复您。", "答写一份总结"]
    assert [given.held for given in at.turns.given] == [False, True, True, True]


async def test_a_message_that_waited_too_long_for_the_model_gets_its_last_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SHORTEST_PAUSE_S", 0.05)
    monkeypatch.setattr(runner_module, "HELD_AT_MOST_S", 0.5)

    async def never(given: TurnInput) -> TurnResult:
        if given.last_chance:
            return TurnResult("handoff", Reply("已经转给同事。"))
        return TurnResult("handoff", Reply("稍后答复您。") if not given.held else None, hold=True)

    async with desk(tmp_path, never) as at:
        await at.say("写一份总结")
        await at.until(lambda: len(at.channel.shown) == 2)

    assert at.shown() == ["稍后答复您。", "已经转给同事。"]


async def test_turns_cut_off_by_a_stop_are_answered_after_the_next_start(tmp_path: Path) -> None:
    async def endless(given: TurnInput) -> TurnResult:
        await asyncio.sleep(3600)
        raise AssertionError

    async with desk(tmp_path, endless, drain_s=0.05) as at:
        for number in range(5):
            await at.say("在吗", who=f"u{number}")
        await at.until(lambda: at.runner.active == 5)
    async with desk(tmp_path, echo) as again:
        await again.until(lambda: len(again.channel.shown) == 5)

    assert again.shown() == ["答在吗"] * 5


async def test_a_duplicate_is_accepted_and_answered_once(tmp_path: Path) -> None:
    async with desk(tmp_path, echo) as at:
        first = await at.say("订单到哪了")
        again = await at.say("订单到哪了")
        await at.until(lambda: len(at.channel.shown) == 1)
        await asyncio.sleep(0.2)

    assert again == Accepted(first.turn_id, first.conversation_id, duplicate=True)
    assert len(at.channel.shown) == 1


async def test_whoever_listens_to_a_turn_hears_its_words_and_its_end(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def after(given: TurnInput) -> TurnResult:
        await go.wait()
        return await begun(given)

    async with desk(tmp_path, after, limit=1) as at:
        await at.say("先来的", who="zhou")
        accepted = await at.say("订单到哪了")
        with at.board.turn(accepted.turn_id) as listener:
            go.set()
            notes = [await asyncio.wait_for(listener.next(), 10) for _ in range(2)]

    assert notes[0] == Delta(accepted.turn_id, "订单")
    assert isinstance(notes[1], Finished)
    assert notes[1].turn_id == accepted.turn_id


async def test_words_that_the_answer_takes_back_are_declared_void(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def other_words(given: TurnInput) -> TurnResult:
        await go.wait()
        return TurnResult("answer", Reply("包裹已经发出。"))

    async with desk(tmp_path, other_words, limit=1) as at:
        await at.say("先来的", who="zhou")
        accepted = await at.say("订单到哪了")
        with at.board.turn(accepted.turn_id) as listener:
            go.set()
            notes = [await asyncio.wait_for(listener.next(), 10) for _ in range(3)]

    assert notes[:2] == [Delta(accepted.turn_id, "订单"), Restart(accepted.turn_id)]


async def test_response_time_counts_from_accept(tmp_path: Path) -> None:
    async def slow(given: TurnInput) -> TurnResult:
        await asyncio.sleep(0.2)
        return await echo(given)

    async with desk(tmp_path, slow) as at:
        await at.say("订单到哪了")
        await at.until(lambda: len(at.channel.shown) == 1)
        stats = await at.stores.stats.service(since=CLOCK.now() - timedelta(hours=1), until=CLOCK.now())

    assert stats.mean_response_ms is not None
    assert stats.mean_response_ms >= 200


async def test_nothing_is_said_by_the_worker_once_a_person_has_taken_over(tmp_path: Path) -> None:
    """The person takes over while the model is writing: the answer is dropped, the message is theirs."""
    at_work, go = asyncio.Event(), asyncio.Event()

    async def slow(given: TurnInput) -> TurnResult:
        if given.human:
            return TurnResult("silent", None)
        at_work.set()
        await go.wait()
        return await echo(given)

    async with desk(tmp_path, slow) as at:
        accepted = await at.say("钱还没到账")
        await at_work.wait()
        await at.stores.conversations.take_over(accepted.conversation_id, "李娜", CLOCK.now())
        go.set()
        await at.until(lambda: [given.human for given in at.turns.given] == [False, True])
        await at.until(lambda: at.backlog.unfinished == 0)

        assert at.shown() == []
        thread = await at.stores.conversations.thread(accepted.conversation_id)
        assert [item.author for item in thread] == ["contact", "notice"]
        assert await at.stores.dead_letters.count() == 0


async def test_a_message_that_came_before_the_hand_back_is_answered_after_it(tmp_path: Path) -> None:
    at_work, go = asyncio.Event(), asyncio.Event()

    async def slow(given: TurnInput) -> TurnResult:
        if given.human:
            at_work.set()
            await go.wait()
            return TurnResult("silent", None)
        return await echo(given)

    async with desk(tmp_path, slow) as at:
        first = await at.say("在吗")
        await at.until(lambda: at.shown() == ["答在吗"])
        await at.stores.conversations.take_over(first.conversation_id, "李娜", CLOCK.now())
        await at.say("还有一件事")
        await at_work.wait()
        await at.stores.conversations.hand_back(first.conversation_id, "李娜", CLOCK.now())
        go.set()
        await at.until(lambda: at.shown() == ["答在吗", "答还有一件事"])


async def test_after_a_death_a_few_are_begun_and_what_waits_behind_them_does_not_count_as_tried(tmp_path: Path) -> None:
    async def never(given: TurnInput) -> TurnResult:
        await asyncio.sleep(60)
        return await echo(given)

    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as stores:
        at = Desk(stores, tmp_path, never, limit=500)
        for number in range(200):
            await at.say("在吗", who=f"u{number}")
        at.runner.begin_carefully()
        running = asyncio.create_task(at.runner.run())
        await at.until(lambda: at.runner.active == caution.CAREFUL_TURNS)
        running.cancel()
        await at.runner.drain(0)

        await stores.pipeline.recover(owner="run-2")
        claims = await stores.pipeline.claim(owner="run-2", limit=200, now=CLOCK.now())
        assert sum(claim.attempt > 1 for claim in claims) == caution.CAREFUL_TURNS


async def test_each_turn_that_ends_lets_some_more_begin(tmp_path: Path) -> None:
    async with desk(tmp_path, echo, limit=500) as at:
        at.runner.begin_carefully()
        for number in range(300):
            await at.say("在吗", who=f"u{number}")
        await at.until(lambda: len(at.channel.shown) == 300)


async def test_what_earlier_processes_may_have_died_of_waits_until_this_one_has_lived_on(
    tmp_path: Path,
) -> None:
    """Its end, when it is ended from outside again and again, says nothing of a message that it has not begun."""
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as stores:
        at = Desk(stores, tmp_path, echo, limit=500)
        await at.say("在吗", who="suspect")
        for death in range(caution.ALONE_FROM - 1):
            assert len(await stores.pipeline.claim(owner=f"run-{death}", limit=10, now=CLOCK.now())) == 1
            await stores.pipeline.recover(owner="the next")
        for number in range(30):
            await at.say("在吗", who=f"u{number}")
        at.runner.begin_carefully()
        running = asyncio.create_task(at.runner.run())
        await at.until(lambda: len(at.channel.shown) == 30)
        running.cancel()
        await at.runner.drain(1)

        assert [given.message.contact.id for given in at.turns.given if given.message.contact.id == "suspect"] == []
        later = CLOCK.now() + timedelta(seconds=caution.SETTLED_S)
        [claim] = await stores.pipeline.claim(owner="run-9", limit=10, now=later)
        assert claim.attempt == caution.ALONE_FROM


async def test_what_a_process_may_have_died_of_is_tried_with_nothing_beside_it(tmp_path: Path) -> None:
    beside: list[int] = []

    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as stores:

        async def count(given: TurnInput) -> TurnResult:
            if given.attempt >= caution.ALONE_FROM:
                beside.append(at.runner.active)
            await asyncio.sleep(0.01)
            return await echo(given)

        at = Desk(stores, tmp_path, count, limit=500)
        for number in range(10):
            await at.say("在吗", who=f"u{number}")
        for death in range(caution.ALONE_FROM - 1):
            assert len(await stores.pipeline.claim(owner=f"run-{death}", limit=10, now=CLOCK.now())) == 10
            await stores.pipeline.recover(owner="the next")
        for number in range(10, 40):
            await at.say("在吗", who=f"u{number}")
        running = asyncio.create_task(at.runner.run())
        await at.until(lambda: len(at.channel.shown) == 40)
        running.cancel()
        await at.runner.drain(1)
    assert beside == [1] * 10
