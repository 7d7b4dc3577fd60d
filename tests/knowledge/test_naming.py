"""What is cited has a name that a person knows it by."""

import pytest

from ai_worker.knowledge.citation import cite
from ai_worker.knowledge.ingest.pdf import named
from ai_worker.knowledge.passage import Passage, Scored


@pytest.mark.parametrize(
    ("passage", "called"),
    [
        (Passage("a", "b", "entries", "entry", "怎么退货", "在订单页申请。"), "怎么退货"),
        (Passage("制度/差旅.pdf#2", "b", "制度/差旅.pdf", "passage", "", "住宿标准。", (), "第 1 页"), "差旅 第 1 页"),
        (Passage("r7", "b", "entries", "passage", "", "总部位于杭州市滨江区。"), "总部位于杭州市滨江区。"),
        (Passage("r8", "b", "faq.csv", "passage", "", "很长的一段" * 20), "很长的一段" * 4 + "很长的…"),
    ],
)
def test_a_citation_is_never_without_a_name(passage: Passage, called: str) -> None:
    assert cite(Scored(passage, 0.9)).title == called


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("untitled", ""),
        ("(anonymous)", ""),
        ("无标题", ""),
        ("文档1", ""),
        ("新建 Microsoft Word 文档.docx", ""),
        ("", ""),
        ("Microsoft Word - 差旅制度.docx", "差旅制度"),
        ("2025 年差旅制度", "2025 年差旅制度"),
        ("Untitled Works: A Catalogue", "Untitled Works: A Catalogue"),
    ],
)
def test_a_title_that_a_program_made_up_is_no_title(title: str, kept: str) -> None:
    assert named(title) == kept
