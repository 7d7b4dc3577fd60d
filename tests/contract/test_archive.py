"""What every archive promises: single things, their versions, their removal and their return."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ai_worker.knowledge.archive import VERSIONS, Kept, NoSuchThing, Thing
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document, Trouble
from tests.contract.material import Stores

BASE = "人事"
LEAVE = Thing(BASE, "entry", "年假")
POLICY = Thing(BASE, "document", "制度.md")
LATER = datetime(2026, 12, 1, tzinfo=UTC)
FOR_FINANCE = Keeping(("总部/财务",), LATER, LATER + timedelta(days=30), "周敏", date(2026, 11, 20))


def entry(text: str, keeping: Keeping = OPEN, *, id: str = "年假", table: str = "entries") -> Passage:
    return Passage(id, BASE, table, "entry", f"{id}怎么算", text, ("100%有几天",), "", keeping)


def document(stores: Stores, keeping: Keeping = OPEN, **fields: object) -> Document:
    made = Document("制度.md", BASE, "制度", "ready", 0, stores.clock.now(), keeping=keeping)
    return replace(made, **fields)  # type: ignore[arg-type]


def pieces(*texts: str, keeping: Keeping = OPEN) -> list[Passage]:
    return [
        Passage(f"制度.md#{n}", BASE, "制度.md", "passage", "制度", text, (), f"§{n}", keeping)
        for n, text in enumerate(texts, 1)
    ]


async def test_conditions_come_back_as_they_were_put(stores: Stores) -> None:
    troubles = (Trouble("第 4 页", "knowledge.document_unreadable", "读不了"),)
    given = document(stores, FOR_FINANCE, source="wiki", place="第 2 页", troubles=troubles)
    await stores.knowledge.put_document(given, pieces("一", keeping=FOR_FINANCE))
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天", FOR_FINANCE)])

    assert await stores.archive.document(BASE, "制度.md") == replace(given, passages=1)
    assert await stores.archive.passages(BASE, "制度.md", 9) == pieces("一", keeping=FOR_FINANCE)
    assert await stores.archive.entry(BASE, "年假") == entry("五天", FOR_FINANCE)
    assert [change.passage for change in await stores.knowledge.changes(0, 9)] == [
        *pieces("一", keeping=FOR_FINANCE),
        entry("五天", FOR_FINANCE),
    ]


async def test_conditions_alone_are_a_change_too(stores: Stores) -> None:
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天")])
    before = await stores.knowledge.revision()

    await stores.knowledge.put_entries(BASE, "entries", [entry("五天", FOR_FINANCE)])

    (change,) = await stores.knowledge.changes(before, 9)
    assert change.passage == entry("五天", FOR_FINANCE)


async def test_an_entry_that_inherits_is_not_opened_by_putting_it_again(stores: Stores) -> None:
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天", FOR_FINANCE)])

    await stores.knowledge.put_entries(
        BASE, "entries", [entry("六天"), entry("有", id="病假")], inherit=["年假", "病假"]
    )

    assert await stores.archive.entry(BASE, "年假") == entry("六天", FOR_FINANCE)
    assert (await stores.archive.entry(BASE, "病假")).keeping == OPEN


async def test_each_change_of_an_entry_is_kept_with_who_and_when(stores: Stores) -> None:
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天")], by="周敏")
    stores.clock.advance(timedelta(days=1))
    await stores.knowledge.put_entries(BASE, "entries", [entry("六天")], by="李雷")
    await stores.knowledge.put_entries(BASE, "entries", [entry("六天")], by="没有改动的人")

    latest, first = await stores.archive.versions(LEAVE)

    assert (latest.act, latest.by, latest.at, latest.title) == ("put", "李雷", stores.clock.now(), "年假怎么算")
    assert (first.by, first.at) == ("周敏", stores.clock.now() - timedelta(days=1))
    assert await stores.archive.version(first.number) == (first, Kept((entry("五天"),)))


async def test_an_old_version_can_be_made_the_current_one(stores: Stores) -> None:
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天")])
    await stores.knowledge.put_entries(BASE, "entries", [entry("六天", FOR_FINANCE)])
    before = await stores.knowledge.revision()
    (_, first) = await stores.archive.versions(LEAVE)

    assert await stores.archive.restore(first.number, at=stores.clock.now(), by="周敏") == LEAVE

    assert await stores.archive.entry(BASE, "年假") == entry("五天")
    assert [change.passage for change in await stores.knowledge.changes(before, 9)] == [entry("五天")]
    assert [version.act for version in await stores.archive.versions(LEAVE)] == ["restored", "put", "put"]


async def test_a_document_has_versions_with_all_of_its_passages(stores: Stores) -> None:
    await stores.knowledge.put_document(document(stores), pieces("一", "二", "三"), by="周敏")
    await stores.knowledge.put_document(document(stores), pieces("一", "两"), by="李雷")
    await stores.knowledge.put_document(document(stores), pieces("一", "两"), by="没有改动的人")
    latest, first = await stores.archive.versions(POLICY)
    assert (latest.by, first.by) == ("李雷", "周敏")

    await stores.archive.restore(first.number, at=stores.clock.now(), by="周敏")

    assert await stores.archive.passages(BASE, "制度.md", 9) == pieces("一", "二", "三")
    assert (await stores.archive.document(BASE, "制度.md")).passages == 3


async def test_a_document_that_failed_has_no_version_and_one_that_was_there_before_versions_has_its_old_state(
    stores: Stores,
) -> None:
    await stores.knowledge.put_document(document(stores, state="failed", reason="坏了"), [])
    assert await stores.archive.versions(POLICY) == []

    await stores.knowledge.put_document(document(stores), pieces("一"))

    assert [version.act for version in await stores.archive.versions(POLICY)] == ["put"]


async def test_what_was_removed_can_come_back_until_it_is_purged(stores: Stores) -> None:
    await stores.knowledge.put_document(document(stores), pieces("一", "二"))
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天"), entry("有", id="病假")])

    assert await stores.knowledge.remove_document(BASE, "制度.md", by="周敏")
    assert await stores.archive.remove_entry(BASE, "年假", by="李雷")
    assert not await stores.archive.remove_entry(BASE, "年假", by="李雷")

    leave, policy = await stores.archive.removed(9)
    assert [(one.thing, one.act, one.by) for one in (leave, policy)] == [
        (LEAVE, "removed", "李雷"),
        (POLICY, "removed", "周敏"),
    ]
    with pytest.raises(NoSuchThing):
        await stores.archive.entry(BASE, "年假")
    with pytest.raises(NoSuchThing):
        await stores.archive.document(BASE, "制度.md")
    assert {one.id: one.passages for one in await stores.knowledge.documents()} == {"entries": 1}

    for version in (leave, policy):
        await stores.archive.restore(version.number, at=stores.clock.now(), by="周敏")

    assert await stores.archive.entry(BASE, "年假") == entry("五天")
    assert await stores.archive.passages(BASE, "制度.md", 9) == pieces("一", "二")
    assert await stores.archive.removed(9) == []


async def test_purging_leaves_nothing_but_what_is_there(stores: Stores) -> None:
    await stores.knowledge.put_document(document(stores), pieces("一"))
    await stores.knowledge.put_entries(BASE, "制度.md", [entry("五天", table="制度.md")])
    await stores.knowledge.put_entries(BASE, "entries", [entry("有", id="病假")])
    await stores.knowledge.put_document(document(stores), [*pieces("一"), entry("六天", table="制度.md")])
    await stores.knowledge.remove_document(BASE, "制度.md")
    before = await stores.knowledge.purged()

    gone = await stores.archive.purge([POLICY, Thing(BASE, "entry", "病假"), Thing(BASE, "entry", "没有")])

    assert gone == 1
    assert before < await stores.knowledge.purged() == await stores.knowledge.revision()
    assert await stores.archive.versions(POLICY) == await stores.archive.versions(LEAVE) == []
    assert len(await stores.archive.versions(Thing(BASE, "entry", "病假"))) == 1
    with pytest.raises(NoSuchThing):
        await stores.archive.restore(1, at=stores.clock.now(), by="")


async def test_what_was_removed_long_ago_is_named(stores: Stores) -> None:
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天"), entry("有", id="病假")])
    await stores.archive.remove_entry(BASE, "年假", by="")
    stores.clock.advance(timedelta(days=2))
    await stores.archive.remove_entry(BASE, "病假", by="")

    assert await stores.archive.over(stores.clock.now() - timedelta(days=1), 9) == [LEAVE]


async def test_only_the_latest_versions_are_kept(stores: Stores) -> None:
    for n in range(VERSIONS + 3):
        await stores.knowledge.put_entries(BASE, "entries", [entry(f"{n} 天")])

    found = await stores.archive.versions(LEAVE)

    assert len(found) == VERSIONS
    assert (await stores.archive.version(found[-1].number))[1].passages[0].text == "3 天"


async def test_entries_are_listed_by_words_base_and_table_and_paged(stores: Stores) -> None:
    await stores.knowledge.put_document(document(stores), [*pieces("有年假"), entry("五天", table="制度.md")])
    await stores.knowledge.put_entries(BASE, "entries", [entry("有", id="病假"), entry("Annual leave", id="外籍")])

    async def ids(**asked: object) -> list[str]:
        given: dict[str, object] = {"after": None, "limit": 9}
        return [one.id for one in await stores.archive.entries(**{**given, **asked})]  # type: ignore[arg-type]

    assert await ids() == ["外籍", "年假", "病假"]
    assert await ids(limit=1, after=(BASE, "外籍")) == ["年假"]
    assert await ids(words="ANNUAL") == ["外籍"]
    assert await ids(words="100%有") == ["外籍", "年假", "病假"]
    assert await ids(words="0_有") == []
    assert await ids(document_id="制度.md") == ["年假"]
    assert await ids(base="财务") == []


async def test_reviews_that_are_due_are_listed_once_for_a_document(stores: Stores) -> None:
    keeping = replace(FOR_FINANCE, effective_at=None, expires_at=None)
    await stores.knowledge.put_document(document(stores, keeping), pieces("一", "二", keeping=keeping))
    soon = replace(keeping, review_by=date(2026, 11, 21), owner="李雷")
    await stores.knowledge.put_entries(BASE, "entries", [entry("五天", soon), entry("有", id="病假")])

    assert await stores.archive.due(date(2026, 11, 19)) == []
    first, second = await stores.archive.due(date(2026, 11, 21))

    assert (first.thing, first.owner, first.review_by) == (POLICY, "周敏", date(2026, 11, 20))
    assert (second.thing, second.title, second.owner) == (LEAVE, "年假怎么算", "李雷")
    await stores.archive.remove_entry(BASE, "年假", by="")
    assert len(await stores.archive.due(date(2026, 11, 21))) == 1
