"""Golden questions go the way of contacts' questions; what got worse is named, and thresholds keep a promise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ai_worker.conversation.evaluation import EvalRun, GoldenQuestion, Outcome, Verdict, compare
from ai_worker.conversation.evaluator import Evaluator, golden_evaluator
from ai_worker.conversation.gap_desk import Draft, GapDesk, NoSuchGap
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import FEWEST, HIGHEST, Thresholds, TooFewQuestions, tune
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.library import Library
from ai_worker.storage.opening import Stores, open_stores

CLOCK = FixedClock()
DEFAULT = Bars(ANSWER_AT, CLARIFY_AT)
ENTRIES = [
    Entry("leave", "年假怎么请", ("怎么请年假", "申请年假的流程"), "在 OA 里提交年假申请，主管批准后生效。"),
    Entry("invoice", "发票怎么开", ("开发票要什么资料",), "提供抬头和税号，两个工作日内开好。"),
    Entry("parking", "访客停车怎么登记", (), "在前台登记车牌，当天有效。"),
]
GOLDEN = [
    GoldenQuestion("q1", "怎么请年假", ("leave",), "人事"),
    GoldenQuestion("q2", "发票怎么开", ("invoice",), "财务"),
    GoldenQuestion("q3", "火星上的分公司几点下班", (), "没有"),
]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Stores, Library, Evaluator]]:
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=CLOCK) as stores:
        library = Library(stores.knowledge, clock=CLOCK, index_folder=folder / "index")
        await library.put_entries(ENTRIES, base="default")
        await stores.evaluation.put_golden(GOLDEN, at=CLOCK.now())
        staff = Staff([Worker("xiaozhi", "小智")])
        made = golden_evaluator(
            stores.evaluation, library=library, staff=staff, default=DEFAULT, version="0.1.0", clock=CLOCK
        )
        yield stores, library, made


async def test_a_run_says_what_became_of_each_question_and_is_the_same_every_time(tmp_path: Path) -> None:
    async with site(tmp_path) as (stores, _, evaluator):
        first, nothing = await evaluator.before_and_now()
        again, comparison = await evaluator.before_and_now()

        assert [(one.id, one.verdict) for one in first.outcomes] == [
            ("q1", "right"),
            ("q2", "right"),
            ("q3", "refused"),
        ]
        assert (first.precision, first.score, nothing) == (1.0, 1.0, None)
        assert first.topics() == [("人事", 1, 1), ("没有", 1, 1), ("财务", 1, 1)]
        assert again.outcomes == first.outcomes
        assert comparison is not None
        assert comparison.worse == comparison.better == ()
        assert [run.number for run in await stores.evaluation.runs(9)] == [again.number, first.number]


async def test_what_an_entry_would_make_worse_is_known_before_it_is_published(tmp_path: Path) -> None:
    clumsy = Entry("invoice", "合同怎么盖章", (), "在前台登记后盖章。")
    async with site(tmp_path) as (_, library, evaluator):
        change = await evaluator.would_change([clumsy], base="default")

        assert [now.id for _, now in change.worse] == ["q2"]
        assert library.search("发票怎么开")[0].passage.id == "invoice", "nothing was published"
        assert [now.id for _, now in (await evaluator.would_change([ENTRIES[0]], base="default")).worse] == []
    assert list((tmp_path / "index").glob("trial-*")) == []


async def test_a_gap_that_a_person_answers_is_answered_from_then_on(tmp_path: Path) -> None:
    async with site(tmp_path) as (stores, library, evaluator):
        desk = GapDesk(stores.gaps, knowledge=library, evaluation=stores.evaluation, evaluator=evaluator, clock=CLOCK)
        await nobody_knows(stores, "食堂几点开饭", "食堂什么时候开饭")
        (group,) = await desk.open_groups()
        draft = Draft(group.numbers, group.question, group.others, "11:30 开饭。", "default")
        assert (await desk.check(draft)).worse == ()

        entry = await desk.publish(draft, by="王敏")

        found = library.search("食堂几点开饭")[0]
        assert (found.passage.id, found.passage.text) == (entry, "11:30 开饭。")
        assert found.score >= ANSWER_AT
        assert await desk.open_groups() == []
        assert {one.settled_by for one in await desk.settled(9)} == {"王敏"}
        run = await evaluator.run()
        assert [one.verdict for one in run.outcomes if one.id == entry] == ["right"], "it is a golden question now"


async def test_a_gap_that_is_gone_cannot_be_answered(tmp_path: Path) -> None:
    async with site(tmp_path) as (stores, library, evaluator):
        desk = GapDesk(stores.gaps, knowledge=library, evaluation=stores.evaluation, evaluator=evaluator, clock=CLOCK)

        with pytest.raises(NoSuchGap):
            await desk.publish(Draft((9,), "食堂几点开饭", (), "11:30 开饭。", "default"), by="王敏")
        assert all(found.passage.id != "gap-9" for found in library.search("食堂几点开饭"))


async def nobody_knows(stores: Stores, *questions: str) -> None:
    for number, text in enumerate(questions):
        asked = InboundMessage("desk", f"m{number}", f"u{number}", Contact(f"u{number}"), text, CLOCK.now())
        await stores.pipeline.accept(asked)
        (claim,) = await stores.pipeline.claim(owner="run-1", limit=1, now=CLOCK.now())
        unknown = TurnResult("handoff", Reply("请稍等，同事来回答。"), reason=Reason.UNKNOWN)
        await stores.pipeline.finish(claim, unknown, [], now=CLOCK.now(), response_ms=5.0)


def outcome(number: int, verdict: Verdict, confidence: float, *, right: bool = True) -> Outcome:
    wanted = ("a",) if right else ()
    best = "a" if verdict in ("right", "offered") else "b"
    return Outcome(
        f"q{number:03}", f"问题 {number}", "", wanted, "answer", best, confidence, best, "default", (), verdict
    )


def test_only_what_both_runs_asked_is_compared() -> None:
    before = EvalRun(CLOCK.now(), 1, "0.1.0", tuple(outcome(n, "right", 0.9) for n in range(3)))
    changed = (replace(before.outcomes[0], verdict="missed"), replace(before.outcomes[1], question="换了个问法"))
    now = EvalRun(CLOCK.now(), 2, "0.1.0", (*changed, outcome(7, "wrong", 0.9)))

    comparison = compare(before, now)

    assert [(then.verdict, one.verdict) for then, one in comparison.worse] == [("right", "missed")]
    assert [one.verdict for _, one in compare(now, before).better] == ["right"]


def test_tuning_finds_the_lowest_threshold_that_keeps_the_promise() -> None:
    good = [outcome(n, "right", 0.95 - n / 1000) for n in range(40)]
    bad = [outcome(100 + n, "wrong", 0.5 - n / 1000) for n in range(10)]

    found = tune([*bad, *good], base="default", target=0.95, default=DEFAULT, now=CLOCK.now())

    assert found.reached
    assert found.precision >= 0.95
    assert found.coverage == 0.8
    assert 0.49 < found.threshold.answer_at < 0.5, "two wrong ones among 42 are within the promise"
    assert found.threshold.clarify_at < found.threshold.answer_at


def test_a_promise_that_nothing_keeps_is_not_made() -> None:
    found = tune(
        [outcome(n, "invented", 0.9, right=False) for n in range(FEWEST)],
        base="default", target=0.95, default=DEFAULT, now=CLOCK.now(),
    )  # fmt: skip

    assert (found.reached, found.threshold.answer_at) == (False, HIGHEST)


def test_too_few_questions_tune_nothing() -> None:
    with pytest.raises(TooFewQuestions):
        tune(
            [outcome(n, "right", 0.9) for n in range(FEWEST - 1)],
            base="default", target=0.95, default=DEFAULT, now=CLOCK.now(),
        )  # fmt: skip


def test_a_base_without_thresholds_of_its_own_goes_by_the_products() -> None:
    thresholds = Thresholds(DEFAULT)
    found = tune(
        [outcome(n, "right", 0.9) for n in range(FEWEST)],
        base="default", target=0.9, default=DEFAULT, now=CLOCK.now(),
    )  # fmt: skip
    thresholds.replace([found.threshold])

    assert thresholds.of("default").answer_at == found.threshold.answer_at != DEFAULT.answer_at
    assert thresholds.of("other") == DEFAULT
