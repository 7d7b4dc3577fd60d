"""What every knowledge store promises."""

from dataclasses import replace
from datetime import timedelta

from ai_worker.conversation.handoff import Reason
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Change, Document
from tests.contract.material import Stores, handed_over


def _document(stores: Stores, name: str = "售后.md", **fields: object) -> Document:
    made = Document(name, "默认", "售后政策", "ready", 0, stores.clock.now())
    return replace(made, **fields)  # type: ignore[arg-type]


def _passages(document: str, *texts: str) -> list[Passage]:
    return [
        Passage(f"{document}#{n}", "默认", document, "passage", "售后政策", text, locator=f"§{n}")
        for n, text in enumerate(texts)
    ]


def _entry(name: str, text: str, document: str = "faq.csv") -> Passage:
    return Passage(name, "默认", document, "entry", f"{name}？", text, aliases=("退货", "退款"))


async def _after(stores: Stores, revision: int) -> dict[str, str | None]:
    changes = await stores.knowledge.changes(revision, 1000)
    return {change.passage_id: change.passage.text if change.passage else None for change in changes}


async def test_an_empty_store_has_revision_zero(stores: Stores) -> None:
    assert await stores.knowledge.revision() == 0
    assert await stores.knowledge.counts() == (0, 0)
    assert await stores.knowledge.documents() == []
    assert await stores.knowledge.changes(0, 10) == []


async def test_passages_come_back_as_they_were_put(stores: Stores) -> None:
    passages = [*_passages("售后.md", "七天无理由。"), _entry("退货", "可以退货。", "售后.md")]

    revision = await stores.knowledge.put_document(_document(stores), passages)

    changes = await stores.knowledge.changes(0, 10)
    assert [change.passage for change in changes] == passages
    assert [(change.base, change.passage_id) for change in changes] == [("默认", "售后.md#0"), ("默认", "退货")]
    assert revision == await stores.knowledge.revision()
    assert max(change.revision for change in changes) <= revision
    assert await stores.knowledge.documents() == [_document(stores, passages=2)]
    assert await stores.knowledge.counts() == (1, 2)


async def test_a_document_put_again_changes_only_what_changed(stores: Stores) -> None:
    before = await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一", "二", "三"))

    after = await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一", "两"))

    assert after > before
    assert await _after(stores, before) == {"售后.md#1": "两", "售后.md#2": None}
    assert await stores.knowledge.counts() == (1, 2)


async def test_a_passage_put_again_unchanged_still_raises_the_revision(stores: Stores) -> None:
    before = await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一"))

    after = await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一"))

    assert after > before
    assert await stores.knowledge.changes(before, 10) == []


async def test_changes_can_be_paged_without_losing_any(stores: Stores) -> None:
    await stores.knowledge.put_document(_document(stores), _passages("售后.md", *(f"第 {n} 条" for n in range(25))))

    seen: list[Change] = []
    after = 0
    while page := await stores.knowledge.changes(after, 4):
        seen += page
        after = page[-1].revision

    assert [change.passage_id for change in seen] == [f"售后.md#{n}" for n in range(25)]
    assert [change.revision for change in seen] == sorted({change.revision for change in seen})


async def test_an_entry_that_stood_elsewhere_moves(stores: Stores) -> None:
    await stores.knowledge.put_entries("默认", "faq.csv", [_entry("退货", "可以退货。"), _entry("运费", "我们付。")])

    await stores.knowledge.put_document(_document(stores), [_entry("退货", "可以退货。", "售后.md")])

    counts = {document.id: document.passages for document in await stores.knowledge.documents()}
    assert counts == {"faq.csv": 1, "售后.md": 1}
    await stores.knowledge.remove_document("默认", "faq.csv")
    assert await _after(stores, 0) == {"退货": "可以退货。", "运费": None}


async def test_entries_are_added_to_a_table_that_is_made_if_need_be(stores: Stores) -> None:
    await stores.knowledge.put_entries("默认", "faq.csv", [_entry("退货", "可以退货。")])
    before = await stores.knowledge.revision()

    await stores.knowledge.put_entries("默认", "faq.csv", [_entry("退货", "不可以。"), _entry("运费", "我们付。")])

    assert await _after(stores, before) == {"退货": "不可以。", "运费": "我们付。"}
    (table,) = await stores.knowledge.documents()
    assert (table.id, table.title, table.state, table.passages) == ("faq.csv", "faq.csv", "ready", 2)


async def test_a_removed_document_takes_its_passages_along(stores: Stores) -> None:
    await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一", "二"))
    before = await stores.knowledge.revision()

    assert await stores.knowledge.remove_document("默认", "售后.md")
    assert not await stores.knowledge.remove_document("默认", "售后.md")

    assert await _after(stores, before) == {"售后.md#0": None, "售后.md#1": None}
    assert await stores.knowledge.counts() == (0, 0)
    assert await stores.knowledge.documents() == []


async def test_a_passage_that_was_removed_can_come_back(stores: Stores) -> None:
    await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一"))
    await stores.knowledge.remove_document("默认", "售后.md")
    before = await stores.knowledge.revision()

    await stores.knowledge.put_document(_document(stores), _passages("售后.md", "一"))

    assert await _after(stores, before) == {"售后.md#0": "一"}


async def test_the_same_id_in_another_base_is_another_passage(stores: Stores) -> None:
    await stores.knowledge.put_entries("默认", "faq.csv", [_entry("退货", "可以退货。")])
    await stores.knowledge.put_entries("内部", "faq.csv", [replace(_entry("退货", "走流程。"), base="内部")])

    texts = {(change.base, change.passage and change.passage.text) for change in await stores.knowledge.changes(0, 9)}

    assert texts == {("默认", "可以退货。"), ("内部", "走流程。")}


async def test_an_unreadable_document_is_listed_with_its_reason(stores: Stores) -> None:
    failed = _document(stores, "扫描.pdf", state="failed", reason="里面只有图片", code="knowledge.no_text")

    await stores.knowledge.put_document(failed, [])

    assert await stores.knowledge.documents() == [failed]
    assert await stores.knowledge.counts() == (0, 0)
    assert await stores.knowledge.revision() > 0


async def test_a_large_table_is_put_at_once(stores: Stores) -> None:
    entries = [_entry(f"faq-{n}", f"答案 {n}") for n in range(20_000)]

    await stores.knowledge.put_document(_document(stores, "faq.csv"), entries)
    await stores.knowledge.put_document(_document(stores, "faq.csv"), entries[:15_000])

    assert await stores.knowledge.counts() == (1, 15_000)


async def test_unanswered_questions_are_counted_by_their_wording(stores: Stores) -> None:
    first = stores.clock.now()
    turns = await stores.accept("火星上有店吗？", "开发票", "  火星上有店吗?  ", "我要人工")
    for reason in (Reason.UNKNOWN, Reason.UNKNOWN, Reason.UNKNOWN, Reason.ASKED):
        await stores.finish(await stores.claim_one(), handed_over(reason))
        stores.clock.advance(timedelta(minutes=1))

    gaps = await stores.gaps.open_gaps(10)

    assert [(gap.question, gap.times) for gap in gaps] == [("火星上有店吗?", 2), ("开发票", 1)]
    assert gaps[0].turn_id == turns[2]
    assert gaps[0].first_at == first + timedelta(seconds=4)
    assert gaps[0].last_at == gaps[0].first_at + timedelta(minutes=2)
    assert await stores.gaps.open_gaps(1) == gaps[:1]
