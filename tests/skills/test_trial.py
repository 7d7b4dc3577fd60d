"""A trial changes nothing, and its score is kept."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ai_worker.skills.scores import FILE, KEPT, Scores
from ai_worker.skills.skill import Example
from ai_worker.skills.tool import Asker, Tool, ToolResult
from ai_worker.skills.trial import DRY, NotInATrial, Sandbox, misses

ANY = {"type": "object"}


class Erp:
    """A system that remembers what it was made to do."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        return [Tool("erp.get", "erp", "查", ANY), Tool("erp.pay", "erp", "付", ANY, "money")]

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take anything."""

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        self.called.append(name)
        return ToolResult({"ok": True}, "ERP")


def shown(name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"method": "POST", "address": f"https://erp.example/{name}", "body": str(arguments)}


async def test_what_acts_shows_its_request_and_sends_nothing_and_what_reads_is_read() -> None:
    erp = Erp()
    box = Sandbox(erp, preview=shown)
    assert not any(tool.acts for tool in box.tools())

    assert (await box.call("erp.pay", {"sum": 5}, idempotency_key="k")).data == {"result": DRY}
    assert (await box.call("erp.get", {}, idempotency_key="k")).data == {"ok": True}
    assert erp.called == ["erp.get"]
    assert box.tried[0].request == shown("erp.pay", {"sum": 5})
    assert box.tried[1].request is None


async def test_offline_nobody_is_called_and_examples_say_what_tools_give() -> None:
    erp = Erp()
    box = Sandbox(erp, preview=shown, offline=True)
    with pytest.raises(NotInATrial):
        await box.call("erp.get", {}, idempotency_key="k")
    box.begin({"erp.get": {"id": 7}})
    assert (await box.call("erp.get", {}, idempotency_key="k")).data == {"id": 7}
    assert (erp.called, [one.request for one in box.tried]) == ([], [None])


def test_an_example_passes_only_as_a_whole() -> None:
    example = Example("q", "answer", ("erp.get_*",), ("已发货",), ("保证",))
    assert misses(example, decision="answer", text="订单已发货。", called=["erp.get_order"]) == []
    assert misses(example, decision="clarify", text="保证到。", called=[]) == [
        *("decision: clarify, not answer", "tool: erp.get_*", "words: 已发货", "never: 保证"),
    ]


def test_scores_are_kept_bounded_and_a_broken_file_holds_none(tmp_path: Path) -> None:
    scores, at = Scores(tmp_path / "data"), datetime(2026, 11, 22, tzinfo=UTC)
    for passed in range(KEPT + 3):
        scores.add("refund", passed=passed, examples=100, at=at, model="m")
    kept = Scores(tmp_path / "data").of("refund")
    assert (len(kept), kept[-1].passed, kept[-1].share) == (KEPT, KEPT + 2, 0.22)

    (tmp_path / "data" / FILE).write_text('{"refund": [{"no": 1}]}', "utf-8")
    assert scores.of("refund") == ()
