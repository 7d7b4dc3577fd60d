"""The web chat's socket and page, from a client of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ai_worker.conversation.message import Reply
from ai_worker.pipeline.board import PersonSaid
from tests.api.world import World, open_world


class Page:
    """A visitor's page, without the pixels."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), 10))
        return message

    async def until(self, *kinds: str) -> dict[str, Any]:
        while (message := await self.hear())["type"] not in kinds:
            continue
        return message

    async def say(self, text: str, message_id: str = "message-1") -> None:
        await self.send(type="say", id=message_id, text=text)


@asynccontextmanager
async def page(world: World, *, token: str | None = None, **options: Any) -> AsyncIterator[tuple[Page, dict[str, Any]]]:
    url = f"ws://127.0.0.1:{world.server.port}/chat/site/ws"
    async with connect(url, proxy=None, **options) as socket:
        opened = Page(socket)
        await opened.send(type="hello", token=token)
        yield opened, await opened.hear()


async def test_a_visitor_is_answered_and_known_again(world: World) -> None:
    async with page(world) as (chat, welcome):
        await chat.say("退款多久到账？")
        kept = await chat.until("kept")
        reply = await chat.until("reply")
    async with page(world, token=welcome["token"]) as (_, again):
        pass

    assert welcome["lines"] == []
    assert kept["turn"] == reply["turn"]
    assert reply["text"] == "你说：退款多久到账？"
    assert reply["citations"] == [{"title": "售后政策 §3.2", "quote": "退款自签收之日起 2 个工作日内原路退回。"}]
    assert again["token"] == welcome["token"]
    assert [(line["author"], line["text"]) for line in again["lines"]] == [
        ("contact", "退款多久到账？"),
        ("worker", "你说：退款多久到账？"),
    ]
    assert {line["turn"] for line in again["lines"]} == {kept["turn"]}


async def test_a_message_that_is_sent_again_is_answered_once(world: World) -> None:
    async with page(world) as (chat, welcome):
        await chat.say("你好", "message-7")
        first = await chat.until("kept")
        await chat.until("reply")
    async with page(world, token=welcome["token"]) as (chat, _):
        await chat.say("你好", "message-7")
        second = await chat.until("kept")
        reply = await chat.until("reply")

    assert first["turn"] == second["turn"] == reply["turn"]
    assert len(world.turns.seen) == 1


async def test_the_words_come_as_they_are_written(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("流式")
        heard = [await chat.hear() for _ in range(5)]

    assert [each["type"] for each in heard] == ["kept", "delta", "delta", "delta", "reply"]


async def test_choices_are_offered(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("打印机坏了")
        reply = await chat.until("reply")

    assert [choice["label"] for choice in reply["choices"]] == ["打印机卡纸", "打印机离线"]


async def test_an_answer_is_rated_by_the_visitor_who_got_it_and_the_last_word_counts(world: World) -> None:
    async with page(world) as (chat, _), page(world) as (stranger, _):
        await chat.say("评一评")
        reply = await chat.until("reply")
        await chat.send(type="rate", turn=reply["turn"], rating="down")
        noted = await chat.until("rated", "not_rated")
        await stranger.send(type="rate", turn=reply["turn"], rating="up")
        foreign = await stranger.until("rated", "not_rated")
        await chat.send(type="rate", turn="no-such-turn", rating="up")
        unknown = await chat.until("rated", "not_rated")
        first = await world.feedback.of_turn(reply["turn"])
        await chat.send(type="rate", turn=reply["turn"], rating="up")
        await chat.until("rated")

    assert reply["rateable"]
    assert noted == {"type": "rated", "turn": reply["turn"], "rating": "down"}
    assert (foreign["type"], unknown["type"]) == ("not_rated", "not_rated")
    assert [(rating.mark, rating.channel) for rating in first] == [("down", "site")]
    assert [rating.mark for rating in await world.feedback.of_turn(reply["turn"])] == ["up"]


async def test_a_person_who_takes_over_is_heard(world: World) -> None:
    async with page(world) as (chat, welcome):
        await chat.say("人工")
        await chat.until("reply")
        conversation = (await world.conversations.conversations())[0]
        await world.conversations.take_over(conversation.id, "阿芳", datetime.now(UTC))
        await world.conversations.say(conversation.id, "阿芳", Reply("我来帮你看看。"), datetime.now(UTC))
        said = PersonSaid(conversation.id, Reply("我来帮你看看。"), "阿芳")
        world.board.post(said, conversation_id=conversation.id)
        human = await chat.until("human")
    async with page(world, token=welcome["token"]) as (_, again):
        pass

    assert (human["name"], human["text"]) == ("阿芳", "我来帮你看看。")
    assert again["lines"][-1]["text"] == "我来帮你看看。"


async def test_two_windows_of_one_visitor_show_the_same(world: World) -> None:
    async with page(world) as (first, welcome):
        await first.say("你好", "message-1")
        await first.until("reply")
        async with page(world, token=welcome["token"]) as (second, _):
            await first.say("还在吗", "message-2")
            said = await second.until("said")
            reply = await second.until("reply")

    assert said["text"] == "还在吗"
    assert reply["text"] == "你说：还在吗"


async def test_a_held_answer_is_announced_and_comes_later(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("稍候再答")
        notice = await chat.until("reply")
        world.turns.gate.set()
        answer = await chat.until("reply")

    assert (notice["hold"], answer["hold"]) == (True, False)
    assert answer["turn"] == notice["turn"]


async def test_a_forged_or_foreign_token_makes_a_new_visitor(world: World) -> None:
    async with page(world) as (chat, welcome):
        await chat.say("我的秘密")
        await chat.until("reply")
    forged = [welcome["token"][:-2] + "xx", "x" * 5_000, "", "a.b", '{"v":1}']
    for token in forged:
        async with page(world, token=token) as (_, again):
            assert again["lines"] == []
            assert again["token"] != welcome["token"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", None),
        ("null", None),
        ("http://evil.example", "evil.example"),
        ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
        (None, "evil.example"),
    ],
)
async def test_a_page_of_another_site_is_refused(world: World, origin: str | None, host: str | None) -> None:
    headers = {name: value for name, value in (("Origin", origin), ("Host", host)) if value}
    request = (
        "GET /chat/site/ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    request += "".join(f"{name}: {value}\r\n" for name, value in ({"Host": "127.0.0.1"} | headers).items())
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(request.encode() + b"\r\n")
    status = await reader.readline()
    writer.close()

    assert b" 403 " in status


async def test_a_configured_site_may_show_the_chat(tmp_path: Path) -> None:
    async with open_world(tmp_path, allowed_origins=("https://www.example.com",)) as world:
        async with page(world, origin="https://www.example.com") as (_, welcome):
            assert welcome["type"] == "welcome"
        async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
            shown = await client.get("/chat/site")

    assert "frame-ancestors 'self' https://www.example.com" in shown.headers["content-security-policy"]


async def test_a_chat_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{world.server.port}/chat/service-desk/ws", proxy=None):
            pass
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        missing = await client.get("/chat/nobody")

    assert refused.value.response.status_code == 404
    assert missing.status_code == 404


@pytest.mark.parametrize("first", ["", "nonsense", '{"type":"say","id":"message-1","text":"x"}', "[" * 50_000, b"\xff"])
async def test_a_page_that_does_not_greet_is_shown_out(world: World, first: str | bytes) -> None:
    async with connect(f"ws://127.0.0.1:{world.server.port}/chat/site/ws", proxy=None) as socket:
        await socket.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_what_cannot_be_kept_is_refused_by_name(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("长" * 4_001)
        too_long = await chat.until("refused")
        await chat.say("\x00 \x07")
        empty = await chat.until("refused")

    assert (too_long["code"], too_long["retry_after"]) == ("chat.too_long", None)
    assert empty["code"] == "chat.empty"
    assert world.turns.seen == []


async def test_a_flood_is_asked_to_wait(world: World) -> None:
    async with page(world) as (chat, _):
        for number in range(15):
            await chat.say("快", f"message-{number}")
        refused = await chat.until("refused")

    assert refused["code"] == "chat.too_fast"
    assert refused["retry_after"] > 0


async def test_an_oversized_message_ends_the_connection(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("x" * 200_000)
        with pytest.raises(ConnectionClosed):
            await chat.until("kept", "refused")


async def test_the_end_of_the_process_sends_the_page_away(world: World) -> None:
    async with page(world) as (chat, _):
        await chat.say("你好")
        await chat.until("reply")
        world.api.close()
        with pytest.raises(ConnectionClosed):
            await chat.hear()


async def test_the_page_is_sealed_and_speaks_the_readers_language(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        chinese = await client.get("/chat/site")
        english = await client.get("/chat/site", headers={"accept-language": "fr, en-GB;q=0.8, zh;q=0.5"})
        css = await client.get("/static/chat/chat.css")
        again = await client.get("/static/chat/chat.css", headers={"if-none-match": css.headers["etag"]})
        widget = await client.get("/chat/widget.js")
        outside = await client.get("/static/chat/..%2fapp.py")
        rebound = await client.get("/chat/site", headers={"host": "evil.example"})

    assert "写下你的问题" in chinese.text
    assert 'lang="en"' in english.text
    policy = chinese.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in chinese.text
    assert chinese.text.count("<script") == 1
    assert again.status_code == 304
    assert widget.headers["content-type"].startswith("text/javascript")
    assert outside.status_code == 404
    assert rebound.status_code == 403
    assert "allowed_origins" in rebound.text
