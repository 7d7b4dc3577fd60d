"""A system that answers as no Tryton does, or as only a broken one: whatever comes, it is a clear failure."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import ConnectorHub
from ai_worker.foundation.clock import FixedClock
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure
from tests.connectors.http.business import cut, raw, served
from tests.connectors.rpc.connecting import as_it_is, call, connected

PASSWORD = "sesame-4711-open"
MODELS = {
    "kind": "tryton",
    "version": "8.2",
    "models": {
        "sale.sale": {
            "fields": {
                "number": {"type": "text"},
                "state": {"type": "text"},
                "description": {"type": "text"},
                "party": {"type": "one", "relation": "party.party"},
            },
            "methods": ["cancel"],
        },
        "party.party": {"fields": {"name": {"type": "text"}}},
    },
}
SETTINGS = f"""
kind = "tryton"
name = "华星 Tryton"
contract = "models.json"
base_url = "BASE"
operations = ["**"]
max_characters = 2000
masked = ["party.name"]
[options]
database = "erp"
user = "worker"
password = "{PASSWORD}"
[options.lookups.get_order]
title = "查订单"
model = "sale.sale"
by = {{ order_id = "number" }}
fields = ["number", "state", "party.name"]
[options.changes.note]
title = "备注"
model = "sale.sale"
by = {{ order_id = "number" }}
fields = ["number", "description"]
set = {{ description = {{ argument = "note" }} }}
[options.changes.note_and_cancel]
title = "备注并取消"
model = "sale.sale"
by = {{ order_id = "number" }}
fields = ["number"]
set = {{ description = {{ argument = "note" }} }}
call = "cancel"
"""
ORDER = {
    "id": 7,
    "number": "A1",
    "state": "draft",
    "_timestamp": "1.5",
    "party": 3,
    "party.": {"id": 3, "name": "晨光"},
}


class Played:
    """Answers log-ins rightly and every other call as it is told, by the method's last name."""

    def __init__(self) -> None:
        self.plan: dict[str, Any] = {"search_read": {"result": [ORDER]}, "read": {"result": [ORDER]}}
        self.asked: list[str] = []
        self.messages: list[Any] = []
        self.log_in: Any = {"result": [2, "token-4711-secret", None]}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        message = await request.json()
        self.messages.append(message)
        method = message["method"].rpartition(".")[2]
        self.asked.append(method)
        if method == "login":
            planned = self.log_in
        elif method == "get_preferences":
            planned = {"result": {"company": 1, "language": "zh_CN"}}
        else:
            planned = self.plan[method]
            if isinstance(planned, list):
                planned = planned.pop(0) if len(planned) > 1 else planned[0]
        if callable(planned):
            response: web.StreamResponse = await planned(request)
            return response
        return web.json_response({"id": message["id"], **planned})


@asynccontextmanager
async def played(folder: Path, clock: FixedClock | None = None) -> AsyncIterator[tuple[Played, ConnectorHub]]:
    """Start such a system and a hub whose connector `erp` leads to it."""
    system = Played()
    async with served(system.answer) as port:
        home = folder / "erp"
        home.mkdir()
        (home / "connector.toml").write_text(SETTINGS.replace("BASE", f"http://127.0.0.1:{port}"), "utf-8")
        (home / "models.json").write_text(json.dumps(MODELS), "utf-8")
        async with connected(folder, as_it_is, parts=Parts(clock) if clock else None) as hub:
            yield system, hub


def status(code: int) -> Any:
    return raw(b"<html>", "text/html", code)


ODD = [
    raw(b"<html>hello</html>", "text/html"),
    raw(b"", "application/json"),
    raw(b"[1,2,3]", "application/json"),
    raw(b'{"id":1}', "application/json"),
    raw(b'{"result":', "application/json"),
    raw(b"[" * 100_000, "application/json"),
    raw(b"\x00\xff\x00", "application/json"),
]
ODD_IDS = ["page", "empty", "list", "no-result", "broken", "deep", "bytes"]


@pytest.mark.parametrize("answer", ODD, ids=ODD_IDS)
async def test_an_answer_that_is_none_is_a_failure_of_a_question(tmp_path: Path, answer: Any) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = answer
        with pytest.raises(ToolFailed) as failed:
            await call(hub, "erp.get_order", order_id="A1")
    assert not isinstance(failed.value, ToolRefused)


@pytest.mark.parametrize("answer", ODD, ids=ODD_IDS)
async def test_an_answer_that_is_none_leaves_a_change_in_doubt(tmp_path: Path, answer: Any) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["write"] = answer
        with pytest.raises(ToolUnsure):
            await call(hub, "erp.note", order_id="A1", note="x")
    assert system.asked.count("write") == 1


@pytest.mark.parametrize(
    "result",
    [None, "text", 7, {"a": 1}, [1, 2], [None], [[ORDER]]],
    ids=["null", "text", "int", "map", "ints", "nulls", "lists"],
)
async def test_a_result_of_another_type_is_a_failure(tmp_path: Path, result: Any) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = {"result": result}
        with pytest.raises(ToolFailed, match="no list of records"):
            await call(hub, "erp.get_order", order_id="A1")


async def test_another_record_than_was_asked_for_is_not_believed(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = {"result": [{**ORDER, "number": "B2"}]}
        with pytest.raises(ToolRefused, match="there is no record"):
            await call(hub, "erp.get_order", order_id="A1")
        with pytest.raises(ToolRefused, match="there is no record"):
            await call(hub, "erp.note", order_id="A1", note="x")
    assert "write" not in system.asked


async def test_a_huge_answer_is_not_taken_in(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = raw(b'{"result":"' + b"x" * 9_000_000 + b'"}', "application/json")
        with pytest.raises(ToolFailed, match="larger than"):
            await call(hub, "erp.get_order", order_id="A1")

        system.plan["search_read"] = {"result": [{**ORDER, "state": "很长" * 3_000}]}
        told = await call(hub, "erp.get_order", order_id="A1")
    assert len(json.dumps(told.data, ensure_ascii=False)) < 3_000


async def test_what_is_masked_is_not_told(tmp_path: Path) -> None:
    async with played(tmp_path) as (_, hub):
        told = await call(hub, "erp.get_order", order_id="A1")
    assert told.data == {"number": "A1", "state": "draft", "party": {"name": "***"}}


async def test_secrets_that_come_back_are_starred(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = {"result": [{**ORDER, "state": f"{PASSWORD} token-4711-secret"}]}
        told = await call(hub, "erp.get_order", order_id="A1")
        assert told.data["state"] == "*** ***"
        system.plan["search_read"] = {"error": ["UserError", [f"you are {PASSWORD}", "", None]]}
        with pytest.raises(ToolRefused) as refused:
            await call(hub, "erp.get_order", order_id="A1")
        preview = hub.preview("erp.get_order", {"order_id": "A1"})
    assert PASSWORD not in f"{refused.value}{preview}"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (["UserError", ["不行", "因为已发货", None]], ToolRefused, "不行 因为已发货"),
        (["UserWarning", ["warning_7", "真的吗", ""]], ToolRefused, "真的吗"),
        (["ConcurrencyException", "Records were modified in the meanwhile"], ToolRefused, "meanwhile"),
        (["'nofield'", "Traceback: /opt/erp/secret.py"], ToolFailed, "nofield"),
        (["UserError", [None, 7, {"a": 1}]], ToolRefused, "UserError"),
        (["UserError"], ToolRefused, "UserError"),
        ("UserError", ToolUnsure, "none of Tryton's"),
    ],
)
async def test_a_refusal_in_an_answer_of_200_is_a_refusal(
    tmp_path: Path, error: Any, kind: type[ToolFailed], words: str
) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["write"] = {"error": error}
        with pytest.raises(ToolFailed, match=words) as failed:
            await call(hub, "erp.note", order_id="A1", note="x")
    assert type(failed.value) is kind
    assert "Traceback" not in str(failed.value)


async def test_a_button_refused_after_the_fields_were_written_leaves_doubt(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan |= {"write": {"result": None}, "cancel": {"error": ["UserError", ["已发货", "", None]]}}
        with pytest.raises(ToolUnsure, match="were written before"):
            await call(hub, "erp.note_and_cancel", order_id="A1", note="x")


async def test_what_was_done_is_told_though_it_cannot_be_read_again(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan |= {"write": {"result": None}, "read": status(404)}
        told = await call(hub, "erp.note", order_id="A1", note="x")
    assert told.data == {"number": "A1"}


async def test_the_write_carries_the_version_that_was_read(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["write"] = {"result": None}
        await call(hub, "erp.note", order_id="A1", note="x")
    (write,) = [one for one in system.messages if one["method"].endswith(".write")]
    assert write["params"] == [
        [7], {"description": "x"}, {"company": 1, "language": "zh_CN", "_timestamp": {"sale.sale,7": "1.5"}}
    ]  # fmt: skip


async def test_a_question_is_asked_again_and_a_change_is_not(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan |= {"search_read": [cut, {"result": [ORDER]}], "write": cut}
        with pytest.raises(ToolUnsure):
            await call(hub, "erp.note", order_id="A1", note="x")
    assert (system.asked.count("search_read"), system.asked.count("write")) == (2, 1)


async def test_a_session_is_begun_anew_once_and_no_more(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan |= {"write": [status(401), {"result": None}]}
        await call(hub, "erp.note", order_id="A1", note="x")
        assert (system.asked.count("write"), system.asked.count("login")) == (2, 2)
        system.plan["write"] = status(401)
        with pytest.raises(ToolFailed, match="credentials"):
            await call(hub, "erp.note", order_id="A1", note="x")
    assert (system.asked.count("write"), system.asked.count("login")) == (4, 3)


async def test_refused_credentials_are_tried_again_after_a_minute(tmp_path: Path) -> None:
    clock = FixedClock()
    async with played(tmp_path, clock) as (system, hub):
        system.log_in, right = status(401), system.log_in
        for _ in range(3):
            with pytest.raises(CredentialsRefused):
                await call(hub, "erp.get_order", order_id="A1")
        assert system.asked == ["login"]
        system.log_in = right
        clock.advance(timedelta(seconds=61))
        assert (await call(hub, "erp.get_order", order_id="A1")).data["state"] == "draft"


@pytest.mark.parametrize(
    "log_in",
    [{"result": None}, {"result": ["2", "t"]}, {"result": [2]}, {"result": [2, ""]}, {}, *ODD],
    ids=["null", "types", "short", "blank", "nothing", *ODD_IDS],
)
async def test_a_log_in_that_gives_no_session_is_a_failure(tmp_path: Path, log_in: Any) -> None:
    async with played(tmp_path) as (system, hub):
        system.log_in = log_in
        with pytest.raises(ToolFailed):
            await call(hub, "erp.get_order", order_id="A1")
    assert "search_read" not in system.asked


async def test_a_second_factor_that_we_do_not_have_is_told(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.log_in = {"error": ["LoginException", ["sms_code", "Code", "char"]]}
        with pytest.raises(CredentialsRefused):
            await call(hub, "erp.get_order", order_id="A1")


async def test_a_system_that_fails_again_and_again_is_left_alone(tmp_path: Path) -> None:
    async with played(tmp_path) as (system, hub):
        system.plan["search_read"] = status(500)
        for _ in range(7):
            with pytest.raises(ToolFailed, match=r"left alone|failed"):
                await call(hub, "erp.get_order", order_id="A1")
    assert system.asked.count("search_read") == 5
