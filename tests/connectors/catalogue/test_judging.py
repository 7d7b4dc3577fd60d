"""What the judge says is written down as it is, and what was never sent is known to be so."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ai_worker.connectors.catalogue.evidence import NO_TYPE
from ai_worker.connectors.catalogue.filling import Filler
from ai_worker.connectors.catalogue.judge import judge
from ai_worker.connectors.catalogue.patterns import matching
from ai_worker.connectors.catalogue.prism import complaint
from ai_worker.connectors.catalogue.system import BeyondContract, StatedProof
from tests.connectors.contracts import compiled, openapi, swagger
from tests.connectors.http.business import Answer, served

PROBLEM = b'{"type": "https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY", "validation": [{"code": "required"}]}'
BESIDE = '[{"location":["request","query"],"severity":"Error","code":"required","message":"must have id"}]'

ORDERS = openapi(
    {
        "/orders": {
            "get": {"operationId": "list", "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}]},
            "post": {
                "operationId": "add",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["sku", "count"],
                                "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}},
                            }
                        }
                    },
                },
            },
        },
        "/orders/{id}": {"get": {"operationId": "one"}, "delete": {"operationId": "gone"}},
    },
    security=[{"key": []}],
    components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
)


class Player:
    """A judge that is served by the test."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.started = 0

    async def start(self) -> bool:
        """Count that it was started."""
        self.started += 1
        return True


@asynccontextmanager
async def playing(answer: Answer) -> AsyncIterator[Player]:
    async with served(answer) as port:
        yield Player(port)


async def accepts(request: web.Request) -> web.Response:
    return web.json_response({"type": "https://stoplight.io/prism/errors#NO_RESPONSE_DEFINED"}, status=404)


async def judged(document: Any, answer: Answer) -> Any:
    async with playing(answer) as player:
        return await judge(compiled(document), player, name="judge 1", most=60)


async def test_accepted_calls_are_counted_by_what_they_do_and_incomplete_ones_never_leave() -> None:
    found = await judged(ORDERS, accepts)

    assert (found.judge, found.calls, found.accepted_reads, found.accepted_writes) == ("judge 1", 4, 2, 2)
    assert found.negatives == found.stopped == 4  # sku, count, and the id of two
    assert found.auth_needed == found.auth_applied == 4
    assert found.refused == {}


async def test_what_the_vendor_wants_besides_the_contract_goes_with_every_call() -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def looks(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Tenant"), request.headers.get("Authorization")))
        return web.json_response({})

    beyond = BeyondContract("https://docs.example.com/api", {"X-Tenant": "{tenant}"})
    proof = StatedProof("header", "Authorization", "Bearer ")
    async with playing(looks) as player:
        named = await judge(compiled(ORDERS), player, name="judge 1", most=60, beyond=beyond)
        proved = await judge(
            compiled(ORDERS), player, name="judge 1", most=60, beyond=BeyondContract(beyond.source, proof=proof)
        )

    assert (named.beyond_applied, named.auth_needed, named.auth_applied) == (4, 4, 4)
    assert (proved.beyond_applied, proved.auth_needed, proved.auth_applied) == (4, 4, 4)
    assert set(seen) == {("our-tenant", None), (None, "Bearer sesame-stated")}


async def test_the_further_secrets_and_the_query_that_the_vendor_wants_go_with_every_call() -> None:
    seen: set[tuple[str | None, str | None, str | None]] = set()

    async def looks(request: web.Request) -> web.Response:
        seen.add((request.headers.get("X-Key"), request.headers.get("X-License"), request.query.get("from")))
        return web.json_response({})

    beyond = BeyondContract("https://docs.example.com/api", secrets={"X-License": "Key "}, query={"from": "{us} & co"})
    async with playing(looks) as player:
        found = await judge(compiled(ORDERS), player, name="judge 1", most=60, beyond=beyond)

    assert (found.beyond_applied, found.auth_applied) == (4, 4)
    ((key, licence, query),) = seen
    assert (bool(key), licence, query) == (True, "Key sesame-stated-x-license", "our-us & co")


async def test_calls_that_act_carry_the_vendors_idempotency_header() -> None:
    seen: dict[str, str | None] = {}

    async def looks(request: web.Request) -> web.Response:
        seen[request.method] = request.headers.get("Idempotency-Key")
        return web.json_response({})

    beyond = BeyondContract("https://docs.example.com/api", idempotency_header="Idempotency-Key")
    async with playing(looks) as player:
        found = await judge(compiled(ORDERS), player, name="judge 1", most=60, beyond=beyond)

    assert found.beyond_applied == found.calls == 4
    assert seen == {"GET": None, "POST": "sesame-once", "DELETE": "sesame-once"}


async def test_a_refusal_is_counted_by_the_judges_kind() -> None:
    async def strict(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            return web.Response(status=422, body=PROBLEM, content_type="application/problem+json")
        return web.json_response({}, headers={"sl-violations": BESIDE} if request.method == "POST" else {})

    found = await judged(ORDERS, strict)

    assert found.refused == {"UNPROCESSABLE_ENTITY": 1, "request required": 1}
    assert (found.accepted_reads, found.accepted_writes) == (2, 0)


async def test_a_judge_that_breaks_down_is_started_anew() -> None:
    async def dies(request: web.Request) -> web.Response:
        if request.path == "/orders":
            assert request.transport is not None
            request.transport.close()
        return web.json_response({})

    async with playing(dies) as player:
        found = await judge(compiled(ORDERS), player, name="judge 1", most=60)

    assert (found.refused, found.accepted, player.started) == ({"judge ended": 2}, 2, 2)


async def test_a_body_of_no_named_type_is_told_apart() -> None:
    body = {"name": "it", "in": "body", "required": True, "schema": {"type": "object"}}
    problem = PROBLEM.replace(b"UNPROCESSABLE_ENTITY", b"INVALID_CONTENT_TYPE").replace(
        b'[{"code": "required"}]', b'"No supported content types, but request included a non-empty body"'
    )

    async def refuses(request: web.Request) -> web.Response:
        return web.Response(status=400, body=problem, content_type="application/problem+json")

    found = await judged(swagger({"/a": {"post": {"operationId": "a", "parameters": [body]}}}), refuses)

    assert found.refused == {NO_TYPE: 1}


def test_a_time_of_the_contract_s_own_that_is_none_is_not_taken_over() -> None:
    properties = {
        "wrong": {"type": "string", "format": "date-time", "default": "tomorrow"},
        "right": {"type": "string", "format": "date-time", "default": "2026-01-02T03:04:05+08:00"},
        "day": {"type": "string", "format": "date", "default": "02.01.2026"},
    }
    made = Filler({"type": "object", "properties": properties, "required": [*properties]}, 7).arguments(optional=0)

    assert made == {"wrong": "2026-11-22T08:30:00Z", "right": "2026-01-02T03:04:05+08:00", "day": "2026-11-22"}


def test_what_prism_says_of_its_own_answer_is_no_complaint() -> None:
    assert complaint(b"{}", {"sl-violations": BESIDE.replace("request", "response")}) == ""
    assert complaint(b"{}", {"sl-violations": BESIDE}) == "request required: request.query: must have id"
    assert complaint(b"{}", {"sl-violations": 'Too many violations! [{"location":["request"'}).startswith("request: ")
    assert complaint(b"prism/errors#NOT_ACCEPTABLE and no JSON", {}) == ""


def test_arguments_are_the_same_for_the_same_seed_and_fit_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
            "zone": {"type": "string", "examples": ["Asia/Shanghai"]},
            "count": {"type": "integer", "minimum": 3, "multipleOf": 5},
        },
        "required": ["id", "zone", "count"],
        "additionalProperties": False,
    }
    first, second = (Filler(schema, 7).arguments(optional=0.5) for _ in range(2))

    assert first == second == {"id": "0" * 24, "zone": "Asia/Shanghai", "count": 10}


@pytest.mark.parametrize(
    "pattern",
    [
        "^adr_[a-zA-Z0-9]+$",
        r"^d\d{1,8}c\d{1,8}v\d{1,8}$",
        "^[^!]+![0-9.]*[0-9]+$",
        "^(?!src_)[a-z_-]+$",
        "^(excel|image):(url|base64)$",
        "[{]build[}]",
        "^[a-f0-9]{40}$",
        r"^\+?[1-9]\d{6,14}$",
        "^[]x]{2,}$",
        "^a{0}b?$",
        r"^(?:\w+\.)+cn$",
        "订单[0-9]{3}",
    ],
)
def test_a_text_is_made_for_a_pattern(pattern: str) -> None:
    assert any(re.search(pattern, matching(pattern, more)) for more in (0, 1, 4))


@pytest.mark.parametrize(
    "pattern", ["", "(((", "a)b", "[", "{", "a**", r"\p{L}+", "(?P<n>", "a{9999999}", "\\", "(((a{60}){60}){60}){60}"]
)
def test_a_pattern_beyond_us_ends_all_the_same(pattern: str) -> None:
    assert len(matching(pattern, 4)) <= 1_000
