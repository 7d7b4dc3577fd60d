import asyncio
from datetime import UTC, date, datetime

import pytest

from ai_worker.api.knowledge import file_name
from ai_worker.knowledge.archive import Thing
from ai_worker.knowledge.keeping import Keeping
from tests.api.world import World


async def test_documents_are_taken_and_the_unreadable_is_named(world: World) -> None:
    files = [("file", ("售后政策.md", "# 退款\n两个工作日".encode())), ("file", ("坏.pdf", b"broken"))]
    async with world.client() as client:
        response = await client.post("/api/v1/knowledge/documents", files=files, data={"base": "售后"})

    assert response.json() == {
        "documents": 1,
        "passages": 2,
        "failed": [{"document": "坏.pdf", "code": "knowledge.unreadable", "reason": "文件损坏，读不出来。"}],
    }
    assert world.shelf.uploads == [("售后政策.md", "# 退款\n两个工作日".encode(), "售后")]


async def test_the_same_upload_under_one_idempotency_key_is_done_once(world: World) -> None:
    async with world.client() as client:
        answers = [
            await client.post(
                "/api/v1/knowledge/documents", files={"file": ("a.md", text)}, headers={"idempotency-key": "u"}
            )
            for text in (b"one", b"one", b"two")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert len(world.shelf.uploads) == 1


async def test_entries_are_taken(world: World) -> None:
    entry = {"id": "faq-1", "question": "退款多久？", "aliases": ["多久退钱"], "answer": "两个工作日。"}
    async with world.client() as client:
        response = await client.post("/api/v1/knowledge/entries", json={"entries": [entry]})
        refused = await client.post("/api/v1/knowledge/entries", json={"entries": [entry | {"answer": "\x00"}]})

    assert response.json() == {"documents": 1, "passages": 1, "failed": []}
    assert world.shelf.entries[0].aliases == ("多久退钱",)
    assert refused.status_code == 422


async def test_what_nothing_answered_is_listed(world: World) -> None:
    async with world.client() as client:
        response = await client.get("/api/v1/knowledge/gaps")

    assert response.json() == {"gaps": []}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 400),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 422),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
    ],
)
async def test_an_upload_that_is_none_is_refused(world: World, content: bytes, kind: str, status: int) -> None:
    async with world.client() as client:
        response = await client.post("/api/v1/knowledge/documents", content=content, headers={"content-type": kind})

    assert response.status_code == status


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\价格表.xlsx", "价格表.xlsx"),
        ("..", "upload"),
        ("", "upload"),
        ("%E5%81%A5%E8%BA%AB%E6%88%BF.txt", "健身房.txt"),
        ("会议室%22引号.md", '会议室"引号.md'),
        ("涨幅 5%ab.md", "涨幅 5%ab.md"),
        ("%2e%2e%2fsecrets.md", "secrets.md"),
        ("a\r\nb\x00.md", "a\nb.md".replace("\n", "")),
        ("exe.\u202efdp.md", "exe.fdp.md"),
        ("-rf", "-rf"),
        ("长" * 400 + ".docx", "长" * 195 + ".docx"),
    ],
)
def test_a_file_name_from_outside_is_only_ever_text(given: str, name: str) -> None:
    assert file_name(given) == name


async def test_two_uploads_at_once_under_one_key_are_done_once(world: World) -> None:
    async with world.client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    "/api/v1/knowledge/documents", files={"file": ("a.md", b"one")}, headers={"idempotency-key": "u"}
                )
                for _ in range(3)
            )
        )

    assert {answer.status_code for answer in answers} == {200}
    assert len(world.shelf.uploads) == 1


async def test_documents_and_entries_are_removed_by_id_and_base(world: World) -> None:
    async with world.client() as client:
        document = await client.delete("/api/v1/knowledge/documents/制度/年假.md", params={"base": "人事"})
        entry = await client.delete("/api/v1/knowledge/entries/faq-1")
        missing = await client.delete("/api/v1/knowledge/entries/没有")

    assert document.json() == {"id": "制度/年假.md", "version": 7}
    assert entry.status_code == 200
    assert (missing.status_code, missing.json()["code"]) == (404, "knowledge.not_found")
    assert world.shelf.removed == [Thing("人事", "document", "制度/年假.md"), Thing("default", "entry", "faq-1")]


async def test_removing_needs_a_key_that_is_good_for_knowledge(world: World) -> None:
    async with world.client(await world.another_key("asker", "chat")) as client:
        refused = await client.delete("/api/v1/knowledge/entries/faq-1")

    assert refused.status_code == 403
    assert world.shelf.removed == []


async def test_an_entry_may_say_who_reads_it_and_when(world: World) -> None:
    keeping = {"departments": ["总部/财务"], "expires_at": "2026-12-31T00:00:00+08:00", "review_by": "2026-12-01"}
    entry = {"id": "faq-1", "answer": "两个工作日。"}
    async with world.client() as client:
        await client.post("/api/v1/knowledge/entries", json={"entries": [entry | {"keeping": keeping}, entry]})
        naive = {"expires_at": "2026-12-31T00:00:00"}
        refused = await client.post("/api/v1/knowledge/entries", json={"entries": [entry | {"keeping": naive}]})

    told, untold = (one.keeping for one in world.shelf.entries)
    assert told == Keeping(("总部/财务",), None, datetime(2026, 12, 30, 16, tzinfo=UTC), "", date(2026, 12, 1))
    assert untold is None
    assert refused.status_code == 422
