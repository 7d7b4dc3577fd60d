"""What stands at every door: keys, scopes, addresses, sizes, words."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute

from ai_worker.api.auth import Caller
from ai_worker.api.health import endpoints
from ai_worker.api.limits import Limits
from ai_worker.api.settings import ApiSettings
from ai_worker.ops.health import Check, Readiness
from tests.api.world import World, open_world

PUBLIC = {
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/channels/{name}/callback",
    "/chat/{name}",
    "/chat/{name}/files",
    "/chat/{name}/files/{file}",
    "/chat/widget.js",
    "/static/chat/{file}",
}

CLAIMS = [
    "x-forwarded-for",
    "x-real-ip",
    "client-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-addr",
]


async def test_every_route_says_who_may_use_it_and_few_are_open(world: World) -> None:
    told = {(endpoint.path, endpoint.method): endpoint.scope for endpoint in world.api.endpoints}
    routes = [route for route in world.api.routes if isinstance(route, Route)]

    assert {(route.path, method) for route in routes for method in route.methods or () if method != "HEAD"} == set(told)
    assert {path for (path, _), scope in told.items() if scope == "public"} == PUBLIC
    sockets = [route.path for route in world.api.routes if isinstance(route, WebSocketRoute)]
    assert sockets == ["/chat/{name}/ws"]
    assert len(routes) + len(sockets) == len(world.api.routes)


async def test_without_a_key_nothing_but_the_open_routes_answers(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        for endpoint in world.api.endpoints:
            if endpoint.scope == "public":
                continue
            path = endpoint.path.replace("{", "").replace("}", "").replace(":path", "")
            response = await client.request(endpoint.method, path)
            assert response.status_code == 401, path
            assert response.headers["www-authenticate"] == "Bearer"


def _other(character: str) -> str:
    return "y" if character == "x" else "x"


async def test_all_bad_keys_are_refused_alike(world: World) -> None:
    good = world.key
    wrong = [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {good[:-1]}{_other(good[-1])}"},
        {"authorization": f"Bearer {good[:10]}{_other(good[10])}{good[11:]}"},
        {"authorization": f"Basic {good}"},
        {"authorization": good},
        {"authorization": f"Bearer {'a' * 5_000}"},
        {"cookie": f"key={good}"},
        {"x-api-key": good},
    ]
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        answers = [await client.get("/v1/models", headers=headers) for headers in wrong]
        answers.append(await client.get("/v1/models", params={"access_token": good, "api_key": good}))
        answers.append(await client.get("/v1/models", headers=[("authorization", f"Bearer {good}")] * 2))
        answers.append(await client.get("/v1/models", headers=[(b"authorization", b"Bearer \xc3\xa9\xff")]))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


async def test_a_key_opens_only_what_it_is_for(world: World) -> None:
    reader = await world.another_key("reader", "metrics")
    async with world.client(reader) as client:
        ask = await client.post("/api/v1/ask", json={"text": "问"})
        metrics = await client.get("/metrics")

    assert (ask.status_code, ask.json()["code"]) == (403, "keys.scope_denied")
    assert metrics.text == "ai_worker_up 1\n"


async def test_figures_are_open_to_configured_addresses(tmp_path: Path) -> None:
    async with open_world(tmp_path, metrics_allow=("127.0.0.0/8",)) as world:
        response = await asyncio.to_thread(httpx.get, f"{world.url}/metrics", trust_env=False)

    assert response.status_code == 200


async def test_a_client_cannot_say_where_it_comes_from(world: World) -> None:
    _, secret = await world.keyring.create("far", networks=["203.0.113.0/24"])
    claims = dict.fromkeys(CLAIMS, "203.0.113.7") | {"forwarded": "for=203.0.113.7"}
    async with world.client(secret.reveal()) as client:
        response = await client.get("/v1/models", headers=claims)

    assert (response.status_code, response.json()["code"]) == (401, "keys.ip_denied")


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("203.0.113.7", 200),
        ("203.0.113.7, 127.0.0.9", 200),
        ("::ffff:203.0.113.7", 200),
        ("203.0.113.7, 198.51.100.1", 401),
        ("203.0.113.7, junk", 401),
        ("203.0.113.7%eth0", 401),
        ("0313.0.113.7", 401),
        ("", 401),
    ],
)
async def test_a_trusted_proxy_says_it_by_its_rightmost_stranger(tmp_path: Path, forwarded: str, status: int) -> None:
    async with open_world(tmp_path, settings=ApiSettings(trusted_proxies=("127.0.0.0/8",))) as world:
        _, secret = await world.keyring.create("far", networks=["203.0.113.0/24"])
        async with world.client(secret.reveal()) as client:
            response = await client.get("/v1/models", headers={"x-forwarded-for": forwarded})

    assert response.status_code == status


async def test_too_many_bad_keys_slow_the_guesser_down_but_not_the_owner(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as guesser, world.client() as owner:
        statuses = [(await guesser.get("/v1/models")).status_code for _ in range(3)]
        headers = {"authorization": "Bearer wrong"}
        statuses += [(await guesser.get("/v1/models", headers=headers)).status_code for _ in range(70)]
        last = await guesser.get("/v1/models", headers=headers)
        assert (await owner.get("/v1/models")).status_code == 200

    assert statuses[:10] == [401] * 10
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1


async def test_an_expired_key_is_told_so(world: World) -> None:
    key, secret = await world.keyring.create("old")
    await world.keyring.revoke(key.id)
    async with world.client(secret.reveal()) as client:
        response = await client.get("/v1/models")

    assert key.expires_at - key.created_at == timedelta(days=90)
    assert (response.status_code, response.json()["code"]) == (401, "keys.revoked")


async def test_what_is_not_there_and_what_is_not_done_is_told_as_a_problem(world: World) -> None:
    async with world.client() as client:
        missing = await client.get("/nothing/here")
        method = await client.delete("/api/v1/ask")
        slash = await client.get("/healthz/")

    assert (missing.status_code, missing.json()["code"]) == (404, "request.no_such_route")
    assert (method.status_code, method.headers["allow"]) == (405, "POST")
    assert slash.status_code == 404
    assert "server" not in missing.headers


async def test_packed_and_oversized_bodies_are_refused_before_any_work(tmp_path: Path) -> None:
    limits = Limits(request_bytes=10_000, callback_bytes=1_000, upload_bytes=50_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000

    async with open_world(tmp_path, limits=limits) as world, world.client() as client:
        announced = await client.post("/api/v1/ask", content=b"x" * 10_001)
        streamed = await client.post("/api/v1/ask", content=chunks())
        callback = await client.post("/channels/service-desk/callback", content=b"x" * 1_001)
        packed = await client.post("/api/v1/ask", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
        upload = await client.post("/api/v1/knowledge/documents", files={"file": ("a.md", b"x" * 50_001)})
        fine = await client.post("/api/v1/knowledge/documents", files={"file": ("a.md", b"x" * 40_000)})

    assert [each.status_code for each in (announced, streamed, callback, upload)] == [413] * 4
    assert packed.status_code == 415
    assert fine.status_code == 200
    assert world.platform.asked == []


async def test_health_is_told(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert alive.json() == {"status": "alive"}
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["checks"][1]["ok"] is False


async def test_a_channel_says_how_it_is_and_never_makes_the_process_unready() -> None:
    since = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)
    found = Readiness.of(
        [
            Check("store", True),
            Check(
                "channel.bot",
                False,
                "the long connection is down",
                required=False,
                state="degraded",
                connected_s=12.345,
                last_inbound_at=since,
                last_error="errcode 40001",
            ),
        ]
    )

    async def readiness() -> Readiness:
        return found

    (endpoint,) = (one for one in endpoints(readiness) if one.path == "/readyz")
    told = await endpoint.handle(Request({"type": "http"}), Caller("", "", admin=False))

    store, bot = json.loads(bytes(told.body))["checks"]
    assert told.status_code == 200
    assert store == {"name": "store", "ok": True, "detail": "", "required": True}
    assert bot == {
        "name": "channel.bot",
        "ok": False,
        "detail": "the long connection is down",
        "required": False,
        "state": "degraded",
        "connected_s": 12.3,
        "last_inbound_at": "2026-11-22T06:24:00Z",
        "last_error": "errcode 40001",
    }


async def test_the_description_names_every_address_and_every_shape_it_refers_to(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        text = (await client.get("/openapi.json")).text
        document = httpx.Response(200, text=text).json()

    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) >= {"/api/v1/ask", "/api/v1/messages", "/v1/chat/completions", "/metrics"}
    assert {"/chat/{name}", "/chat/widget.js"} <= set(document["paths"])
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])
    ids = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(ids) == len(set(ids))


async def test_a_platform_is_answered_in_its_own_words(world: World) -> None:
    path = "/channels/service-desk/callback"
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        echo = await client.get(path, params=[("signature", "good"), ("signature", "bad"), ("echostr", "回声")])
        taken = await client.post(path, params={"signature": "good"}, content=b"<xml/>", headers={"X-Lark-A": "1"})
        refused = await client.post(path, content=b"\xff\x00")
        missing = await client.post("/channels/nobody/callback")

    assert (echo.status_code, echo.text) == (200, "回声")
    assert taken.text == "success"
    assert world.platform.asked[1].body == b"<xml/>"
    assert world.platform.asked[1].headers["x-lark-a"] == "1"
    assert (refused.status_code, missing.status_code) == (403, 404)


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/turns/%00",
        "/api/v1/turns/%ff%fe",
        "/api/v1/turns/..%2f..%2fetc%2fpasswd",
        "/api/v1/turns/" + "x" * 20_000,
        "/api/v1/conversations/%00/events",
        "/api/v1/conversations//events",
        "/v1/models/%ed%a0%80",
        "/channels/%00/callback",
        "/channels/service-desk/callback?%ff=%00&a=b&a",
        "/chat/%00",
        "/static/chat/%00",
        "/static/chat/chat.css?v=%ff",
        "//api/v1/ask",
        "/./healthz",
        "/?" + "&".join("a=b" for _ in range(10_000)),
        "*",
    ],
)
async def test_no_address_is_more_than_it_can_take(world: World, target: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    head = f"GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {world.key}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    status = int((await reader.readline()).split()[1])
    writer.close()

    assert status < 500
