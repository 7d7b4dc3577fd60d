"""Pictures and files in the web chat: brought by visitors within limits, seen by them alone, and sent to them."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ai_worker.api.chat_files import MOST_BYTES
from ai_worker.channels.web.adapter import PER_VISITOR
from ai_worker.conversation.message import Reply
from ai_worker.pipeline.board import PersonSaid
from ai_worker.pipeline.files import attached
from tests.api.test_web_chat import page
from tests.api.world import World
from tests.channels.files import PDF, png

FILES = "/chat/site/files"


async def bring(
    world: World, token: str, name: str = "屏幕.png", content: bytes | None = None, **headers: str
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as browser:
        return await browser.post(
            FILES,
            params={"name": name},
            content=png() if content is None else content,
            headers={"X-Chat-Token": token, **headers},
        )


async def fetch(world: World, url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as browser:
        return await browser.get(url, headers=headers)


async def test_a_visitor_sends_a_picture_with_words_and_sees_it_again(world: World) -> None:
    async with page(world) as (chat, welcome):
        brought = await bring(world, welcome["token"])
        assert brought.status_code == 201
        told: dict[str, Any] = brought.json()
        assert (told["name"], told["picture"], told["size"]) == ("屏幕.png", True, len(png()))
        await chat.send(type="say", id="message-1", text="这里报错", files=[told["id"]])
        kept = await chat.until("kept")
        reply = await chat.until("reply")
        assert reply["text"] == "你说：这里报错", "a picture with words is answered by its words"
    async with page(world, token=welcome["token"]) as (_, again):
        assert again["lines"][0]["files"] == [told]

    (file,) = await world.files.said_in([kept["turn"]])
    assert file.state == "kept"
    shown = await fetch(world, told["url"])
    assert (shown.content, shown.headers["content-type"]) == (png(), "image/png")
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert (await fetch(world, told["url"], **{"If-None-Match": shown.headers["etag"]})).status_code == 304


async def test_a_picture_without_words_is_a_message(world: World) -> None:
    async with page(world) as (chat, welcome):
        told = (await bring(world, welcome["token"])).json()
        await chat.send(type="say", id="message-1", text="", files=[told["id"]])
        await chat.until("kept")
        await chat.send(type="say", id="message-2", text=" ", files=[])
        assert (await chat.until("refused"))["code"] == "chat.empty"


async def test_nobody_opens_a_file_without_its_seal_or_sends_another_visitors(world: World) -> None:
    async with page(world) as (_, welcome), page(world) as (stranger, _):
        told = (await bring(world, welcome["token"])).json()
        for url in (f"{FILES}/{told['id']}", f"{FILES}/{told['id']}?k=guess", told["url"].replace("/site/", "/desk/")):
            assert (await fetch(world, url)).status_code == 404
        await stranger.send(type="say", id="message-1", text="偷看", files=[told["id"]])
        kept = await stranger.until("kept")
        assert await world.files.said_in([kept["turn"]]) == []


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("程序.exe", b"MZ" + bytes(20), 422),
        ("页面.html", b"<script>alert(1)</script>", 422),
        ("图.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422),
        ("空.pdf", b"", 422),
        ("大.pdf", bytes(MOST_BYTES + 1), 413),
        ("更大.pdf", bytes(MOST_BYTES + 2_000_000), 413),
        ("报价单.pdf", PDF, 201),
    ],
    ids=["exe", "html", "svg", "empty", "large", "beyond", "pdf"],
)
async def test_only_harmless_kinds_and_sizes_are_taken(world: World, name: str, content: bytes, status: int) -> None:
    async with page(world) as (_, welcome):
        brought = await bring(world, welcome["token"], name, content)
        assert brought.status_code == status
        if status == 201:
            served = await fetch(world, brought.json()["url"])
            assert served.headers["content-disposition"].startswith("attachment;")
            assert served.headers["content-type"] == "application/octet-stream"


async def test_who_has_not_opened_the_chat_or_comes_from_elsewhere_brings_nothing(world: World) -> None:
    async with page(world) as (_, welcome):
        assert (await bring(world, "")).status_code == 403
        assert (await bring(world, "guess")).status_code == 403
        foreign = await bring(world, welcome["token"], Origin="https://evil.example")
        assert foreign.status_code == 403


async def test_a_visitor_cannot_fill_the_disk(world: World) -> None:
    async with page(world) as (_, welcome):
        answers = [(await bring(world, welcome["token"])).status_code for _ in range(PER_VISITOR[0] + 1)]
        refused = await bring(world, welcome["token"])
    assert answers == [201] * PER_VISITOR[0] + [503]
    assert refused.json()["code"] == "web_chat.files_used_up"
    assert int(refused.headers["retry-after"]) > 0


async def test_what_a_person_sends_is_seen_at_once_and_after_a_reload(world: World) -> None:
    quote = attached(PDF, name="报价单.pdf")
    async with page(world) as (chat, welcome):
        await chat.say("人工")
        await chat.until("reply")
        (conversation,) = await world.conversations.conversations()
        now = datetime.now(UTC)
        await world.conversations.take_over(conversation.id, "阿芳", now)
        await world.files.put(quote, PDF, kind="file", channel="site", conversation_id=conversation.id, at=now)
        reply = Reply("请查收", attachments=(quote,))
        await world.conversations.say(conversation.id, "阿芳", reply, now)
        world.board.post(PersonSaid(conversation.id, reply, "阿芳"), conversation_id=conversation.id)
        said = await chat.until("human")
    async with page(world, token=welcome["token"]) as (_, again):
        last = next(line for line in again["lines"] if line["author"] == "human")

    assert [file["name"] for file in said["files"]] == ["报价单.pdf"]
    assert last["files"] == said["files"]
    assert (await fetch(world, said["files"][0]["url"])).content == PDF
