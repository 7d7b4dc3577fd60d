"""`ai-worker deadletters`: seen, tried again or put away, with and beside a running service."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.drills.site import Site
from ai_worker.foundation.clock import SystemClock
from ai_worker.pipeline.outbox import outbound
from ai_worker.storage.opening import Stores, open_stores
from tests.cli.calling import Cli, call
from tests.cli.test_beside import PROMISED_S, told

CLOCK = SystemClock()


URL = "sqlite:///ai-worker.db"


@dataclass
class Letters:
    """What was given up before the command ran: two messages and a reply."""

    first: str
    second: str
    reply: str


async def _message(stores: Stores, text: str, who: str) -> None:
    contact = Contact(who, "王芳")
    message = InboundMessage("desk", f"m-{text}", who, contact, text, CLOCK.now(), address={"user": who})
    await stores.pipeline.accept(message)


async def give_up(folder: Path) -> Letters:
    """Give up two messages of one contact, and a reply to another."""
    turns = []
    async with open_stores(URL, data_dir=folder, clock=CLOCK) as stores:
        for text in ("怎么退货？", "订单 ORD12345 到哪了"):
            await _message(stores, text, "wang-fang")
            (claim,) = await stores.pipeline.claim(owner="test", limit=1, now=CLOCK.now())
            await stores.pipeline.bury(claim, error="ValueError: 读不懂", now=CLOCK.now())
            turns.append(claim.turn_id)
        await _message(stores, "发票呢", "lin")
        (claim,) = await stores.pipeline.claim(owner="test", limit=1, now=CLOCK.now())
        reply = outbound(claim, Reply("发票已发到邮箱。"), "reply", now=CLOCK.now())
        result = TurnResult("answer", reply.reply)
        await stores.pipeline.finish(claim, result, [reply], now=CLOCK.now(), response_ms=1.0)
        await stores.pipeline.settle(reply, "failed", now=CLOCK.now(), error="errcode 60020")
    return Letters(turns[0], turns[1], reply.id)


@pytest.fixture
def letters(site: Path) -> Letters:
    return asyncio.run(give_up(site / "data"))


def test_without_any_the_list_says_so(cli: Cli) -> None:
    assert cli("deadletters", "list", "--json").json == {"dead_letters": []}
    assert cli("deadletters", "list").out == "没有死信。\n"
    assert cli("deadletters", "list", "--lang", "en").out == "There are no dead letters.\n"


def test_the_list_has_both_directions_newest_first(cli: Cli, letters: Letters) -> None:
    listed = cli("deadletters", "list", "--json").json["dead_letters"]

    assert [letter["id"] for letter in listed] == [letters.reply, letters.second, letters.first]
    assert [letter["kind"] for letter in listed] == ["reply", "message", "message"]
    reply, second, _ = listed
    assert (reply["state"], reply["text"], reply["error"]) == ("failed", "发票已发到邮箱。", "errcode 60020")
    assert (second["turn_id"], second["attempts"], second["error"]) == (letters.second, 1, "ValueError: 读不懂")
    assert second["contact"] == {"id": "wang-fang", "name": "王芳"}
    assert second["received_at"].endswith("+00:00")


def test_the_table_says_what_happened_in_words(cli: Cli, letters: Letters) -> None:
    shown = cli("deadletters", "list", "--limit", "2")

    assert letters.reply in shown.out
    assert "没有送达" in shown.out
    assert "没有处理成" in shown.out
    assert "共 3 封，只列了 2 封" in shown.out
    assert "not delivered" in cli("deadletters", "list", "--lang", "en").out


def test_one_is_shown_in_full(cli: Cli, letters: Letters) -> None:
    shown = cli("deadletters", "show", letters.first, "--json").json

    assert (shown["text"], shown["error"], shown["attempts"]) == ("怎么退货？", "ValueError: 读不懂", 1)
    assert shown["conversation"] == "c-1"
    assert "原因：errcode 60020" in cli("deadletters", "show", letters.reply).out


def test_what_is_no_dead_letter_is_a_problem(cli: Cli) -> None:
    for words in (("show", "t-nothing"), ("resubmit", "t-nothing"), ("drop", "t-nothing")):
        called = cli("deadletters", *words)
        assert (called.code, called.out) == (1, "")
        assert "没有这封死信" in called.err
        assert "deadletters.not_found" in called.err


def test_a_resubmitted_one_is_no_dead_letter_any_more(cli: Cli, letters: Letters) -> None:
    called = cli("deadletters", "resubmit", letters.first, letters.reply, "--json")

    assert (called.code, called.json) == (0, {"resubmitted": [letters.first, letters.reply], "missing": []})
    left = cli("deadletters", "list", "--json").json["dead_letters"]
    assert [letter["id"] for letter in left] == [letters.second]


def test_what_is_there_is_done_and_what_is_not_is_named(cli: Cli, letters: Letters) -> None:
    called = cli("deadletters", "drop", letters.first, "t-nothing", "--json")

    assert (called.code, called.json) == (1, {"dropped": [letters.first], "missing": ["t-nothing"]})
    assert "t-nothing" in called.err


def test_all_are_dropped_only_if_somebody_said_so(cli: Cli, letters: Letters) -> None:
    unsure = cli("deadletters", "drop", "--all")
    assert (unsure.code, unsure.out) == (2, "")
    assert "加上 --yes" in unsure.err

    sure = cli("deadletters", "drop", "--all", "--yes")

    assert "3 封死信已放弃" in sure.out
    assert cli("deadletters", "list", "--json").json == {"dead_letters": []}
    assert cli("deadletters", "resubmit", "--all", "--yes", "--json").json == {"resubmitted": [], "missing": []}
    assert letters.first not in cli("deadletters", "list").out


def test_which_letters_must_be_clear(cli: Cli) -> None:
    for words in ((), ("t-1", "--all")):
        called = cli("deadletters", "resubmit", *words)
        assert (called.code, called.out) == (2, "")
        assert "写 ID，或者写 --all" in called.err


@pytest.mark.slow
async def test_beside_a_running_service_a_resubmitted_message_is_answered_within_seconds(tmp_path: Path) -> None:
    async with Site(tmp_path) as site:
        letters = await give_up(site.folder / "data")
        await site.start()

        done = await told(site, "deadletters", "resubmit", letters.first)

        assert done["resubmitted"] == [letters.first]
        async with asyncio.timeout(PROMISED_S), open_stores(URL, data_dir=site.folder / "data", clock=CLOCK) as now:
            while (record := await now.conversations.turn(letters.first)) is None or record.state != "done":
                await asyncio.sleep(0.1)
        assert record.result is not None
        assert record.finished_at is not None
        assert record.finished_at - record.received_at < timedelta(minutes=2)
        left = (await told(site, "deadletters", "list"))["dead_letters"]
        assert letters.first not in [letter["id"] for letter in left]


@pytest.mark.parametrize(("typed", "left"), [("n\n", 3), ("y\n", 0)])
@pytest.mark.usefixtures("letters")
def test_at_a_terminal_all_of_them_are_asked_about(site: Path, typed: str, left: int) -> None:
    ours, theirs = pty.openpty()
    with open(ours, "wb", buffering=0) as keyboard, open(theirs, "rb") as terminal:
        keyboard.write(typed.encode())
        command = [sys.executable, "-m", "ai_worker", "deadletters", "drop", "--all", "--json"]
        environ = {**os.environ, "AI_WORKER_CONFIG": str(site / "ai-worker.toml")}
        done = subprocess.run(
            command, cwd=site, env=environ, stdin=terminal, capture_output=True, text=True, timeout=60
        )

    assert done.returncode == 0
    assert "放弃所有死信" in done.stderr
    assert len(json.loads(done.stdout)["dropped"]) == 3 - left
    remaining = call(site, "deadletters", "list", "--json").json["dead_letters"]
    assert len(remaining) == left
