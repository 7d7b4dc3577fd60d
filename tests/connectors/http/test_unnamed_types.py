"""Where a contract names no type of content, JSON is said; a system that takes it only unsaid gets it unsaid."""

from dataclasses import replace

import pytest
from aiohttp import web

from ai_worker.connectors.operation import Body, Media
from ai_worker.skills.tool import ToolFailed
from tests.connectors.http.business import WRITE, connected, json

GUESSED = replace(WRITE, body=Body(True, Media("application/json", assumed=True), {"order": "order"}))
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


async def test_another_refusal_is_no_matter_of_the_type() -> None:
    async with connected() as (business, caller):
        business.says(json({"message": "订单不存在"}, 422))
        with pytest.raises(ToolFailed):
            await caller.call(GUESSED, ACT)
        assert len(business.asked) == 1
