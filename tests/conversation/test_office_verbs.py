"""The office example, without any model: what employees ask, each for themselves, and what they want done."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ai_worker.connectors.registry import load_connectors
from ai_worker.conversation.message import Contact
from ai_worker.foundation.clock import FixedClock
from ai_worker.skills.tool import Called
from ai_worker.storage.opening import open_stores
from tests.conversation.conftest import REFUND, Everything, Office, words
from tests.conversation.test_turn_that_acts import Paper

EXAMPLE = Path(__file__).parents[2] / "examples" / "connectors.more" / "oa"
TOKEN = "oa-token-4711"
ANSWERS: dict[str, Any] = {
    "/employees/E1001/leave-balance": {"days": 6.5, "expires_on": "2027-03-31"},
    "/employees/E1001/expenses/BX202611": {
        "id": "BX202611",
        "status": "SUBMITTED",
        "amount": "328.00",
        "waits_for": "部门经理",
    },
    "/meeting-rooms/free": {"date": "2026-11-23", "rooms": "东湖厅、珞珈厅"},
    "/stock/HX-2041": {"sku": "HX-2041", "name": "人体工学椅", "available": 42, "next_arrival": "2026-12-02"},
}


class Oa:
    """An office system on loopback that answers what it has and remembers what was done."""

    def __init__(self) -> None:
        self.base = ""
        self.done: list[tuple[str, Any, str]] = []
        self.heard: list[Called] = []

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "who are you"}, status=401)
        if request.method == "POST":
            self.done.append((request.path, await request.json(), request.headers.get("Idempotency-Key", "")))
            return web.json_response({"id": "1", "status": "SUBMITTED"}, status=201)
        found = ANSWERS.get(request.path)
        return web.json_response(found if found is not None else {"error": "none"}, status=200 if found else 404)


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[tuple[Office, Oa]]:
    oa, application, clock = Oa(), web.Application(), FixedClock()
    application.router.add_route("*", "/{tail:.*}", oa.serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    told = {"env:OA_BASE_URL": f"http://{host}:{port}", "env:OA_TOKEN": TOKEN, **os.environ}
    shutil.copytree(EXAMPLE, folder / "connectors" / "oa")
    hub = load_connectors(folder / "connectors", resolve=lambda text: told.get(text, text), heard=oa.heard.append)
    await hub.start()
    try:
        async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
            yield Office(Everything([(REFUND, 0.1)]), hub, approvals=stores.approvals, clock=clock), oa
    finally:
        await hub.close()
        await runner.cleanup()


ZHANG, NOBODY = Contact("zhangsan", "张三"), Contact("visitor", "访客")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("我还有几天年假？", "您还有 6.5 天年假，2027-03-31 前有效。"),
        ("报销单 bx202611 到哪一步了", "报销单 BX202611（328.00 元）已提交，等部门经理审批。"),
        ("2026-11-23 有空的会议室吗", "2026-11-23 还有空的会议室：东湖厅、珞珈厅。"),
        ("明天还有空的会议室吗", "还有空的会议室"),
        ("HX-2041 还有现货吗，库存多少", "人体工学椅（HX-2041）可用库存 42"),
    ],
)
async def test_what_employees_ask_is_looked_up_for_themselves(tmp_path: Path, text: str, told: str) -> None:
    async with office(tmp_path) as (at, _):
        assert told in words(await at.say(text, who=ZHANG, channel="wecom", notebook=Paper()))


async def test_somebody_without_a_login_is_shown_nobodys_data(tmp_path: Path) -> None:
    async with office(tmp_path) as (at, _):
        told = await at.say("我还有几天年假？", who=NOBODY, channel="wecom", notebook=Paper())
    assert "6.5" not in words(told)
    assert told.decision == "handoff"


async def test_what_is_missing_is_asked_for_and_what_is_done_waits_for_a_word(tmp_path: Path) -> None:
    async with office(tmp_path) as (at, oa):
        how: dict[str, Any] = {"who": ZHANG, "channel": "wecom", "notebook": Paper()}
        assert "哪一种假" in words(await at.say("我想请假", **how))
        assert "从哪天开始" in words(await at.say("年假", **how))
        assert "到哪天结束" in words(await at.say("2026-12-01", **how))
        asked = await at.say("到 2026-12-02", **how, turn_id="t-4")
        assert "提交年假申请：2026-12-01 到 2026-12-02" in words(asked)
        assert "：E1001" in words(asked), "for whom it is, though nobody has typed it"
        assert oa.done == []
        done = await at.say("确认", **how, turn_id="t-5")
    assert "已办好：提交请假申请" in words(done)
    ((path, body, key),) = oa.done
    assert (path, body) == ("/employees/E1001/leaves", {"from": "2026-12-01", "to": "2026-12-02", "kind": "年假"})
    assert key
    assert [(one.tool, one.asker, one.turn_id) for one in oa.heard] == [("oa.request_leave", "wecom/zhangsan", "t-5")]
