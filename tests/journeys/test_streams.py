"""kill -9 in the middle of a stream: whoever comes back gets the whole answer, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import ScriptedModel

pytestmark = pytest.mark.slow

SAID = "第一步，打开订单。第二步，点申请售后。第三步，等待审核。第四步，寄回商品。"
CHAT = '[channels.website]\nkind = "web"\n'
SOON_S = 20.0


@asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[tuple[Site, ScriptedModel]]:
    """A service whose model takes seconds to write an answer, word by word."""
    model = ScriptedModel(SAID, piece=2, between_s=0.15)
    async with model, Site(folder, open_model(model.base_url) + CHAT) as site:
        await site.start()
        yield site, model


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any] | None]]:
    """Yield the id and the data of each event; `None` for the word that ends a completion."""
    event_id = ""
    async for line in answer.content:
        if line.startswith(b"id: "):
            event_id = line[4:].decode().strip()
        elif line.startswith(b"data: "):
            data = line[6:].strip()
            yield event_id, None if data == b"[DONE]" else json.loads(data)
            event_id = ""


async def _completion(site: Site, *, kill: bool) -> tuple[str, bool]:
    """Ask as a stream; return its text, and whether it came to its proper end."""
    body = {"model": "xiaozhi", "stream": True, "messages": [{"role": "user", "content": "怎么退货"}]}
    text = ""
    try:
        async with site.client.post("/v1/chat/completions", json=body, headers={"Idempotency-Key": "k"}) as answer:
            assert answer.status == 200
            async for _, data in _events(answer):
                if data is None:
                    return text, True
                text += data["choices"][0]["delta"].get("content", "")
                if kill and text:
                    await site.kill()
    except aiohttp.ClientError:
        pass
    return text, False


async def test_a_completion_that_was_cut_off_is_whole_under_the_same_key(tmp_path: Path) -> None:
    async with _site(tmp_path) as (site, model), asyncio.timeout(SOON_S * 3):
        begun, ended = await _completion(site, kill=True)
        assert not ended, "a client must be able to tell half an answer from a whole one"
        assert begun != SAID
        assert SAID.startswith(begun)
        await site.start()
        again = await _completion(site, kill=False)
        calls = model.calls
        third = await _completion(site, kill=False)

    assert again == third == (SAID, True)
    assert model.calls == calls, "what is answered is not asked again"


async def test_a_listener_that_comes_back_hears_what_it_missed_once(tmp_path: Path) -> None:
    path, turns, replies = "/api/v1/conversations/k-1/events", list[str](), list[str]()

    async def post(number: int) -> str:
        body = {"message_id": f"m-{number}", "conversation_id": "k-1", "contact": "crm", "text": "怎么退货"}
        status, accepted = await site.post("/api/v1/messages", body)
        assert status == 202
        return str(accepted["turn_id"])

    async def listen(last: str, *, until: str, post_number: int = 0) -> tuple[str, list[dict[str, Any]]]:
        """Listen until a kind of event, and say something meanwhile; return the last id, and what was heard."""
        heard = list[dict[str, Any]]()
        async with site.client.get(path, headers={"Last-Event-ID": last} if last else {}) as answer:
            if post_number:
                turns.append(await post(post_number))
            async for event_id, data in _events(answer):
                assert data is not None
                heard.append(data)
                last = event_id or last
                if data["type"] == "reply":
                    replies.append(data["turn_id"])
                if data["type"] == until:
                    return last, heard
        raise AssertionError("the stream ended")

    async with _site(tmp_path) as (site, _), asyncio.timeout(SOON_S * 3):
        turns.append(await post(1))
        last, _ = await listen("", until="reply")
        last, _ = await listen(last, until="delta", post_number=2)
        assert last == turns[0], "half an answer has no id: it cannot be gone on from"
        await site.kill()
        await site.start()
        last, heard = await listen(last, until="reply")
        last, _ = await listen(last, until="reply", post_number=3)

    assert heard[-1]["text"] == SAID
    assert len(turns) == 3
    assert replies == turns


async def test_a_web_chat_that_comes_back_shows_the_whole_answer_once(tmp_path: Path) -> None:
    async with _site(tmp_path) as (site, _), asyncio.timeout(SOON_S * 3):
        origin = {"Origin": site.url}

        async with site.client.ws_connect("/chat/website/ws", headers=origin) as page:
            await page.send_json({"type": "hello"})
            token = (await page.receive_json())["token"]
            await page.send_json({"type": "say", "id": "message-1", "text": "怎么退货"})
            while (await page.receive_json())["type"] != "delta":
                pass
            await site.kill()
        await site.start()
        async with site.client.ws_connect("/chat/website/ws", headers=origin) as page:
            await page.send_json({"type": "hello", "token": token})
            shown = [line["text"] for line in (await page.receive_json())["lines"]]
            while SAID not in shown:
                told = await page.receive_json()
                if told["type"] == "reply":
                    shown.append(told["text"])
        async with site.client.ws_connect("/chat/website/ws", headers=origin) as page:
            await page.send_json({"type": "hello", "token": token})
            later = await page.receive_json()

    assert shown == ["怎么退货", SAID]
    assert [line["text"] for line in later["lines"]] == ["怎么退货", SAID]
