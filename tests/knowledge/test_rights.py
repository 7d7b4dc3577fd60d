"""Who may read what, and when it holds: part of every search, never of what comes after it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.keeping import OPEN, Keeping, paths_of, readable_from
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.retrieve import ANYBODY, EVERYTHING, ForEverything, Reader
from tests.knowledge.memory_store import MemoryKnowledgeStore

FINANCE = Keeping(departments=("总部/财务",))
NOW = FixedClock().now()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def library(store: MemoryKnowledgeStore, clock: FixedClock, tmp_path: Path) -> Library:
    return Library(store, clock=clock, index_folder=tmp_path / "index")


def bonus(keeping: Keeping | None, *, id: str = "奖金", answer: str = "年终奖按绩效系数发。") -> Entry:
    return Entry(id, "年终奖怎么发", ("年终奖什么时候发",), answer, keeping)


def found(library: Library, reader: Reader = ANYBODY, question: str = "年终奖怎么发") -> list[str]:
    return [scored.passage.id for scored in library.search(question, reader=reader)]


@pytest.mark.parametrize(
    ("department", "reads"),
    [
        ("总部/财务", True),
        ("总部/财务/核算", True),
        (" 总部 / 财务 / 核算 ", True),
        ("总部/行政、总部/财务", True),
        ("总部", False),
        ("总部/财务部", False),
        ("财务", False),
        ("", False),
        (None, False),
    ],
)
async def test_what_is_open_to_a_department_is_open_to_all_below_it(
    library: Library, department: str | None, reads: bool
) -> None:
    await library.put_entries([bonus(FINANCE)], base="default")

    assert found(library, Reader(department)) == (["奖金"] if reads else [])


async def test_a_restricted_passage_takes_no_place_among_those_that_are_found(library: Library) -> None:
    hidden = [bonus(FINANCE, id=f"内部{n}") for n in range(40)]
    await library.put_entries([*hidden, bonus(None, answer="按公司通知。")], base="default")

    for reader in (ANYBODY, Reader("总部/行政")):
        (only,) = library.search("年终奖怎么发", reader=reader, limit=8)
        assert only.passage.text == "按公司通知。"
        assert only.score > 0.9, "what may not be read does not compete either"
    assert len(found(library, Reader("总部/财务"))) == 8
    assert len(found(library, EVERYTHING)) == 8


async def test_words_of_a_restricted_text_alone_find_nothing(library: Library, folder: Path) -> None:
    (folder / "薪酬.md").write_text("# 薪酬\n\n绩效系数由薪酬委员会核定。\n", "utf-8")
    await library.add([folder], keeping=FINANCE)

    assert library.search("绩效系数由薪酬委员会核定") == []
    assert library.search("薪酬", reader=Reader("总部/行政")) == []
    assert found(library, Reader("总部/财务"), "绩效系数由谁核定") == ["薪酬.md#1"]


async def test_an_administrators_trial_reads_everything_that_is_in_effect(library: Library, clock: FixedClock) -> None:
    await library.put_entries(
        [bonus(FINANCE), bonus(Keeping(expires_at=clock.now()), id="过期")],
        base="default",
    )

    found_all = ForEverything(library).search("年终奖怎么发", reader=Reader("总部/行政"))

    assert [scored.passage.id for scored in found_all] == ["奖金"]


async def test_dates_take_effect_by_the_clock_alone(library: Library, clock: FixedClock) -> None:
    start = clock.now() + timedelta(minutes=1)
    held = Keeping(effective_at=start, expires_at=start + timedelta(minutes=1))
    await library.put_entries([bonus(held)], base="default")

    assert found(library) == []
    clock.advance(timedelta(seconds=59))
    assert found(library) == []
    clock.advance(timedelta(seconds=1))
    assert found(library) == ["奖金"]
    clock.advance(timedelta(seconds=59))
    assert found(library) == ["奖金"]
    clock.advance(timedelta(seconds=1))
    assert found(library) == found(library, EVERYTHING) == []


async def test_what_is_out_of_effect_leaves_its_place_to_what_is_in_effect(library: Library) -> None:
    past = Keeping(expires_at=NOW - timedelta(days=1))
    await library.put_entries([bonus(past, id=f"旧{n}") for n in range(40)], base="default")
    await library.put_entries([bonus(None, answer="新的办法。")], base="default")

    assert found(library) == ["奖金"]


async def test_adding_a_document_again_does_not_open_it(library: Library, folder: Path) -> None:
    (folder / "薪酬.md").write_text("# 薪酬\n\n年终奖按绩效系数发。\n", "utf-8")
    await library.add([folder], keeping=FINANCE)
    (folder / "薪酬.md").write_text("# 薪酬\n\n年终奖按绩效系数和出勤发。\n", "utf-8")

    await library.add([folder])

    assert found(library) == []
    assert found(library, Reader("总部/财务")) == ["薪酬.md#1"]
    await library.add([folder], keeping=OPEN)
    assert found(library) == ["薪酬.md#1"]


async def test_an_entry_that_is_handed_in_again_does_not_become_open(library: Library) -> None:
    await library.put_entries([bonus(FINANCE)], base="default")

    await library.put_entries([{"id": "奖金", "question": "年终奖怎么发", "answer": "看通知。"}], base="default")

    assert found(library) == []
    assert library.search("年终奖怎么发", reader=Reader("总部/财务"))[0].passage.text == "看通知。"


def test_departments_are_read_as_people_write_them() -> None:
    assert paths_of("总部 / 财务/；人事，人事、") == ("总部/财务", "人事")
    assert readable_from("a/b/c") == {"a", "a/b", "a/b/c"}
    assert readable_from("/") == readable_from(None) == frozenset()


OFFSETS = st.none() | st.integers(-3, 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
DEPARTMENT = st.sampled_from(["a", "a/b", "a/b/c", "d", "*", "restricted"])
KEEPINGS = st.builds(Keeping, st.lists(DEPARTMENT, max_size=2, unique=True).map(tuple), OFFSETS, OFFSETS)


@settings(deadline=None, max_examples=40)
@given(kept=st.lists(KEEPINGS, min_size=1, max_size=6), department=st.none() | DEPARTMENT, minutes=st.integers(-4, 4))
async def test_the_index_finds_exactly_what_the_rule_says(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Keeping], department: str | None, minutes: int
) -> None:
    clock = FixedClock(NOW + timedelta(minutes=minutes))
    library = Library(MemoryKnowledgeStore(), clock=clock, index_folder=tmp_path_factory.mktemp("index"))
    await library.put_entries([bonus(keeping, id=f"e{n}") for n, keeping in enumerate(kept)], base="default")

    for reader in (Reader(department), replace(Reader(department), everything=True)):
        expected = {f"e{n}" for n, keeping in enumerate(kept) if reader.finds(keeping, clock.now())}
        assert set(found(library, reader)) == expected
