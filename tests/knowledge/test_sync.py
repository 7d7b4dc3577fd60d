"""Knowledge is kept in step with folders and pages: fetched when changed, removed after a grace, by one node."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.retrieve import Reader
from ai_worker.knowledge.settings import SourceSettings, span_of
from ai_worker.knowledge.sources import NoSuchSource
from ai_worker.knowledge.sync import Sync
from ai_worker.sources.opening import open_sync
from ai_worker.sources.web import id_of
from tests.knowledge.shop import Shop, open_shop

HANDBOOK = "# 手册\n\n## 打印机\n\n打印机卡纸时先关电源。\n"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path / "data") as opened:
        yield opened


def sync_of(shop: Shop, owner: str = "node-1", **sources: Mapping[str, object]) -> Sync:
    return open_sync(
        {name: SourceSettings.model_validate(told) for name, told in sources.items()},
        store=shop.stores.sources,
        library=shop.library,
        curator=shop.curator,
        leases=shop.stores.channels,
        owner=owner,
        clock=shop.clock,
    )


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "共享"
    folder.mkdir()
    (folder / "手册.md").write_text(HANDBOOK, "utf-8")
    (folder / "照片.jpg").write_bytes(b"\xff\xd8")
    return folder


async def test_a_folder_is_read_when_due_and_only_what_changed(shop: Shop, disk: Path) -> None:
    sync = sync_of(shop, disk={"kind": "folder", "path": str(disk), "every": "1h", "departments": ["总部/行政"]})
    await sync.look()
    first = (await shop.stores.sources.sources())["disk"]
    assert (first.report.checked, first.report.changed, first.report.failed) == (1, 1, ())
    assert first.due_at == shop.clock.now() + timedelta(hours=1)
    (document,) = await shop.stores.knowledge.documents()
    assert (document.source, document.keeping) == ("disk", Keeping(("总部/行政",)))
    assert shop.library.search("打印机卡纸怎么办") == []
    assert shop.library.search("打印机卡纸怎么办", reader=Reader("总部/行政"))

    (disk / "新.md").write_text("# 新\n\n饮水机在三楼。\n", "utf-8")
    await sync.look()
    assert len(await shop.stores.knowledge.documents()) == 1, "it is not due yet"
    shop.clock.advance(timedelta(hours=1))
    await sync.look()

    report = (await shop.stores.sources.sources())["disk"].report
    assert (report.checked, report.changed) == (2, 1)


async def test_what_is_gone_at_the_source_goes_after_its_grace(shop: Shop, disk: Path) -> None:
    sync = sync_of(shop, disk={"kind": "folder", "path": str(disk), "grace": "2h"})
    await sync.run("disk")
    (disk / "手册.md").rename(disk.parent / "手册.md")

    report = await sync.run("disk")
    assert report is not None
    assert (report.missing, report.removed) == (1, 0)
    assert shop.found("打印机卡纸时先关什么") == ["手册.md#1"]

    shop.clock.advance(timedelta(hours=1))
    (disk.parent / "手册.md").rename(disk / "手册.md")
    await sync.run("disk")
    (disk / "手册.md").unlink()
    for hours, removed in ((0, 0), (1, 0), (1, 1)):
        shop.clock.advance(timedelta(hours=hours))
        report = await sync.run("disk")
        assert report is not None
        assert report.removed == removed
    assert shop.found("打印机卡纸时先关什么") == []
    (gone,) = await shop.curator.removed(9)
    assert (gone.thing.id, gone.by) == ("手册.md", "source disk")


async def test_a_folder_that_cannot_be_reached_takes_nothing_away(shop: Shop, disk: Path) -> None:
    sync = sync_of(shop, disk={"kind": "folder", "path": str(disk), "grace": "10s"})
    await sync.run("disk")
    os.rename(disk, f"{disk}-weg")
    for _ in range(2):
        shop.clock.advance(timedelta(days=1))
        report = await sync.run("disk")

    assert report is not None
    assert report.code == "knowledge.source_unreachable"
    assert shop.found("打印机卡纸时先关什么") == ["手册.md#1"]


async def test_a_broken_file_is_named_and_its_old_text_stays(shop: Shop, disk: Path) -> None:
    sync = sync_of(shop, disk={"kind": "folder", "path": str(disk)})
    await sync.run("disk")
    (disk / "手册.md").write_bytes(bytes(range(128, 256)) * 40)
    os.utime(disk / "手册.md", ns=(1, 1))

    report = await sync.run("disk")

    assert report is not None
    assert [(one.document, one.code) for one in report.failed] == [("手册.md", "knowledge.encoding_unknown")]
    assert shop.found("打印机卡纸时先关什么") == ["手册.md#1"]
    again = await sync.run("disk")
    assert again is not None
    assert again.failed == (), "it is not read again before it changes"


async def test_a_source_is_looked_at_by_one_node_at_a_time(shop: Shop, disk: Path) -> None:
    told: dict[str, object] = {"kind": "folder", "path": str(disk)}
    await shop.stores.channels.own("knowledge.source/disk", owner="node-2", lease=timedelta(minutes=1))

    assert await sync_of(shop, disk=told).run("disk") is None
    assert await sync_of(shop, "node-2", disk=told).run("disk") is not None
    assert await sync_of(shop, disk=told).run("disk") is not None
    with pytest.raises(NoSuchSource):
        await sync_of(shop, disk=told).run("nas")


@dataclass
class Site:
    """A web site that counts what it is asked."""

    pages: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = self.pages.get(request.path)
        tag = f'"{hash(text)}"'
        if text is None:
            response = web.Response(status=404)
        elif text.startswith("→"):
            response = web.Response(status=302, headers={"Location": text[1:]})
        elif request.headers.get("If-None-Match") == tag:
            response = web.Response(status=304)
        elif text == "endless":
            response = web.Response(body=b"x" * 50_000_001, content_type="text/plain")
        else:
            response = web.Response(text=text, content_type="text/html", headers={"ETag": tag})
        self.asked.append((request.path, response.status))
        return response

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(pages: dict[str, str]) -> AsyncIterator[Site]:
    site = Site(pages)
    app = web.Application()
    app.router.add_get("/{tail:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    assert isinstance(runner.addresses[0], tuple)
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        await runner.cleanup()


def page(text: str) -> str:
    return f"<html><head><title>门户</title></head><body><h1>门户</h1><p>{text}</p></body></html>"


async def test_pages_are_fetched_once_and_again_only_when_they_changed(shop: Shop) -> None:
    async with serving({"/a": page("食堂在二楼供应早餐。"), "/b": "→/a2", "/a2": page("停车场在地下一层。")}) as site:
        urls = [site.url("/a"), site.url("/b")]
        sync = sync_of(shop, portal={"kind": "urls", "urls": urls, "allow_private": True})
        first = await sync.run("portal")
        second = await sync.run("portal")
        site.pages["/a"] = page("食堂在三楼供应早餐。")
        third = await sync.run("portal")

    assert first is not None
    assert second is not None
    assert third is not None
    assert [report.changed for report in (first, second, third)] == [2, 0, 1]
    assert [status for path, status in site.asked if path == "/a"] == [200, 304, 200]
    assert "三楼" in shop.library.search("食堂在几楼供应早餐")[0].passage.text
    assert sorted(one.id for one in await shop.stores.knowledge.documents()) == sorted(map(id_of, urls))


async def test_a_page_that_is_gone_waits_for_its_grace_and_one_that_fails_stays(shop: Shop) -> None:
    async with serving({"/a": page("食堂在二楼供应早餐。"), "/b": "endless"}) as site:
        urls = [site.url("/a"), site.url("/b")]
        told: dict[str, object] = {"kind": "urls", "urls": urls, "allow_private": True, "grace": "1h"}
        sync = sync_of(shop, portal=told)
        first = await sync.run("portal")
        del site.pages["/a"]
        second = await sync.run("portal")
        shop.clock.advance(timedelta(hours=1))
        third = await sync.run("portal")

    assert first is not None
    assert second is not None
    assert third is not None
    assert ["50 MB" in one.reason for one in first.failed] == [True]
    assert (second.missing, third.removed) == (1, 1)


@pytest.mark.parametrize(
    ("pages", "private", "code"),
    [
        ({"/a": page("内网")}, False, "knowledge.source_refused"),
        ({"/a": "→http://localhost:9/x"}, True, "knowledge.source_refused"),
        ({"/a": "→/a"}, True, "knowledge.source_unreachable"),
        ({"/a": "→file:///etc/passwd"}, True, "knowledge.source_refused"),
    ],
    ids=["private", "other host", "circle", "file"],
)
async def test_only_configured_hosts_are_called_and_no_private_ones(
    shop: Shop, pages: dict[str, str], private: bool, code: str
) -> None:
    async with serving(pages) as site:
        told = {"kind": "urls", "urls": [site.url("/a")], "allow_private": private}
        report = await sync_of(shop, portal=told).run("portal")

    assert report is not None
    assert [one.code for one in report.failed] == [code]
    assert bool(site.asked) is private


async def test_a_name_that_leads_into_a_private_network_is_not_called(shop: Shop) -> None:
    async with serving({"/a": page("内网")}) as site:
        told = {"kind": "urls", "urls": [f"http://localhost:{site.port}/a"]}
        report = await sync_of(shop, portal=told).run("portal")

    assert report is not None
    assert [one.code for one in report.failed] == ["knowledge.source_refused"]
    assert site.asked == []


def test_addresses_become_ids_that_say_what_they_are() -> None:
    assert id_of("https://Wiki.example/帮助/退货.html") == "wiki.example/帮助/退货.html"
    assert id_of("https://wiki.example/%E9%80%80/") == "wiki.example/退.html"
    assert id_of("https://wiki.example/a.pdf?v=1") != id_of("https://wiki.example/a.pdf?v=2")
    assert len(id_of(f"https://wiki.example/{'长' * 400}")) <= 200


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800)])
def test_spans_are_written_as_people_do(text: str, seconds: int) -> None:
    assert span_of(text).total_seconds() == seconds
