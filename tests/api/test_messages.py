import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from ai_worker.api.settings import ApiSettings
from tests.api.world import World, open_world

MESSAGE = {"message_id": "m-1", "conversation_id": "k-1", "contact": "林晓燕", "text": "退款多久到账？"}


async def finished(client: httpx.AsyncClient, turn_id: str) -> dict[str, Any]:
    while True:
        turn: dict[str, Any] = (await client.get(f"/api/v1/turns/{turn_id}")).json()
        if turn["status"] in ("done", "dead"):
            return turn
        await asyncio.sleep(0.02)


async def test_a_message_is_accepted_and_answered_later(world: World) -> None:
    async with world.client() as client:
        receipt = await client.post("/api/v1/messages", json=MESSAGE)
        turn = await finished(client, receipt.json()["turn_id"])

    assert receipt.status_code == 202
    assert receipt.json() | {"turn_id": ""} == {"turn_id": "", "status": "accepted", "duplicate": False}
    assert turn["text"] == "你说：退款多久到账？"
    assert turn["conversation_id"] == "k-1"


async def test_a_duplicate_is_accepted_and_answered_once(world: World) -> None:
    async with world.client() as client:
        receipts = await asyncio.gather(*(client.post("/api/v1/messages", json=MESSAGE) for _ in range(5)))
        await finished(client, receipts[0].json()["turn_id"])

    assert {receipt.status_code for receipt in receipts} == {202}
    assert len({receipt.json()["turn_id"] for receipt in receipts}) == 1
    assert [receipt.json()["duplicate"] for receipt in receipts].count(False) == 1
    assert len(world.turns.seen) == 1


async def test_an_id_that_stands_for_another_message_is_refused(world: World) -> None:
    async with world.client() as client:
        await client.post("/api/v1/messages", json=MESSAGE)
        clash = await client.post("/api/v1/messages", json=MESSAGE | {"text": "别的"})

    assert (clash.status_code, clash.json()["code"]) == (409, "message.id_reused")


async def test_an_idempotency_key_gives_the_first_receipt_and_refuses_another_body(world: World) -> None:
    headers = {"idempotency-key": "k"}
    async with world.client() as client:
        first = await client.post("/api/v1/messages", json=MESSAGE, headers=headers)
        again = await client.post("/api/v1/messages", json=MESSAGE, headers=headers)
        other = await client.post("/api/v1/messages", json=MESSAGE | {"message_id": "m-2"}, headers=headers)

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "request.idempotency_key_reused")


async def test_a_refused_request_burns_no_idempotency_key(world: World) -> None:
    headers = {"idempotency-key": "k"}
    async with world.client() as client:
        refused = await client.post("/api/v1/messages", json=MESSAGE | {"text": ""}, headers=headers)
        accepted = await client.post("/api/v1/messages", json=MESSAGE, headers=headers)

    assert (refused.status_code, accepted.status_code) == (422, 202)


async def test_another_keys_turns_and_conversations_do_not_exist(world: World) -> None:
    stranger, admin = await world.another_key("crm"), await world.another_key("ops", "admin")
    async with world.client() as client, world.client(stranger) as other, world.client(admin) as boss:
        receipt = (await client.post("/api/v1/messages", json=MESSAGE)).json()
        await finished(client, receipt["turn_id"])
        foreign = await other.get(f"/api/v1/turns/{receipt['turn_id']}")
        missing = await other.get("/api/v1/turns/t-nothing")
        events = await other.get("/api/v1/conversations/k-1/events")
        own = await other.post("/api/v1/messages", json=MESSAGE)
        seen = await boss.get(f"/api/v1/turns/{receipt['turn_id']}")

    assert foreign.status_code == events.status_code == 404
    assert foreign.json() == missing.json()
    assert own.json()["duplicate"] is False
    assert seen.json()["conversation_id"] == "erp/k-1"


async def test_a_conversation_is_heard_from_its_latest_lines_on(world: World) -> None:
    async with world.client() as client:
        first = (await client.post("/api/v1/messages", json=MESSAGE)).json()
        await finished(client, first["turn_id"])
        async with client.stream("GET", "/api/v1/conversations/k-1/events") as response:
            events = read_events(response)
            told = await anext(events)
            second = (await client.post("/api/v1/messages", json=MESSAGE | {"message_id": "m-2", "text": "流"})).json()
            heard = [await anext(events) for _ in range(4)]
        async with client.stream(
            "GET", "/api/v1/conversations/k-1/events", headers={"last-event-id": first["turn_id"]}
        ) as response:
            later = await anext(read_events(response))

    assert (told["type"], told["turn_id"], told["text"]) == ("reply", first["turn_id"], "你说：退款多久到账？")
    assert [event["type"] for event in heard] == ["delta", "delta", "delta", "reply"]
    assert heard[-1]["text"] == "退款已经**原路**退回。"
    assert later["turn_id"] == second["turn_id"]


async def test_who_joins_while_an_answer_is_owed_hears_that_and_then_the_answer(tmp_path: Path) -> None:
    events_of = "/api/v1/conversations/k-1/events"
    owed = MESSAGE | {"text": "稍候，退款到哪了？", "callback_url": "http://127.0.0.1:9/replies"}
    settings = ApiSettings(callback_hosts=("127.0.0.1:9",))
    async with open_world(tmp_path, settings=settings) as world, world.client() as client:
        turn_id = (await client.post("/api/v1/messages", json=owed)).json()["turn_id"]
        while (await client.get(f"/api/v1/turns/{turn_id}")).json()["status"] != "held":
            await asyncio.sleep(0.02)
        async with client.stream("GET", events_of) as response:
            lines, heard = response.aiter_lines(), list[str]()
            async for line in lines:
                if line.startswith("data: ") and not heard:
                    world.turns.gate.set()
                heard += [line] if line.startswith(("id: ", "data: ")) else []
                if '"reply"' in line:
                    break
        async with client.stream("GET", events_of, headers={"last-event-id": turn_id}) as response:
            await client.post("/api/v1/messages", json=MESSAGE | {"message_id": "m-2", "text": "谢谢"})
            behind = await anext(read_events(response))

    assert not heard[0].startswith("id: "), "who has only this has not heard the answer"
    assert f"id: {turn_id}" in heard
    told = [json.loads(line[6:]) for line in heard if line.startswith("data: ")]
    assert (told[0]["type"], told[0]["text"]) == ("holding", "正在查，查到马上告诉你。")
    assert (told[-1]["type"], told[-1]["turn_id"], told[-1]["text"]) == ("reply", turn_id, "你说：稍候，退款到哪了？")
    assert behind["text"] == "你说：谢谢"


async def test_who_heard_last_that_nothing_was_said_is_not_told_everything_again(world: World) -> None:
    async with world.client() as client:
        turns = []
        for text in ("你好", "静静", "再见"):
            receipt = await client.post("/api/v1/messages", json=MESSAGE | {"message_id": text, "text": text})
            turns.append(receipt.json()["turn_id"])
            await finished(client, turns[-1])
        headers = {"last-event-id": turns[1]}
        async with client.stream("GET", "/api/v1/conversations/k-1/events", headers=headers) as response:
            assert (await anext(read_events(response)))["text"] == "你说：再见"


async def read_events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://127.0.0.1:1@evil.example/",
        "http://evil.example/?127.0.0.1",
        "http://127.0.0.1.evil.example/",
        "file:///etc/passwd",
        "http://127.0.0.1\\@evil.example/",
        "//127.0.0.1/",
        "http://127.0.0.1:99999/",
    ],
)
async def test_a_callback_goes_to_configured_hosts_only(tmp_path: Path, url: str) -> None:
    settings = ApiSettings(callback_hosts=("127.0.0.1",))
    async with open_world(tmp_path, settings=settings) as world, world.client() as client:
        response = await client.post("/api/v1/messages", json=MESSAGE | {"callback_url": url})

    assert (response.status_code, response.json()["code"]) == (422, "callback.url_refused")


async def test_the_reply_comes_by_signed_callback(tmp_path: Path) -> None:
    taken: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put((dict(request.headers), await request.read()))
        return web.Response(status=204)

    receiver = web.Application()
    receiver.router.add_post("/replies", take)
    running = web.AppRunner(receiver)
    await running.setup()
    site = web.TCPSite(running, "127.0.0.1", 0)
    await site.start()
    port = running.addresses[0][1]
    async with open_world(tmp_path, settings=ApiSettings(callback_hosts=(f"127.0.0.1:{port}",))) as world:
        key = (await world.keyring.keys())[0]
        async with world.client() as client:
            url = f"http://127.0.0.1:{port}/replies"
            receipt = (await client.post("/api/v1/messages", json=MESSAGE | {"callback_url": url})).json()
            headers, body = await asyncio.wait_for(taken.get(), 10)
        secret = world.keyring.callback_secret(key.id).reveal()
    await running.cleanup()

    reply = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert reply["type"] == "reply"
    assert reply["message_id"] == "m-1"
    assert reply["conversation_id"] == "k-1"
    assert reply["turn_id"] == receipt["turn_id"]
    assert reply["text"] == "你说：退款多久到账？"
    assert reply["citations"][0]["title"] == "售后政策 §3.2"
