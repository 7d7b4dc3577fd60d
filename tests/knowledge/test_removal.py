"""What is removed is found no more; what is deleted for good is in no file."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.knowledge.archive import NoSuchThing, Thing
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.ingest.found import uploaded
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import ENTRIES
from tests.knowledge.shop import Shop, open_shop

SECRET = "北极星计划的代号是蓝鲸七号"
DOCUMENT = Thing("default", "document", "机密.md")
KEPT = Entry("退货", "怎么退货", (), "在订单页点申请退货。")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files below a folder in which a text stands, as it is or in a row of its words."""
    forms = [text.encode(), text[:6].encode(), text[-4:].encode()]
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    )


async def test_what_was_deleted_for_good_is_in_no_file(shop: Shop) -> None:
    await shop.library.put_entries([KEPT], base="default")
    first = f"# 机密\n\n{SECRET}，第一版。\n".encode()
    await shop.library.take([uploaded("机密.md", first)], base="default")
    await shop.library.take([uploaded("机密.md", first.replace("一".encode(), "二".encode()))], base="default")
    assert shop.found(SECRET) == ["机密.md#1"]
    assert {name.partition("/")[0] for name in files_with(shop.folder, SECRET)} >= {"index", "ai-worker.db-wal"}

    await shop.curator.remove(DOCUMENT, by="周敏")
    assert shop.found(SECRET) == []
    assert await shop.curator.purge([DOCUMENT], by="周敏") == 1

    assert files_with(shop.folder, SECRET) == []
    assert shop.found("怎么退货") == ["退货"]
    with pytest.raises(NoSuchThing):
        await shop.curator.remove(DOCUMENT, by="周敏")


async def test_an_entry_that_was_changed_and_deleted_for_good_is_in_no_file(shop: Shop) -> None:
    for answer in (SECRET, f"{SECRET}，改过"):
        await shop.curator.put(Entry("e", "代号是什么", (), answer), base="default", table=ENTRIES, by="周敏")
    thing = Thing("default", "entry", "e")

    await shop.curator.remove(thing, by="周敏")
    await shop.curator.purge([thing], by="周敏")

    assert files_with(shop.folder, SECRET) == []


async def test_another_node_drops_it_from_its_files_with_its_next_refresh(shop: Shop, tmp_path: Path) -> None:
    other = Library(shop.stores.knowledge, clock=shop.clock, index_folder=tmp_path / "other")
    await shop.library.take([uploaded("机密.md", f"# 机密\n\n{SECRET}。\n".encode())], base="default")
    await other.refresh()
    assert files_with(tmp_path / "other", SECRET)

    await shop.curator.remove(DOCUMENT, by="")
    await shop.curator.purge([DOCUMENT], by="")
    await other.refresh()

    assert files_with(tmp_path / "other", SECRET) == []


async def test_removed_things_are_deleted_for_good_in_time(shop: Shop) -> None:
    await shop.library.put_entries([KEPT, Entry("发票", "怎么开发票", (), "在订单里申请。")], base="default")
    await shop.curator.remove(Thing("default", "entry", "退货"), by="")
    shop.clock.advance(timedelta(days=29))
    await shop.curator.remove(Thing("default", "entry", "发票"), by="")
    shop.clock.advance(timedelta(days=1))

    assert await shop.curator.purge_over(timedelta(days=30)) == 1

    assert [version.thing.id for version in await shop.curator.removed(9)] == ["发票"]
    assert await shop.curator.purge_over(timedelta(days=30)) == 0


async def test_a_whole_base_is_removed_and_the_others_stay(shop: Shop) -> None:
    await shop.library.put_entries([KEPT], base="旧")
    await shop.library.take([uploaded("a.md", "# 退换\n\n退换货找前台。\n".encode())], base="旧")
    await shop.library.put_entries([KEPT], base="新")

    things = await shop.curator.remove_base("旧", by="周敏")

    assert sorted(thing.id for thing in things) == ["a.md", "entries"]
    assert [scored.passage.base for scored in shop.library.search("怎么退货")] == ["新"]
    for thing in things:
        (latest, *_) = await shop.curator.archive.versions(thing)
        await shop.curator.restore(latest.number, by="周敏")
    assert len(await shop.curator.archive.entries(base="旧", after=None, limit=9)) == 1


async def test_searches_go_on_without_a_gap_while_everything_is_built_anew(shop: Shop) -> None:
    many = [Entry(f"e{n}", f"第{n}条规定说什么", (), f"第{n}条：按手册办理。") for n in range(3_000)]
    await shop.library.put_entries([KEPT, *many], base="default")
    thing = Thing("default", "entry", "e7")
    await shop.curator.remove(thing, by="")
    missed, seen, building = 0, 0, True

    async def ask() -> None:
        nonlocal missed, seen
        while building:
            missed += shop.found("怎么退货") != ["退货"]
            seen += 1
            await asyncio.sleep(0)

    asking = asyncio.create_task(ask())
    await shop.curator.purge([thing], by="")  # builds the index anew
    changed = await shop.curator.put(Entry("退货", "怎么退货", (), "七天内都可以。"), base="default", by="")
    building = False
    await asking

    assert missed == 0
    assert seen > 0
    assert shop.library.search("怎么退货")[0].passage == changed
    assert shop.library.search("第7条规定说什么")[0].passage.id != "e7"
