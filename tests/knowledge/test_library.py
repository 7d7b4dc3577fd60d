"""What is in the store is found, wherever it was changed, and the same question finds the same."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock, SystemClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.desk import Entry, KnowledgeDesk
from ai_worker.knowledge.index_folder import IndexFolder
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.retrieve import Retriever
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore
from tests.knowledge.memory_store import MemoryKnowledgeStore

SHOP: list[dict[str, object]] = [
    {"id": "退货", "question": "怎么申请退货", "aliases": ["如何退货", "退货流程"], "answer": "在订单页点申请退货。"},
    {"id": "退款", "question": "退款多久到账", "aliases": "退款几天能到|什么时候退款", "answer": "三个工作日内到账。"},
    {"id": "发票", "question": "怎么开发票", "aliases": ["可以开专票吗"], "answer": "在订单详情里申请，发到邮箱。"},
    {"id": "保修", "question": "产品保修多久", "aliases": ["坏了能修吗"], "answer": "整机一年，主要部件三年。"},
    {"id": "会员", "question": "怎么成为会员", "aliases": [], "answer": "消费满五百元自动成为银卡会员。"},
    {"id": "地址", "question": "", "aliases": [], "answer": "总部位于杭州市滨江区，地铁六号线江汉路站出来即到。"},
]


def ids(library: Library, question: str, **options: object) -> list[str]:
    return [scored.passage.id for scored in library.search(question, **options)]  # type: ignore[arg-type]


async def test_a_library_is_what_turns_and_doors_ask_for(library: Library) -> None:
    retriever: Retriever = library
    desk: KnowledgeDesk = library

    await desk.put_entries([Entry("a", "怎么请假", ("请假流程",), "在系统里申请。")], base="default")

    assert retriever.search("请假流程")[0].passage.answer_id == "a"


async def test_an_empty_library_finds_nothing(library: Library) -> None:
    assert library.search("怎么退货") == []
    await library.refresh()
    assert library.search("怎么退货") == []


@pytest.mark.parametrize("question", ["", "   ", "？！", "\x00"])
async def test_an_empty_question_finds_nothing(library: Library, question: str) -> None:
    await library.put_entries(SHOP, base="default")

    assert library.search(question) == []


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("怎么申请退货", "退货"),
        ("怎么申请退货？", "退货"),
        ("你好，请问怎么申请退货呢", "退货"),
        ("怎么申请退或", "退货"),
        ("如何退貨", "退货"),
        ("退款几天能到账", "退款"),
        ("可以开专票吗？谢谢", "发票"),
        ("ＶＩＰ会员怎么成为", "会员"),
    ],
)
async def test_exact_and_nearly_exact_questions_may_be_answered(library: Library, question: str, expected: str) -> None:
    await library.put_entries(SHOP, base="default")

    best = library.search(question)[0]

    assert best.passage.id == expected
    assert best.score >= (ANSWER_AT if question in {"如何退貨", "ＶＩＰ会员怎么成为"} else 0.85)


@pytest.mark.parametrize("question", ["今天天气不错", "给我讲个笑话", "怎么炒股", "1+1等于几", "how are you"])
async def test_unrelated_questions_are_not_even_asked_back(library: Library, question: str) -> None:
    await library.put_entries(SHOP, base="default")

    assert all(scored.score <= CLARIFY_AT for scored in library.search(question))


async def test_what_an_answer_says_is_searched_too(library: Library) -> None:
    await library.put_entries(SHOP, base="default")

    assert ids(library, "总部在滨江区哪个地铁站")[0] == "地址"
    assert library.search("总部在滨江区哪个地铁站")[0].passage.kind == "passage"


async def test_the_wording_that_matched_is_told(library: Library) -> None:
    await library.put_entries(SHOP, base="default")

    assert library.search("什么时候退款呢")[0].matched == "什么时候退款"


async def test_two_different_answers_that_fit_alike_are_asked_back(library: Library) -> None:
    await library.put_entries(
        [
            {"id": "北京", "question": "营业时间", "answer": "九点到十八点。"},
            {"id": "上海", "question": "营业时间", "answer": "十点到二十点。"},
        ],
        base="default",
    )

    first, second = library.search("营业时间")

    assert CLARIFY_AT <= second.score <= first.score < ANSWER_AT


async def test_the_same_answer_twice_is_no_tie(library: Library) -> None:
    entry = {"question": "营业时间", "answer": "九点到十八点。"}
    await library.put_entries([{**entry, "id": "a"}, {**entry, "id": "b"}], base="default")

    assert library.search("营业时间")[0].score >= ANSWER_AT


async def test_only_the_bases_that_were_asked_for_are_searched(library: Library) -> None:
    await library.put_entries([{"id": "a", "question": "怎么请假", "answer": "在系统里申请。"}], base="人事")
    await library.put_entries([{"id": "a", "question": "怎么请假条", "answer": "打印后盖章。"}], base="行政")

    assert [scored.passage.base for scored in library.search("怎么请假")] == ["人事", "行政"]
    assert [scored.passage.base for scored in library.search("怎么请假", bases=["行政"])] == ["行政"]
    assert len(library.search("怎么请假", bases=["行政", "人事"])) == 2
    assert library.search("怎么请假", bases=["财务"]) == []
    assert library.search("怎么请假", bases=[]) == []


async def test_no_more_than_asked_for_and_each_once(library: Library) -> None:
    await library.put_entries(SHOP, base="default")

    found = ids(library, "怎么申请退货退款", limit=2)

    assert len(found) == len(set(found)) == 2


async def test_a_replaced_entry_is_found_by_its_new_words_alone(library: Library) -> None:
    await library.put_entries(SHOP, base="default")
    await library.put_entries(
        [{"id": "会员", "question": "积分怎么兑换", "answer": "在积分商城兑换。"}], base="default"
    )

    assert library.search("积分怎么兑换")[0].passage.text == "在积分商城兑换。"
    assert "会员" not in [scored.passage.id for scored in library.search("怎么成为会员") if scored.score > CLARIFY_AT]


async def test_adding_a_file_again_replaces_it(library: Library, folder: Path) -> None:
    (folder / "policy.md").write_text("# 制度\n\n## 年假\n\n年假五天。\n\n## 病假\n\n病假需要证明。\n", "utf-8")
    await library.add([folder])
    (folder / "policy.md").write_text("# 制度\n\n## 年假\n\n年假十天。\n", "utf-8")

    report = await library.add([folder])

    assert (report.documents, report.passages) == (1, 1)
    assert library.search("年假几天")[0].passage.text == "年假十天。"
    assert "病假" not in "".join(scored.passage.text for scored in library.search("病假证明"))


async def test_ids_are_paths_under_the_folder_that_was_given(library: Library, folder: Path) -> None:
    (folder / "人事").mkdir()
    (folder / "人事" / "请假.md").write_text("# 请假\n\n请假要提前一天申请。\n", "utf-8")

    await library.add([folder])
    assert library.search("请假要提前多久申请")[0].passage.document_id == "人事/请假.md"

    await library.add([folder / "人事" / "请假.md"], base="单独")
    assert library.search("请假要提前多久申请", bases=["单独"])[0].passage.document_id == "请假.md"


async def test_progress_hears_of_each_document_first(library: Library, folder: Path) -> None:
    for name in ("乙.txt", "甲.txt"):
        (folder / name).write_text("内容", "utf-8")
    heard: list[str] = []

    await library.add([folder], progress=heard.append)

    assert heard == ["乙.txt", "甲.txt"]


async def test_a_removed_document_is_not_found_after_a_refresh(library: Library, store: MemoryKnowledgeStore) -> None:
    await library.put_entries(SHOP, base="default")
    await store.remove_document("default", "entries")

    assert await library.refresh()
    assert library.search("怎么申请退货") == []
    assert not await library.refresh()


async def test_the_same_question_finds_the_same_in_every_process(store: MemoryKnowledgeStore, tmp_path: Path) -> None:
    one = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await one.put_entries(SHOP, base="default")
    other = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await other.refresh()
    anew = Library(store, clock=FixedClock(), index_folder=tmp_path / "elsewhere")
    await anew.refresh()

    for question in ("怎么退", "退款", "发票和会员", "保修"):
        assert one.search(question) == other.search(question) == anew.search(question)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[SqliteKnowledgeStore, SqliteKnowledgeStore]]:
    """Two stores on one database file, as two processes have them."""
    clock = SystemClock()
    one, other = (SqliteDatabase.open(tmp_path / "knowledge.db", clock=clock) for _ in range(2))
    yield SqliteKnowledgeStore(one, clock), SqliteKnowledgeStore(other, clock)
    await one.close()
    await other.close()


async def test_what_another_process_adds_is_found_after_a_refresh(
    stores: tuple[SqliteKnowledgeStore, SqliteKnowledgeStore], tmp_path: Path
) -> None:
    service, command = (Library(store, clock=SystemClock(), index_folder=tmp_path / "index") for store in stores)
    await service.refresh()

    await command.put_entries(SHOP, base="default")
    assert service.search("怎么申请退货") == []

    assert await service.refresh()
    assert ids(service, "怎么申请退货")[0] == "退货"


async def test_while_another_process_writes_the_index_this_one_waits_and_takes_it_over(
    store: MemoryKnowledgeStore, tmp_path: Path
) -> None:
    library = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await library.put_entries(SHOP[:1], base="default")
    await store.remove_document("default", "entries")
    writing = IndexFolder(tmp_path / "index").begin()

    refreshing = asyncio.create_task(library.refresh())
    await asyncio.sleep(0.15)
    assert not refreshing.done()
    writing.apply(await store.changes(writing.revision, 10))
    writing.commit(await store.revision())
    writing.end()

    assert await refreshing
    assert library.search("怎么申请退货") == []


async def test_a_refresh_that_is_cancelled_leaves_nothing_half_done(
    store: MemoryKnowledgeStore, tmp_path: Path
) -> None:
    library = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await store.put_entries(
        "default", "t", [Passage(str(n), "default", "t", "entry", f"问题{n}", "答") for n in range(3000)]
    )

    refreshing = asyncio.create_task(library.refresh())
    await asyncio.sleep(0.05)
    refreshing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refreshing

    assert await library.refresh()
    assert ids(library, "问题2999")[0] == "2999"


async def test_an_older_database_in_place_of_a_newer_one_starts_the_index_over(tmp_path: Path) -> None:
    newer = Library(MemoryKnowledgeStore(), clock=FixedClock(), index_folder=tmp_path / "index")
    await newer.put_entries(SHOP, base="default")
    older = Library(MemoryKnowledgeStore(), clock=FixedClock(), index_folder=tmp_path / "index")

    await older.put_entries(SHOP[:1], base="default")

    assert ids(older, "怎么申请退货") == ["退货"]
    assert "发票" not in ids(older, "怎么开发票")


@pytest.mark.parametrize("harm", ["garbage", "truncated", "no meta", "gone", "foreign"])
async def test_an_index_that_cannot_be_read_is_built_anew(
    store: MemoryKnowledgeStore, tmp_path: Path, harm: str
) -> None:
    library = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await library.put_entries(SHOP, base="default")
    (made,) = (path for path in (tmp_path / "index").iterdir() if path.is_dir())
    if harm == "gone":
        shutil.rmtree(made)
    elif harm == "no meta":
        (made / "meta.json").unlink()
    elif harm == "foreign":
        (made / "meta.json").write_text('{"segments": [], "schema": [], "opstamp": 0}', "utf-8")
    else:
        for path in made.glob("*.*"):
            if path.suffix in {".store", ".term", ".idx", ".fast"}:
                content = path.read_bytes()
                path.write_bytes(b"\xff" * len(content) if harm == "garbage" else content[: len(content) // 2])

    again = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await again.refresh()

    assert ids(again, "怎么申请退货")[0] == "退货"
