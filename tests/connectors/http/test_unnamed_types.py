"""Where a contract names no type of content, JSON is said; a system that takes it only unsaid gets it unsaid."""

from dataclasses import replace

import pytest
from aiohttp import web

from ai_worker.connectors.http.guessed import MAX_TRIES
from ai_worker.connectors.operation import Body, Media
from ai_worker.skills.tool import Risk, ToolFailed, ToolRefused, ToolUnsure
from tests.connectors.http.business import WRITE, connected, json

GUESSED = replace(
    WRITE, risk="write-reversible", body=Body(True, Media("application/json", assumed=True), {"order": "order"})
)
ACT = {"order": "ORD1"}


async def only_unsaid(request: web.Request) -> web.Response:
    return web.json_response({}, status=415 if "Content-Type" in request.headers else 200)


async def only_said(request: web.Request) -> web.Response:
    return web.json_response({}, status=200 if "Content-Type" in request.headers else 415)


async def test_json_is_said_first_and_once_is_enough() -> None:
    async with connected() as (business, caller):
        business.says(json({"id": "R1"}))
        await caller.call(GUESSED, ACT)

        ((_, _, headers, content),) = business.asked
        assert (headers["Content-Type"], content) == ("application/json", b'{"order":"ORD1"}')


async def test_a_refused_type_is_left_unsaid_and_that_is_remembered() -> None:
    async with connected() as (business, caller):
        business.says(only_unsaid)
        assert (await caller.call(GUESSED, ACT)).status == 200
        assert (await caller.call(GUESSED, ACT)).status == 200
        assert ["Content-Type" in headers for _, _, headers, _ in business.asked] == [True, False, False]

        business.says(only_said)  # the system was changed
        assert (await caller.call(GUESSED, ACT)).status == 200
        assert [content for *_, content in business.asked] == [b'{"order":"ORD1"}'] * 5


@pytest.mark.parametrize("operation", [GUESSED, WRITE], ids=["guessed", "named by the contract"])
async def test_a_system_that_takes_neither_is_asked_no_more(operation: object) -> None:
    async with connected() as (business, caller):
        business.says(json({}, 415))
        with pytest.raises(ToolFailed):
            await caller.call(operation, ACT)  # type: ignore[arg-type]
        assert len(business.asked) == (2 if operation is GUESSED else 1)


async def says_it_otherwise(request: web.Request) -> web.Response:
    return web.json_response({}, status=400 if "Content-Type" in request.headers else 200)


async def test_a_system_without_a_status_for_types_gets_it_unsaid_too() -> None:
    async with connected() as (business, caller):
        business.says(says_it_otherwise)
        assert (await caller.call(GUESSED, ACT)).status == 200
        assert (await caller.call(GUESSED, ACT)).status == 200
        assert ["Content-Type" in headers for _, _, headers, _ in business.asked] == [True, False, False]


async def test_what_the_system_said_to_the_whole_request_is_what_is_told() -> None:
    async def answer(request: web.Request) -> web.Response:
        said = "Content-Type" in request.headers
        return web.json_response({"message": "订单不存在" if said else "no type"}, status=422 if said else 415)

    async with connected() as (business, caller):
        business.says(answer)
        with pytest.raises(ToolRefused, match="订单不存在"):
            await caller.call(GUESSED, ACT)


async def test_a_system_that_refuses_for_other_reasons_is_soon_left_in_peace() -> None:
    async with connected() as (business, caller):
        business.says(json({"message": "订单不存在"}, 422))
        for _ in range(MAX_TRIES + 2):
            with pytest.raises(ToolRefused):
                await caller.call(GUESSED, ACT)
        assert len(business.asked) == 2 * MAX_TRIES + 2


async def test_a_type_that_was_taken_once_is_no_reason_for_a_refusal() -> None:
    async with connected() as (business, caller):
        business.says(json({"id": "R1"}))
        await caller.call(GUESSED, ACT)
        business.says(json({"message": "订单不存在"}, 400))
        with pytest.raises(ToolRefused):
            await caller.call(GUESSED, ACT)
        assert len(business.asked) == 2


@pytest.mark.parametrize("risk", ["write-irreversible", "money", "admin"])
async def test_what_cannot_be_called_back_is_not_tried_twice(risk: Risk) -> None:
    async with connected() as (business, caller):
        business.says(json({}, 400))
        with pytest.raises(ToolRefused):
            await caller.call(replace(GUESSED, risk=risk), ACT)
        assert len(business.asked) == 1


async def test_a_second_attempt_of_which_nobody_knows_is_not_called_a_refusal() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({}, status=400 if "Content-Type" in request.headers else 500)

    async with connected() as (business, caller):
        business.says(answer)
        with pytest.raises(ToolUnsure):
            await caller.call(GUESSED, ACT)
