"""Calling a business system: what is sent, what is never sent, and what its failures become."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.registry import ConnectorHub
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolResult
from tests.connectors.system import KEY, connected


async def call(hub: ConnectorHub, **arguments: Any) -> ToolResult:
    return await hub.call("store.get_thing", arguments, idempotency_key="t-1")


async def test_an_answer_comes_back_with_where_it_came_from(tmp_path: Path) -> None:
    async with connected(tmp_path) as (system, hub):
        result = await call(hub, name="椅子", size=3, exact=True)

    assert result == ToolResult({"ok": True}, "仓库 GET /things/椅子")
    assert system.asked[0].raw_path == "/api/things/%E6%A4%85%E5%AD%90?size=3&exact=true"


@pytest.mark.parametrize(
    ("auth", "header", "value"), [("header", "X-Api-Key", KEY), ("bearer", "Authorization", f"Bearer {KEY}")]
)
async def test_the_secret_travels_in_its_header_alone(tmp_path: Path, auth: str, header: str, value: str) -> None:
    async with connected(tmp_path, auth=auth) as (system, hub):
        await call(hub, name="a")

    assert system.asked[0].headers[header] == value
    assert KEY not in system.asked[0].raw_path


@pytest.mark.parametrize(
    "name",
    ["../../admin", "a/b", "a?x=1", "a#b", "..%2f..", "a\\b", "@evil.example", "//evil.example/", ";id=2", "{name}"],
)
async def test_a_value_cannot_change_the_path(tmp_path: Path, name: str) -> None:
    async with connected(tmp_path) as (system, hub):
        await call(hub, name=name)

    request = system.asked[0]
    assert request.raw_path.startswith("/api/things/")
    assert request.raw_path.count("/") == 3
    assert request.path == f"/api/things/{name}"
    assert not request.query


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\x00b", "\ud800"])
async def test_a_value_that_no_path_can_carry_is_not_sent(tmp_path: Path, name: str) -> None:
    async with connected(tmp_path) as (system, hub):
        with pytest.raises(ArgumentsRefused):
            await call(hub, name=name)

    assert system.asked == []


@given(name=st.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_arrives_unchanged_or_not_at_all(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with connected(tmp_path_factory.mktemp("any")) as (system, hub):
        try:
            await call(hub, name=name)
        except ArgumentsRefused:
            assert system.asked == []
        else:
            assert system.asked[0].match_info["tail"] == f"api/things/{name}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'name' is required"),
        ({"name": 7}, "name: .*not of type"),
        ({"name": "a", "size": "3"}, "size: .*not of type"),
        ({"name": "a", "size": True}, "size: .*not of type"),
        ({"name": "a", "size": 10}, "size: .*maximum of 9"),
        ({"name": "a", "colour": "蓝"}, "colour: .*not one of"),
        ({"name": "a", "code": "12"}, "code: .*not match"),
        ({"name": "a", "code": "１２３"}, "code: .*not match"),
        ({"name": "a", "admin": "1"}, "admin"),
    ],
)
async def test_arguments_that_do_not_fit_are_not_sent(tmp_path: Path, arguments: Mapping[str, Any], words: str) -> None:
    async with connected(tmp_path) as (system, hub):
        with pytest.raises(ArgumentsRefused, match=words):
            await call(hub, **arguments)

    assert system.asked == []


async def test_null_means_left_out(tmp_path: Path) -> None:
    async with connected(tmp_path) as (system, hub):
        await call(hub, name="a", size=None)

    assert system.asked[0].query_string == ""


async def test_404_means_that_there_is_no_such_thing(tmp_path: Path) -> None:
    async with connected(tmp_path) as (system, hub):
        system.status = 404
        with pytest.raises(ToolRefused, match=r"refused \(404\)"):
            await call(hub, name="a")


@pytest.mark.parametrize(("status", "words"), [(401, "credentials"), (403, "credentials"), (429, "429"), (500, "500")])
async def test_any_other_status_is_a_failure_that_names_no_secret(tmp_path: Path, status: int, words: str) -> None:
    async with connected(tmp_path) as (system, hub):
        system.status, system.body = status, f"you sent {KEY}".encode()
        with pytest.raises(ToolFailed, match=words) as failure:
            await call(hub, name="a")

    assert not isinstance(failure.value, ToolRefused)
    assert KEY not in str(failure.value)


async def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path) -> None:
    async with connected(tmp_path) as (system, hub):
        system.status, system.headers = 302, {"Location": "http://192.0.2.1/elsewhere"}
        with pytest.raises(ToolFailed, match="do not follow"):
            await call(hub, name="a")

    assert len(system.asked) == 1


async def test_a_slow_system_is_given_up(tmp_path: Path) -> None:
    async with connected(tmp_path, timeout_s=0.2) as (system, hub):
        system.delay = 30
        with pytest.raises(ToolFailed, match="no answer"):
            await call(hub, name="a")


async def test_an_answer_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with connected(tmp_path) as (system, hub):
        system.body = b'"' + b"x" * 8 * 1024 * 1024 + b'"'
        with pytest.raises(ToolFailed, match="larger than 8388608 bytes"):
            await call(hub, name="a")


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe", b"[" * 100_000])
async def test_an_answer_that_is_not_json_is_text(tmp_path: Path, body: bytes) -> None:
    async with connected(tmp_path) as (system, hub):
        system.body = body
        result = await call(hub, name="a")

    assert isinstance(result.data, str | dict)


async def test_a_system_that_is_down_is_a_failure_that_names_no_secret(tmp_path: Path) -> None:
    async with connected(tmp_path) as (_, hub):
        pass
    await hub.start()
    with pytest.raises(ToolFailed, match="cannot be reached") as failure:
        await call(hub, name="a")
    await hub.close()

    assert KEY not in str(failure.value)


async def test_a_tool_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    async with connected(tmp_path) as (_, hub):
        with pytest.raises(ToolFailed, match="no connector has a tool"):
            await hub.call("store.delete_thing", {"name": "a"}, idempotency_key="t-1")


async def test_a_hub_that_is_not_running_fails_with_words(tmp_path: Path) -> None:
    async with connected(tmp_path) as (_, hub):
        await hub.close()
        with pytest.raises(ToolFailed, match="not open"):
            await call(hub, name="a")
