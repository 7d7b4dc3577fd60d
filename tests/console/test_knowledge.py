"""The pages of the knowledge: lists, the trial, uploads, the editor, versions, removal and return."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ai_worker.knowledge.archive import Thing
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.knowledge.sources import Missed, RunReport, SourceState
from tests.console.library import POLICY, stock
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.world import World, world

HTMX = {"HX-Request": "true"}
HOURS = {"base": "default", "id": "e-hours"}


@pytest.fixture
async def stocked(new_site: World) -> World:
    await stock(new_site)
    return new_site


@pytest.fixture
async def keeper(stocked: World) -> AsyncIterator[httpx.AsyncClient]:
    client = await stocked.signed_in()
    yield client
    await client.aclose()


async def post(keeper: httpx.AsyncClient, path: str, **data: str) -> httpx.Response:
    return await keeper.post(path, data={**data, "csrf": await csrf_of(keeper)})


def found(site: World, question: str, reader: Reader = ANYBODY) -> list[str]:
    return [scored.passage.id for scored in site.shelf.library.search(question, reader=reader) if scored.score > 0.5]


async def test_documents_are_listed_with_their_state_reason_and_conditions(keeper: httpx.AsyncClient) -> None:
    page = page_of(await keeper.get("/knowledge"))

    listed = {words(row.css_first("b")): words(row.css_first(".marks")) for row in page.css(".things > li")}
    assert listed["差旅制度"] == "可用只给 总部/财务hr周敏刚刚"
    assert listed["报价单"] == "没读成default刚刚"
    assert "单独写的问答" in listed
    assert texts(page, ".trouble") == [
        "2 处没有收下",
        "文件不完整，像是没有传完。重新导出、完整上传。",
    ]
    assert words(page.css_first('.chips a[href$="review"]')) == "待复查 2"
    assert attribute(page, "nav.side a[aria-current]", "href") == "/knowledge"


async def test_a_document_names_the_row_that_was_left_out(keeper: httpx.AsyncClient) -> None:
    page = page_of(await keeper.get("/knowledge/document", params={"base": "default", "id": "常见问题.csv"}))

    assert texts(page, ".problem") == [
        "第 4 行：编号和前面的一行重复，留了前面的。",
        "第 5 行：这一行缺了编号或答案，或者太长。",
    ]


async def test_lists_are_filtered_by_words_base_and_state(keeper: httpx.AsyncClient) -> None:
    async def titles(**asked: str) -> list[str]:
        return texts(page_of(await keeper.get("/parts/knowledge", params=asked, headers=HTMX)), ".things b")

    assert await titles(base="hr") == ["差旅制度", "差旅说明"]
    assert await titles(words="周敏") == ["差旅制度"]
    assert await titles(state="failed") == ["报价单"]
    assert await titles(tab="entries", state="over") == ["双十一有什么优惠"]
    assert await titles(tab="entries", state="waiting") == ["年货节什么时候开始"]
    assert await titles(tab="entries", words="春节前") == ["年终奖怎么发"]
    assert await titles(tab="removed") == ["怎么办会员卡"]
    assert await titles(tab="review") == ["年终奖怎么发", "差旅制度"]


async def test_contradictions_are_listed_the_worst_first(keeper: httpx.AsyncClient) -> None:
    page = page_of(await keeper.get("/knowledge?tab=twins"))

    assert texts(page, ".things .tag") == ["答案不同", "数字不同"]
    assert "一线城市住宿标准每晚 450 元，其他城市 350 元，超出部分自理" in texts(page, ".things b")


async def test_a_trial_shows_what_a_department_would_be_told(keeper: httpx.AsyncClient) -> None:
    async def tried(department: str) -> tuple[str, list[str]]:
        asked = {"text": "年终奖怎么发", "department": department, "csrf": await csrf_of(keeper)}
        part = page_of(await keeper.post("/knowledge/try", data=asked, headers=HTMX))
        return words(part.css_first(".verdict")), texts(part, ".candidates b")

    for department in ("", "总部/财务/核算"):
        verdict, candidates = await tried(department)
        assert (verdict, candidates[0]) == ("够把握，会直接回答。", "年终奖怎么发")
    assert "年终奖怎么发" not in (await tried("总部/行政"))[1]


async def test_files_are_taken_and_what_is_wrong_with_one_is_told(stocked: World, keeper: httpx.AsyncClient) -> None:
    files = [("file", ("新政策.md", POLICY)), ("file", ("坏.pdf", b"%PDF-1.7 no")), ("file", ("a.exe", b"MZ"))]
    response = await keeper.post(
        "/knowledge/upload", data={"base": "新"}, files=files, headers={**HTMX, "X-CSRF-Token": await csrf_of(keeper)}
    )

    part = page_of(response)
    assert [(words(row.css_first("b")), row.attributes["class"]) for row in part.css(".taken li")] == [
        ("新政策.md", "good"),
        ("坏.pdf", "bad"),
        ("a.exe", "bad"),
    ]
    assert "读不了这种文件" in texts(part, ".problem")[1]
    assert "新政策.md" in [document.id for document in await stocked.shelf.documents()]
    assert "售后政策" in texts(part, "#knowledge-list .things b")


async def test_an_upload_that_contradicts_what_is_there_says_so(keeper: httpx.AsyncClient) -> None:
    table = "id,question,answer\nneu,怎么修改收货地址,打电话改。\n".encode()
    headers = {**HTMX, "X-CSRF-Token": await csrf_of(keeper)}
    response = await keeper.post(
        "/knowledge/upload", data={"base": "default"}, files=[("file", ("新.csv", table))], headers=headers
    )

    (warning,) = page_of(response).css(".taken .problem a")
    entry = page_of(await keeper.get("/knowledge/entry?base=default&id=neu"))

    assert (words(warning), warning.attributes["href"]) == ("有 1 处重复或矛盾，看一看", "/knowledge?tab=twins")
    assert "答案不同" in texts(entry, ".twins .tag")


async def test_an_upload_larger_than_allowed_is_refused(new_reader: httpx.AsyncClient) -> None:
    headers = {"X-CSRF-Token": await csrf_of(new_reader), "Content-Length": "300000000"}

    response = await new_reader.post("/knowledge/upload", content=b"x", headers=headers)

    assert response.status_code == 413


async def test_an_entry_is_written_found_changed_and_compared(stocked: World, keeper: httpx.AsyncClient) -> None:
    told = {"base": "default", "question": "能开专票吗", "aliases": "可以开专票吗\n\n专票", "answer": "可以。"}
    conditions = {
        "departments": "总部/财务、销售",
        "owner": "周敏",
        "effective": "2026-11-22T14:00",
        "review": "2026-12-01",
    }

    saved = await post(keeper, "/knowledge/entry", **told, **conditions)

    page = page_of(await keeper.get(saved.headers["location"]))
    assert words(page.css_first(".said-so")) == "已保存，马上就能查到。"
    assert attribute(page, "#departments", "value") == "总部/财务、销售"
    assert attribute(page, "#effective", "value") == "2026-11-22T14:00"
    assert words(page.css_first("#aliases")) == "可以开专票吗 专票"
    id = attribute(page, "#editor input[name=id]", "value")
    assert found(stocked, "能开专票吗", Reader("销售")) == [id]
    assert id not in found(stocked, "能开专票吗")

    changed = {**told, "id": id, "answer": "可以，三天寄出。"}
    await post(keeper, "/knowledge/entry", **changed, **{**conditions, "owner": "李雷"})

    page = page_of(await keeper.get("/knowledge/entry", params={"base": "default", "id": id}))
    old = page_of(await keeper.get(attribute(page, ".versions li:nth-child(2) a", "href")))
    assert texts(old, ".diff .gone span:last-child") == ["可以。", "负责人：周敏"]
    assert texts(old, ".diff .new span:last-child") == ["可以，三天寄出。", "负责人：李雷"]
    assert words(old.css_first(".node")).startswith("v0.")
    version = attribute(old, 'form[action="/knowledge/restore"] input[name=version]', "value")
    restored = await post(keeper, "/knowledge/restore", version=version)
    page = page_of(await keeper.get(restored.headers["location"]))
    assert words(page.css_first("#answer")) == "可以。"
    assert texts(page, ".versions b") == ["恢复", "保存", "保存"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"answer": " "}, "没有保存：答案不能空着"),
        ({"base": "a b"}, "没有保存：知识库的名字"),
        ({"effective": "morgen"}, "没有保存：日期写得不对。"),
        ({"effective": "2026-12-02T00:00", "expires": "2026-12-01T00:00"}, "没有保存：过期要在生效之后。"),
        ({"departments": "、".join(f"部{n}" for n in range(51))}, "没有保存：最多写 50 个部门。"),
    ],
)
async def test_a_wrong_entry_is_not_saved_and_nothing_typed_is_lost(
    new_reader: httpx.AsyncClient, wrong: dict[str, str], said: str
) -> None:
    told = {"base": "default", "question": "能开专票吗", "answer": "可以。", **wrong}

    response = await post(new_reader, "/knowledge/entry", **told)

    page = page_of(response)
    assert response.status_code == 422
    assert words(page.css_first(".refused")).startswith(said)
    assert attribute(page, "#question", "value") == "能开专票吗"
    for name in ("effective", "departments"):
        assert attribute(page, f"#{name}", "value") == wrong.get(name, "")


async def test_an_entry_that_is_removed_can_be_brought_back_at_once(stocked: World, keeper: httpx.AsyncClient) -> None:
    assert "e-hours" in found(stocked, "周末营业吗")

    removed = await post(keeper, "/knowledge/remove", kind="entry", **HOURS)

    page = page_of(await keeper.get(removed.headers["location"]))
    assert "已删除，现在查不到了。" in words(page.css_first(".said-so"))
    assert "e-hours" not in found(stocked, "周末营业吗")
    undone = await post(keeper, "/knowledge/restore", version=attribute(page, ".said-so input[name=version]", "value"))
    assert undone.status_code == 303
    assert "e-hours" in found(stocked, "周末营业吗")


async def test_a_removed_document_is_deleted_for_good_when_somebody_says_so(
    stocked: World, keeper: httpx.AsyncClient
) -> None:
    await post(keeper, "/knowledge/remove", base="hr", kind="document", id="差旅说明.md")

    await post(keeper, "/knowledge/purge", base="hr", kind="document", id="差旅说明.md")

    assert await stocked.shelf.curator.archive.versions(Thing("hr", "document", "差旅说明.md")) == []
    assert texts(page_of(await keeper.get("/knowledge?tab=removed")), ".things b") == ["怎么办会员卡"]


async def test_a_document_is_kept_under_other_conditions(stocked: World, keeper: httpx.AsyncClient) -> None:
    assert found(stocked, "签收后几天可以无理由退货") == ["售后政策.md#2"]

    await post(keeper, "/knowledge/document", base="default", id="售后政策.md", departments="客服")

    assert found(stocked, "签收后几天可以无理由退货") == []
    assert found(stocked, "签收后几天可以无理由退货", Reader("客服")) == ["售后政策.md#2"]


async def test_sources_tell_when_they_ran_what_failed_and_can_be_hurried(
    site: World, reader: httpx.AsyncClient
) -> None:
    now = site.clock.now()
    missed = Missed("坏.pdf", "knowledge.document_cut_off", "cut off")
    state = SourceState(
        "portal", now - timedelta(minutes=5), now + timedelta(hours=1), RunReport(3, 1, 0, 1, (missed,))
    )
    await site.stores.sources.put(state)

    page = page_of(await reader.get("/knowledge?tab=sources"))

    assert words(page.css_first("#source-handbook .tag")) == "还没看过"
    line = words(page.css_first("#source-portal"))
    assert "上次 5 分前，下次 15:24 · 看了 3 份，更新 1，删除 0，不见了 1" in line
    assert "坏.pdf · 文件不完整" in line
    hurried = await post(reader, "/knowledge/sync", source="portal")
    assert hurried.headers["location"] == "/knowledge?tab=sources&said=hurried"
    assert (await site.stores.sources.sources())["portal"].due_at == now


async def test_what_does_not_exist_is_said_in_clear_words(keeper: httpx.AsyncClient) -> None:
    for path in ("/knowledge/entry?base=x&id=y", "/knowledge/document?base=x&id=y", "/knowledge/version/99999"):
        response = await keeper.get(path)
        assert response.status_code == 404
        assert "没有这一项了。" in response.text


async def test_an_act_that_was_not_meant_is_refused(new_reader: httpx.AsyncClient) -> None:
    for act in ("try", "upload", "sync", "entry", "document", "remove", "restore", "purge"):
        assert (await new_reader.post(f"/knowledge/{act}", data={"base": "default"})).status_code == 403, act


async def test_what_people_wrote_is_shown_as_text(stocked: World, keeper: httpx.AsyncClient) -> None:
    await post(keeper, "/knowledge/entry", base="default", question="<b>粗</b>", answer="<script>alert(1)</script>")

    response = await keeper.get("/knowledge?tab=entries")

    assert "<script>alert" not in response.text
    assert "<b>粗</b>" in texts(page_of(response), ".things b")


async def test_an_empty_knowledge_teaches_how_to_begin(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/knowledge"))

    assert words(page.css_first("#knowledge-empty h2")) == "知识库是空的"
    assert attribute(page, "#knowledge-empty a", "href") == "/knowledge/new"


async def test_the_pages_speak_english_too(tmp_path: Path) -> None:
    async with world(tmp_path, language="en", filled=False) as site:
        await stock(site)
        site.clock.advance(timedelta(minutes=3))
        client = await site.signed_in()
        page = page_of(await client.get("/knowledge"))
        editor = page_of(await client.get("/knowledge/entry", params=HOURS))
        await client.aclose()

    assert words(page.css_first("h1")) == "Knowledge"
    assert texts(page, ".chips a") == ["Documents", "Entries", "To review 2", "Duplicates", "Removed"]
    assert texts(editor, ".versions b") == ["Saved", "Saved"]
