"""Tables of records: how rows become things with names, what a text names, and which attributes it asks for."""

from pathlib import Path

import pytest

from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.row import joined, read, written
from ai_worker.knowledge.records.table import Table, tables_of
from tests.knowledge.memory_store import MemoryKnowledgeStore

HEADER = ("编号", "课程名称", "学费", "上课时间", "老师", "备注")
ROWS = (
    ("K01", "油画入门（周末班）", "1280 元", "周六 9:00", "陈默", "材料自备"),
    ("K02", "油画入门（晚间班）", "1180 元", "周三 19:00", "陈默", ""),
    ("K03", "陶艺体验课", "380 元", "周日 14:00", "林可", "含烧制：约两周后取"),
    ("K04", "少儿书法", "960 元", "周六 14:00", "吴大川", ""),
)


def passages(title: str = "课程表", rows: tuple[tuple[str, ...], ...] = ROWS, base: str = "default") -> list[Passage]:
    return [
        Passage(f"a.csv#{at}", base, "a.csv", "passage", title, written(HEADER, row), (), f"第 {at + 1} 行")
        for at, row in enumerate(rows, 1)
    ]


@pytest.fixture
def table() -> Table:
    (found,) = tables_of(passages())
    return found


@pytest.fixture
def book(table: Table) -> RecordBook:
    return RecordBook([table])


def test_a_row_is_read_back_as_it_was_written() -> None:
    row = ("X1", "一行\n两行", "a：b", "")
    assert read(written(("编号", "说：明", "值", "空"), row)) == {"编号": "X1", "说:明": "一行 两行", "值": "a：b"}


def test_a_row_that_was_cut_into_passages_is_one_again() -> None:
    assert (
        joined(["名称：甲店\n简介：很长", "很长的简介", "电话：123"]) == "名称：甲店\n简介：很长很长的简介\n电话：123"
    )


def test_the_column_that_names_the_rows_is_found(table: Table) -> None:
    assert (table.kind, table.name_column) == ("课程", "课程名称")
    assert [record.name for record in table.records][2:] == ["陶艺体验课", "少儿书法"]
    assert "学费" in table.columns
    assert table.records[2].values["备注"] == "含烧制：约两周后取"


def test_rows_that_nothing_names_are_no_records() -> None:
    rows = [
        Passage(
            f"b.csv#{at}", "default", "b.csv", "passage", "流水", f"日期：2026-11-0{at}\n金额：{at}", (), f"第 {at} 行"
        )
        for at in range(1, 5)
    ]
    assert tables_of(rows) == []
    assert tables_of(passages(rows=ROWS[:1])) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("陶艺体验课多少钱", ["陶艺体验课"]),
        ("油画入门(周末班)什么时候上课", ["油画入门（周末班）"]),
        ("油画入门多少钱", ["油画入门（周末班）", "油画入门（晚间班）"]),
        ("陶艺体验的价格", ["陶艺体验课"]),
        ("少儿书法和陶艺体验课哪个便宜", ["少儿书法", "陶艺体验课"]),
        ("怎么报名", []),
    ],
)
def test_what_a_text_names_is_found(book: RecordBook, text: str, names: list[str]) -> None:
    assert [record.name for mention in book.mentioned(text) for record in mention.records] == names


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("陶艺体验课的学费", ["学费"]),
        ("陶艺体验课谁教，老师是哪位", ["老师"]),
        ("上课时间和学费分别是多少", ["学费", "上课时间"]),
        ("陶艺体验课好玩吗", []),
    ],
)
def test_the_attributes_that_are_asked_for_are_found(
    book: RecordBook, table: Table, text: str, columns: list[str]
) -> None:
    assert list(book.asked(text, book.mentioned(text)).get(table, [])) == columns


def test_an_attributes_word_inside_a_name_asks_for_nothing() -> None:
    rows = [
        Passage(
            f"c.csv#{at}",
            "default",
            "c.csv",
            "passage",
            "店铺",
            f"名称：{name}\n电话：{at}\n地址：{at} 号",
            (),
            f"第 {at} 行",
        )
        for at, name in enumerate(("老地址面馆", "电话亭咖啡"), 2)
    ]
    book = RecordBook(tables_of(rows))
    asked = book.asked("老地址面馆电话多少", book.mentioned("老地址面馆电话多少"))
    assert list(asked.values()) == [["电话"]]


def test_a_word_that_few_names_have_tells_them_apart(book: RecordBook) -> None:
    assert [record.name for record in book.by_words(["书法", "多少"])[0]] == ["少儿书法"]
    assert len(book.by_words(["油画"])[0]) == 2
    assert book.subject("书法的学费是多少") == "书法"
    assert book.subject("它的学费是多少") == ""


async def test_an_added_table_is_a_book_of_records_until_it_is_removed(tmp_path: Path) -> None:
    from ai_worker.foundation.clock import FixedClock

    store, file = MemoryKnowledgeStore(), tmp_path / "课程表.csv"
    file.write_text("\n".join(",".join(row) for row in (HEADER, *ROWS)), "utf-8")
    library = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    assert not library.records()
    await library.add([file], base="courses")

    assert [table.kind for table in library.records().tables] == ["课程"]
    assert library.records(bases=("courses",)).tables
    assert not library.records(bases=("other",)).tables

    again = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await again.refresh()
    assert len(again.records().tables[0].records) == 4, "another process finds them in the index"

    await store.remove_document("courses", "课程表.csv")
    await library.refresh()
    assert not library.records()
