"""What every stats store promises."""

from datetime import timedelta

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.ops.stats import ServiceStats
from ai_worker.pipeline.store import FinalState
from tests.contract.material import SILENT, Stores, answered, handed_over


async def _sums(stores: Stores, *, hours: int = 3) -> ServiceStats:
    now = stores.clock.now()
    return await stores.stats.service(since=now - timedelta(hours=hours - 1), until=now + timedelta(seconds=1))


async def _turn(stores: Stores, text: str, result: TurnResult, *, ms: float = 800.0, **fields: object) -> None:
    await stores.accept(text, **fields)  # type: ignore[arg-type]
    claim = await stores.claim_one()
    sent = [stores.outbound(claim, result.reply.text)] if result.reply else []
    await stores.finish(claim, result, *sent, ms=ms)
    for reply in sent:
        await stores.pipeline.settle(reply, "delivered", now=stores.clock.now())


async def test_an_empty_window_has_hours_and_no_times(stores: Stores) -> None:
    sums = await _sums(stores)

    assert (sums.accepted, sums.answered, sums.failed, sums.waiting, sums.conversations) == (0, 0, 0, 0, 0)
    assert (sums.mean_response_ms, sums.p95_response_ms, sums.p99_response_ms) == (None, None, None)
    assert [hour.start.hour for hour in sums.hours] == [4, 5, 6]
    assert sums.since.minute == sums.since.second == 0
    assert all(hour.turns == 0 for hour in sums.hours)


async def test_turns_are_summed_by_decision_channel_and_hour(stores: Stores) -> None:
    await _turn(stores, "一", answered(), ms=400.0)
    await _turn(stores, "二", handed_over(Reason.UNKNOWN), ms=600.0, who="zhao")
    stores.clock.advance(timedelta(hours=1))
    await _turn(stores, "三", SILENT, ms=90_000.0, who="zhao")
    await _turn(stores, "四", TurnResult("clarify", Reply("哪一个？")), ms=2000.0, channel="web")

    sums = await _sums(stores)

    assert (sums.accepted, sums.answered, sums.failed, sums.waiting) == (4, 4, 0, 0)
    assert sums.decisions == {"answer": 1, "handoff": 1, "silent": 1, "clarify": 1}
    assert sums.by_channel == {"service-desk": 3, "web": 1}
    assert sums.conversations == 3
    assert sums.mean_response_ms == pytest.approx(1000.0), "a silent turn has no response time"
    assert [(hour.turns, hour.mean_response_ms, hour.handoffs) for hour in sums.hours] == [
        (0, 0.0, 0),
        (2, 500.0, 1),
        (2, 2000.0, 0),
    ]


async def test_turns_in_progress_are_those_of_living_processes(stores: Stores) -> None:
    await stores.accept("一")
    await stores.accept("二", who="zhao")
    await stores.accept("三", who="qian")
    assert (await _sums(stores)).in_progress == 0

    claims = await stores.claim(owner="runner-of-another-process", limit=2)
    sums = await _sums(stores)
    assert (sums.in_progress, sums.waiting) == (2, 3)

    await stores.finish(claims[0], SILENT)
    assert (await _sums(stores)).in_progress == 1

    stores.clock.advance(timedelta(minutes=1))
    assert (await _sums(stores)).in_progress == 0, "its lease ran out: whoever had it is no more"


async def test_percentiles_are_of_the_windows_turns(stores: Stores) -> None:
    for n in range(100):
        await _turn(stores, f"第 {n} 句", answered(), ms=float(n + 1))

    sums = await _sums(stores)

    assert sums.p95_response_ms == pytest.approx(95.0, abs=1.0)
    assert sums.p99_response_ms == pytest.approx(99.0, abs=1.0)


@pytest.mark.parametrize("state", ["failed", "expired"])
async def test_a_reply_that_could_not_be_delivered_is_a_failure(stores: Stores, state: FinalState) -> None:
    await stores.accept("怎么退货？")
    claim = await stores.claim_one()
    reply = stores.outbound(claim, "可以退货。")
    await stores.finish(claim, answered(), reply)
    on_the_way = await _sums(stores)
    await stores.pipeline.settle(reply, state, now=stores.clock.now())

    sums = await _sums(stores)

    assert (on_the_way.accepted, on_the_way.answered, on_the_way.failed) == (1, 0, 0)
    assert (sums.accepted, sums.answered, sums.failed) == (1, 0, 1)
    assert sums.hours[-1].failed == 1


async def test_what_waits_and_what_was_given_up_is_counted(stores: Stores) -> None:
    await stores.accept("毒消息", "在等")
    await stores.pipeline.bury(await stores.claim_one(), error="坏", now=stores.clock.now())

    sums = await _sums(stores)

    assert (sums.accepted, sums.answered, sums.failed, sums.waiting) == (2, 0, 1, 1)
    assert sums.by_channel == {"service-desk": 2}
    assert sums.hours[-1].failed == 1


async def test_what_came_before_the_window_is_left_out_but_still_waits(stores: Stores) -> None:
    await stores.accept("昨天的")
    stores.clock.advance(timedelta(hours=5))

    sums = await _sums(stores)

    assert (sums.accepted, sums.waiting) == (0, 1)
