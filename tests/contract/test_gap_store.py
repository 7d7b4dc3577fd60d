"""What every store promises of gaps, golden questions and what was tuned on them."""

from dataclasses import replace
from datetime import timedelta

from ai_worker.conversation.evaluation import RUNS_KEPT, EvalRun, GoldenQuestion, Outcome, Threshold
from ai_worker.conversation.handoff import Reason
from ai_worker.learning.feedback import Rating
from tests.contract.material import Stores, answered, handed_over


async def unanswered(stores: Stores, text: str) -> None:
    await stores.pipeline.accept(stores.message(text, id=f"{text}/{stores.clock.now()}"))
    await stores.finish(await stores.claim_one(), handed_over(Reason.UNKNOWN))
    stores.clock.advance(timedelta(seconds=1))


async def test_a_gap_that_is_answered_opens_again_when_it_is_not_answered_again(stores: Stores) -> None:
    await unanswered(stores, "发票抬头怎么改")
    (gap,) = await stores.gaps.open_gaps(9)

    now = stores.clock.now()
    assert await stores.gaps.settle([gap.number], "answered", by="王敏", at=now, base="default", entry_id="gap-1") == 1
    assert await stores.gaps.open_gaps(9) == []
    (settled,) = await stores.gaps.settled_gaps(9)
    assert (settled.state, settled.entry_id, settled.settled_by, settled.settled_at) == (
        "answered",
        "gap-1",
        "王敏",
        now,
    )

    await unanswered(stores, "发票抬头怎么改")
    (again,) = await stores.gaps.open_gaps(9)
    assert (again.number, again.times, again.entry_id) == (gap.number, 2, "gap-1")


async def test_a_dismissed_gap_stays_away_until_somebody_puts_it_back(stores: Stores) -> None:
    await unanswered(stores, "今晚吃什么")
    (gap,) = await stores.gaps.open_gaps(9)
    await stores.gaps.settle([gap.number], "dismissed", by="王敏", at=stores.clock.now())

    await unanswered(stores, "今晚吃什么")
    assert await stores.gaps.open_gaps(9) == []
    assert [one.times for one in await stores.gaps.by_number([gap.number, 999])] == [2]

    await stores.gaps.settle([gap.number], "open", by="王敏", at=stores.clock.now())
    assert [one.question for one in await stores.gaps.open_gaps(9)] == ["今晚吃什么"]


async def test_an_answer_that_did_not_help_is_a_gap_once_for_each_who_says_so(stores: Stores) -> None:
    (turn,) = await stores.accept("能开专票吗")
    await stores.finish(await stores.claim_one(), answered("可以退货。"))
    bad = Rating(turn, "down", stores.clock.now(), "service-desk", "wang-fang")

    for rating in (bad, bad, replace(bad, contact="li-lei")):
        assert await stores.feedback.record(rating)

    (gap,) = await stores.gaps.open_gaps(9)
    assert (gap.kind, gap.times, gap.question, gap.said) == ("disliked", 2, "能开专票吗", "可以退货。")
    assert not await stores.feedback.record(replace(bad, turn_id="t-nobody"))


async def test_a_gap_is_counted_under_the_question_in_full(stores: Stores) -> None:
    for number, said in enumerate(("那 P80 呢", "P80 能以旧换新吗")):
        await stores.pipeline.accept(stores.message(said, id=f"m-{number}"))
        unknown = replace(handed_over(Reason.UNKNOWN), question="P80 能以旧换新吗")
        await stores.finish(await stores.claim_one(), unknown)
    (turn,) = await stores.accept("第二个")
    await stores.finish(await stores.claim_one(), replace(answered("由您承担。"), question="退货的运费谁出"))
    await stores.feedback.record(Rating(turn, "down", stores.clock.now(), "service-desk", "wang-fang"))

    gaps = {(gap.question, gap.times) for gap in await stores.gaps.open_gaps(9)}
    assert gaps == {("P80 能以旧换新吗", 2), ("退货的运费谁出", 1)}


async def test_an_answer_that_helped_is_no_gap(stores: Stores) -> None:
    (turn,) = await stores.accept("能开专票吗")
    await stores.finish(await stores.claim_one(), answered("可以。"))

    await stores.feedback.record(Rating(turn, "up", stores.clock.now(), "service-desk", "wang-fang"))

    assert await stores.gaps.open_gaps(9) == []


async def test_golden_questions_are_replaced_by_id(stores: Stores) -> None:
    first = GoldenQuestion("q1", "怎么退货", ("return",), topic="售后")
    other = GoldenQuestion("q2", "火星上有店吗", (), source="gap")
    now = stores.clock.now()
    await stores.evaluation.put_golden([other, first], at=now)
    await stores.evaluation.put_golden([replace(first, answer_ids=("return", "exchange"))], at=now)

    assert await stores.evaluation.golden() == [
        replace(first, answer_ids=("return", "exchange"), added_at=now),
        replace(other, added_at=now),
    ]
    assert await stores.evaluation.remove_golden(["q1", "nobody"]) == 1
    assert [one.id for one in await stores.evaluation.golden()] == ["q2"]


async def test_runs_are_kept_up_to_a_number_the_latest_first(stores: Stores) -> None:
    outcome = Outcome("q1", "怎么退货", "售后", ("return",), "answer", "return", 0.9, "return", "default", (), "right")
    run = EvalRun(stores.clock.now(), 7, "0.1.0", (outcome,))

    numbers = [await stores.evaluation.keep_run(run) for _ in range(RUNS_KEPT + 2)]

    kept = await stores.evaluation.runs(99)
    assert [one.number for one in kept] == numbers[:1:-1]
    assert kept[0] == replace(run, number=numbers[-1])


async def test_a_base_goes_by_what_it_was_tuned_to_last(stores: Stores) -> None:
    tuned = Threshold("default", 0.95, 0.8, 0.33, 60, stores.clock.now())
    await stores.evaluation.put_threshold(tuned)
    await stores.evaluation.put_threshold(replace(tuned, answer_at=0.7))

    assert await stores.evaluation.thresholds() == [replace(tuned, answer_at=0.7)]
    assert await stores.evaluation.remove_threshold("default")
    assert not await stores.evaluation.remove_threshold("default")
    assert await stores.evaluation.thresholds() == []
