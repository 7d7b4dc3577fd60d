"""What comes back is read whatever it is, judged, and told apart: done, refused, failed, nobody knows."""

import asyncio
import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from ai_worker.connectors.http.verdicts import retry_after
from ai_worker.connectors.operation import Parameter
from ai_worker.connectors.profile import RefusalSign
from ai_worker.foundation.clock import FixedClock
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure
from tests.connectors.http.business import READ, WRITE, Naps, connected, cut, json, raw

ASK = {"id": "ORD1"}
ACT = {"order": "ORD1"}


@pytest.mark.parametrize(
    ("content", "content_type", "data"),
    [
        ('{"状态": "已发货"}'.encode(), "application/json", {"状态": "已发货"}),
        ('{"状态": "已发货"}'.encode("gbk"), "application/json", {"状态": "已发货"}),
        ('{"状态": "已发货"}'.encode("gbk"), "text/html; charset=utf-8", {"状态": "已发货"}),
        ('\ufeff{"a": 1}'.encode(), "text/plain", {"a": 1}),
        ("已发货".encode("gb18030"), "text/plain; charset=gb2312", "已发货"),
        ("已发货".encode(), "text/plain; charset=no-such", "已发货"),
        (b"<ok/>", "application/json", "<ok/>"),
        (b"", "application/json", None),
        (b"\x89PNG\x00", "image/png", {"file": "image/png", "bytes": 5}),
        ("已发货".encode("gb18030"), "text/plain; charset=undefined", "已发货"),
        (b"[" * 5_000, "application/json", {"bytes": 5_000}),
    ],
)
async def test_an_answer_is_read_whatever_it_is_called(content: bytes, content_type: str, data: object) -> None:
    async with connected() as (business, caller):
        business.says(raw(content, content_type))
        assert (await caller.call(READ, ASK)).data == data


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (400, ToolRefused, ToolRefused),
        (404, ToolRefused, ToolRefused),
        (422, ToolRefused, ToolRefused),
        (401, ToolFailed, ToolFailed),
        (403, ToolFailed, ToolFailed),
        (405, ToolFailed, ToolFailed),
        (500, ToolFailed, ToolUnsure),
        (501, ToolFailed, ToolFailed),
        (503, ToolFailed, ToolUnsure),
    ],
)
async def test_a_status_says_whether_anything_was_done(
    status: int, read: type[ToolFailed], write: type[ToolFailed]
) -> None:
    async with connected(attempts=1) as (business, caller):
        business.says(json({"message": "不行"}, status))
        for operation, arguments, error in ((READ, ASK, read), (WRITE, ACT, write)):
            with pytest.raises(ToolFailed) as caught:
                await caller.call(operation, arguments)
            assert type(caught.value) is error


async def test_a_refusal_hidden_in_200_is_a_refusal() -> None:
    signs = (
        RefusalSign("success", good=(True,), message="message"),
        RefusalSign("errcode", good=(0, "0"), message="errmsg"),
    )
    async with connected(refusals=signs) as (business, caller):
        business.says(json({"success": False, "message": "订单已关闭"}))
        with pytest.raises(ToolRefused, match="订单已关闭"):
            await caller.call(WRITE, ACT)
        business.says(json({"errcode": 40003, "errmsg": "invalid userid"}))
        with pytest.raises(ToolRefused, match="invalid userid"):
            await caller.call(READ, ASK)
        business.says(json({"errcode": 0, "success": True}))
        assert (await caller.call(READ, ASK)).status == 200


async def test_a_read_is_repeated_after_the_time_that_the_system_asks_for() -> None:
    naps = Naps()
    async with connected(naps=naps) as (business, caller):
        business.says(json({}, 429, Retry_After="7"), json({}, 503), json({"ok": True}))
        assert (await caller.call(READ, ASK)).data == {"ok": True}
        assert len(business.asked) == 3
    assert 7 <= naps.seconds[0] <= 8
    assert len(naps.seconds) == 2


async def test_a_wait_that_is_too_long_is_not_waited_for() -> None:
    naps = Naps()
    async with connected(naps=naps) as (business, caller):
        business.says(json({}, 429, Retry_After="3600"))
        with pytest.raises(ToolFailed, match="429"):
            await caller.call(READ, ASK)
        assert (len(business.asked), naps.seconds) == (1, [])


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    assert retry_after("120", now) == 120
    assert retry_after("Sun, 22 Nov 2026 06:00:30 GMT", now) == 30
    assert retry_after("Sun, 22 Nov 2026 05:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None


async def test_what_acts_is_sent_once() -> None:
    async with connected() as (business, caller):
        for answer in (json({}, 503), cut):
            business.asked.clear()
            business.says(answer)
            with pytest.raises(ToolUnsure):
                await caller.call(WRITE, ACT, idempotency_key="k")
            assert len(business.asked) == 1


async def test_what_acts_is_repeated_where_the_system_takes_an_idempotency_key() -> None:
    async with connected(idempotency_header="Idempotency-Key") as (business, caller):
        business.says(cut, json({"id": "R1"}))
        assert (await caller.call(WRITE, ACT, idempotency_key="k1")).data == {"id": "R1"}
        assert [headers["Idempotency-Key"] for _, _, headers, _ in business.asked] == ["k1", "k1"]


async def test_an_unknown_outcome_stays_unknown_whatever_the_repeat_meets() -> None:
    async with connected(idempotency_header="Idempotency-Key") as (business, caller):
        business.says(cut, json({"message": "still working"}, 409))
        with pytest.raises(ToolUnsure, match="earlier attempt"):
            await caller.call(WRITE, ACT, idempotency_key="k1")


async def test_a_system_that_cannot_be_reached_has_done_nothing() -> None:
    async with connected() as (business, caller):
        base = business.base
    async with connected(base_url=base) as (_, caller):
        with pytest.raises(ToolFailed, match="cannot be reached") as caught:
            await caller.call(WRITE, ACT)
        assert not isinstance(caught.value, ToolUnsure)


async def test_a_slow_system_is_given_up() -> None:
    release = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await release.wait()
        return web.json_response({})

    async with connected(timeout_s=0.2, attempts=1) as (business, caller):
        business.says(slow)
        with pytest.raises(ToolFailed, match="no answer within"):
            await caller.call(READ, ASK)
        with pytest.raises(ToolUnsure):
            await caller.call(WRITE, ACT)
        release.set()


async def test_all_attempts_together_have_a_deadline() -> None:
    release = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await release.wait()
        return web.json_response({})

    async with connected(deadline_s=0.2) as (business, caller):
        business.says(slow)
        with pytest.raises(ToolUnsure, match="all attempts"):
            await caller.call(WRITE, ACT)
        release.set()


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    async with connected(max_bytes=10_000) as (business, caller):
        business.says(raw(b"[" + b"1," * 50_000 + b"1]", "application/json"))
        with pytest.raises(ToolFailed, match="larger than 10000 bytes"):
            await caller.call(READ, ASK)
        # What acted has acted: the answer is a note, not a failure.
        answer = await caller.call(WRITE, ACT)
        assert "larger than 10000 bytes" in answer.notes[0]


async def test_an_answer_that_swells_when_unpacked_is_not_read_to_its_end() -> None:
    async def bomb(_: web.Request) -> web.Response:
        packed = gzip.compress(b"0" * 5_000_000)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})

    async with connected(max_bytes=100_000, attempts=1) as (business, caller):
        business.says(bomb)
        with pytest.raises(ToolFailed):
            await caller.call(READ, ASK)


async def test_a_long_list_is_cut_and_says_so() -> None:
    async with connected(max_characters=500) as (business, caller):
        business.says(json({"total": 200, "orders": [{"id": f"ORD{number:05}"} for number in range(200)]}))
        answer = await caller.call(READ, ASK)
        kept = len(answer.data["orders"])
        assert 0 < kept < 40
        assert answer.data["total"] == 200
        assert f"the first {kept} of 200 items" in answer.notes[0]


async def test_masked_fields_are_seen_by_nobody() -> None:
    async with connected(masked=frozenset({"phone", "customer.name"})) as (business, caller):
        order = {"phone": "138", "customer": {"name": "张三", "id": 1}, "lines": [{"phone": "139", "name": "裤"}]}
        business.says(json(order))
        answer = await caller.call(READ, ASK)
        assert answer.data == {
            "phone": "***", "customer": {"name": "***", "id": 1}, "lines": [{"phone": "***", "name": "裤"}],
        }  # fmt: skip
        business.says(json(order, 400))
        with pytest.raises(ToolRefused) as caught:
            await caller.call(READ, ASK)
        assert "张三" not in str(caught.value)


@pytest.mark.parametrize("depth", [70, 500, 5_000])
async def test_masked_fields_are_seen_by_nobody_however_deep_they_stand(depth: int) -> None:
    async with connected(masked=frozenset({"phone"})) as (business, caller):
        business.says(raw(b'{"a":' * depth + b'{"phone":"13800138000"}' + b"}" * depth, "application/json"))
        assert "13800138000" not in repr((await caller.call(READ, ASK)).data)


async def test_an_answer_unlike_the_contract_is_a_warning() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    async with connected() as (business, caller):
        business.says(json({"id": 7}))
        answer = await caller.call(replace(READ, extra={"answer_schema": schema}), ASK)
        assert answer.data == {"id": 7}
        assert "not as the contract says: id" in answer.notes[0]


async def test_a_system_that_fails_in_a_row_is_left_alone_and_tried_again_after_a_rest() -> None:
    clock = FixedClock()
    async with connected(clock=clock, attempts=1, failures_to_open=2, rest_s=30) as (business, caller):
        business.says(json({}, 500))
        for _ in range(2):
            with pytest.raises(ToolFailed, match="500"):
                await caller.call(READ, ASK)
        with pytest.raises(ToolFailed, match="left alone"):
            await caller.call(READ, ASK)
        assert len(business.asked) == 2
        clock.advance(timedelta(seconds=31))
        business.says(json({"ok": True}))
        assert (await caller.call(READ, ASK)).data == {"ok": True}


async def test_more_calls_than_the_system_may_be_sent_wait_or_are_refused() -> None:
    naps = Naps()
    async with connected(naps=naps, per_second=1, burst=2, max_wait_s=2) as (business, caller):
        business.says(json({}))
        for _ in range(4):
            await caller.call(READ, ASK)
        assert naps.seconds == [1.0, 2.0]
        with pytest.raises(ToolFailed, match="more calls wait"):
            await caller.call(READ, ASK)
        assert len(business.asked) == 4


async def test_no_argument_says_another_than_the_administrator_in_a_header() -> None:
    operation = replace(
        READ,
        input_schema={"type": "object", "properties": {"id": {"type": "string"}, "tenant": {"type": "string"}}},
        parameters=(*READ.parameters, Parameter("x-tenant", "tenant", "header", False, "simple", False)),
    )
    arguments = {"id": "ORD1", "tenant": "别人的".encode().hex()}
    async with connected(headers={"X-Tenant": "huaxing"}) as (business, caller):
        business.says(json({}))
        await caller.call(operation, arguments)

        ((_, _, headers, _),) = business.asked
        assert headers["X-Tenant"] == "huaxing"
        assert {key.lower(): value for key, value in caller.preview(operation, arguments).headers.items()} == {
            "accept": "application/json, */*;q=0.1",
            "x-tenant": "huaxing",
        }
