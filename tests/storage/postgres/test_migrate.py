"""`ai-worker storage migrate`: everything arrives, or nothing does."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from ai_worker.app import running
from ai_worker.conversation.evaluation import EvalRun, GoldenQuestion, Threshold
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.message import Contact, Reply
from ai_worker.conversation.progress import Act, Progress
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.sources import RunReport, Seen, SourceState
from ai_worker.knowledge.store import Document
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.answers import FirstAnswer
from ai_worker.pipeline.files import attached
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.settings import load
from ai_worker.skills.approval import LASTS, Approval, digest_of
from ai_worker.skills.calls import Checked
from ai_worker.skills.tool import Asker, Called
from ai_worker.storage.migrate import move
from ai_worker.storage.opening import Stores, open_stores
from tests.postgres import shared_server
from tests.storage.postgres.scene import ANSWER, message, reply

CLOCK = SystemClock()
DONE_SO_FAR = Progress(acts=(Act(1, "act-1", "erp.cancel_order", {"order_id": "ORD12345"}, told="{}", ok=True),))
SQLITE = "sqlite:///ai-worker.db"


LI_LEI = Colleague("李雷", "service-desk", "li-lei")
FIRST = FirstAnswer(b"p" * 32, b"d" * 32, 202, "application/json", b"\x00{}", CLOCK.now())

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1_200_000)
"""Three pieces."""


async def _furnish(stores: Stores) -> None:
    """Leave something in every table: answered, asked for a person, taken over, in progress and waiting."""
    now = CLOCK.now
    for n in range(30):
        await stores.pipeline.accept(message(n, text=f"第 {n} 句，有\0没有？"))
    for number in range(2):
        for claim in await stores.pipeline.claim(owner="run-1", limit=6, now=now()):
            unknown = TurnResult("handoff", Reply("转人工"), reason=Reason.UNKNOWN)
            result = ANSWER if number else unknown
            await stores.pipeline.finish(claim, result, [reply(claim)], now=now(), response_ms=5.0)
            if claim.seq % 2:
                await stores.pipeline.settle(reply(claim), "delivered", now=now())
    await stores.handoffs.take_seat(LI_LEI, 1, now())
    picture = attached(PICTURE, name="截图.png")
    await stores.files.put(picture, PICTURE, kind="image", channel="desk", conversation_id=1, at=now())
    await stores.conversations.say(1, "李雷", Reply("我来帮您。", attachments=(picture,)), now())
    held, acting = await stores.pipeline.claim(owner="run-1", limit=2, now=now())
    await stores.pipeline.hold(held, None, until=now())
    await stores.pipeline.keep(acting, DONE_SO_FAR)
    await stores.pipeline.defer(acting, until=now())
    entry = Passage("faq-1", "faq", "faq.csv", "entry", "怎么退货", "可以退货。", ("退货",))
    state = SourceState("handbook", CLOCK.now(), CLOCK.now(), RunReport(checked=1))
    await stores.sources.put(state)
    await stores.sources.remember("handbook", {"售后.md": Seen("1")})
    await stores.knowledge.put_document(Document("faq.csv", "faq", "常见问题", "ready", 1, now()), [entry])
    await stores.answers.keep(FIRST)
    await stores.evaluation.put_golden([GoldenQuestion("q1", "怎么退货", ("faq-1",))], at=now())
    await stores.evaluation.put_threshold(Threshold("faq", 0.95, 0.8, 0.33, 60, now()))
    await stores.evaluation.keep_run(EvalRun(now(), 1, "0.1.0", ()))
    asker, arguments = Asker("service-desk", "lin", "林晓燕"), {"order_id": "ORD12345"}
    digest = digest_of(asker, "erp.move", arguments)
    approval = Approval(
        *("apr-1", digest, "erp.move", arguments, asker, "lin", "t-1", "asker", "改地址", "把 ORD12345 改到武汉"),
        *(now(), now() + LASTS),
    )
    await stores.approvals.ask(approval)
    await stores.calls.add([Called("erp", "erp.get_order", "ok", 12.5, now())])
    await stores.calls.note(Checked("erp", now(), "ok", ms=3.0))
    await stores.channels.remember("desk", "cursor", "有\0没有")
    await stores.channels.block("desk", "robot", seconds=600)
    await stores.channels.own("bot:desk", owner="run-1", lease=timedelta(minutes=5))
    await stores.contacts.keep("service-desk", Contact("lin", "林\0晓燕", "财务部"), at=now())
    await stores.feedback.record(Rating(acting.turn_id, "down", now(), "desk", "lin", "没\0回答"))


def _call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    config = folder / "ai-worker.toml"
    config.write_text(f'data_dir = "{folder}"\n[api]\nport = 0\n[console]\nport = 0\n')
    return subprocess.run(
        [sys.executable, "-m", "ai_worker", *words, "--config", str(config), "--lang", "zh-CN"],
        capture_output=True,
        text=True,
        check=False,
    )


async def _threads(stores: Stores) -> list[Any]:
    conversations = await stores.conversations.conversations()
    return [(one, await stores.conversations.thread(one.id)) for one in sorted(conversations, key=lambda one: one.id)]


async def test_everything_arrives_and_the_work_goes_on(tmp_path: Path) -> None:
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as old:
        await _furnish(old)
    url = shared_server().url()

    done = await asyncio.to_thread(_call, tmp_path, "storage", "migrate", "--to", url, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["tables"]["inbound"] == {"from": 30, "to": 30}
    assert {name for name, rows in told["tables"].items() if rows["to"] == 0} == {
        "api_key",
        "console_link",
        "installation",
    }
    async with (
        open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as old,
        open_stores(url, data_dir=tmp_path, clock=CLOCK) as new,
    ):
        assert _without_nul(await _threads(new)) == _without_nul(await _threads(old))
        assert await new.knowledge.changes(0, 99) == await old.knowledge.changes(0, 99)
        assert await new.handoffs.seated(1) == LI_LEI
        assert await new.handoffs.waits(since=FIRST.at - timedelta(1)) == await old.handoffs.waits(
            since=FIRST.at - timedelta(1)
        )
        assert _without_nul(await new.gaps.open_gaps(9)) == _without_nul(await old.gaps.open_gaps(9))
        assert (
            await new.approvals.latest(CLOCK.now(), limit=9) == await old.approvals.latest(CLOCK.now(), limit=9) != []
        )
        assert await new.evaluation.golden() == await old.evaluation.golden() != []
        assert await new.evaluation.thresholds() == await old.evaluation.thresholds() != []
        assert await new.evaluation.runs(9) == await old.evaluation.runs(9) != []
        assert await new.answers.find(FIRST.place, now=FIRST.at) == FIRST
        assert (await new.pipeline.accept(message(3))).duplicate
        fresh = await new.pipeline.accept(message(30, who="neu"))
        assert fresh.conversation_id == 8
        now = datetime.now(UTC)
        claims = await new.pipeline.claim(owner="run-2", limit=99, now=now)
        before = await old.pipeline.claim(owner="run-2", limit=99, now=now)
        said = [claim.history for claim in claims if claim.conversation_id != 8]
        assert _without_nul(said) == _without_nul([claim.history for claim in before])
        assert all(said)
        assert [claim.progress for claim in claims if claim.progress] == [DONE_SO_FAR]
        owed = [claim.behind for claim in claims if claim.behind]
        assert _without_nul(owed) == _without_nul([claim.behind for claim in before if claim.behind]) != "[]"
        assert await new.pipeline.claim_outbound(owner="run-2", limit=99, now=now)
        assert await new.channels.recall("desk", "cursor") == "有没有"
        (shown,) = [line for line in await new.conversations.thread(1) if line.attachments]
        assert await new.files.read(shown.attachments[0].id) == PICTURE
        assert await new.files.said_in([shown.outbound_id]) == await old.files.said_in([shown.outbound_id]) != []
        assert await new.contacts.search("lin") == await old.contacts.search("lin") != []
        assert (await new.channels.spend("desk", [[Need(Limit("robot", 18, 61.0))]]))[0] > 500, "the platform knows"
        assert await new.channels.own("bot:desk", owner="run-2", lease=timedelta(minutes=5)), "nobody runs"
        rated = [turn for turn in [claim.turn_id for claim in before] if await new.feedback.of_turn(turn)]
        assert _without_nul([await new.feedback.of_turn(turn) for turn in rated]) == _without_nul(
            [await old.feedback.of_turn(turn) for turn in rated]
        )
        assert rated


def _without_nul(read: list[Any]) -> str:
    return repr(read).replace("\\x00", "")


async def test_a_target_that_holds_data_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = shared_server().url()
    async with open_stores(url, data_dir=tmp_path, clock=CLOCK) as stores:
        await stores.pipeline.accept(message(1))
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as old:
        await _furnish(old)

    done = await asyncio.to_thread(_call, tmp_path, "storage", "migrate", "--to", url)

    assert (done.returncode, done.stdout) == (4, "")
    assert "storage.target_not_empty" in done.stderr
    async with open_stores(url, data_dir=tmp_path, clock=CLOCK) as stores:
        assert await stores.pipeline.recover(owner="x") == 1


async def test_a_service_that_runs_is_not_moved_from_under_its_feet(tmp_path: Path) -> None:
    config = tmp_path / "ai-worker.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n[api]\nport = 0\n[console]\nport = 0\n')
    async with running(load(config, environ={})):
        done = await asyncio.to_thread(_call, tmp_path, "storage", "migrate", "--to", shared_server().url())

    assert done.returncode == 4
    assert "storage.service_running" in done.stderr


@pytest.mark.parametrize(
    ("to", "code", "exit"),
    [
        ("postgresql://u:geheim@127.0.0.1:1/db", "store.busy", 3),
        ("env:NOWHERE_TO_BE_FOUND", "cli.usage", 2),
        ("sqlite:///other.db?geheim", "storage.address_unusable", 4),
    ],
)
async def test_a_target_that_cannot_be_used_is_told_without_its_password(
    tmp_path: Path, to: str, code: str, exit: int
) -> None:
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK):
        pass

    done = await asyncio.to_thread(_call, tmp_path, "storage", "migrate", "--to", to)

    assert (done.returncode, done.stdout) == (exit, "")
    assert code in done.stderr
    assert "geheim" not in done.stderr


async def test_without_a_sqlite_file_there_is_nothing_to_move(tmp_path: Path) -> None:
    done = await asyncio.to_thread(_call, tmp_path, "storage", "migrate", "--to", shared_server().url())

    assert done.returncode == 4
    assert "storage.nothing_to_move" in done.stderr


GATE = 4_711
"""The advisory lock at which a copy waits until it is killed."""

STOP_AT = """
CREATE FUNCTION {schema}.gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {at} THEN PERFORM pg_advisory_xact_lock_shared({gate}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gate BEFORE INSERT ON {schema}.{table} FOR EACH ROW EXECUTE FUNCTION {schema}.gate()
"""


async def _killed_at(url: str, table: str, at: str, folder: Path) -> None:
    """Begin a move, and send SIGKILL once it has come to a row of a table."""
    schema = url.partition("schema=")[2]
    beside = await asyncpg.connect(url.partition("?")[0])
    await beside.execute(STOP_AT.format(schema=schema, table=table, at=at, gate=GATE))
    async with beside.transaction():
        await beside.execute("SELECT pg_advisory_xact_lock($1)", GATE)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai_worker", "storage", "migrate", "--to", url),
            *("--config", str(folder / "ai-worker.toml")),
            env=os.environ,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(20):
            while not await beside.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = $1", GATE):
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await beside.fetchval(f"SELECT count(*) FROM {schema}.conversation") == 0
    await beside.execute(f"DROP FUNCTION {schema}.gate CASCADE", timeout=20)
    await beside.close()


@pytest.mark.parametrize(
    ("table", "at"),
    [("conversation", "true"), ("inbound", "NEW.seq = 17"), ("outbound", "NEW.n = 9"), ("passage", "true")],
)
async def test_a_move_that_is_killed_in_the_middle_leaves_nothing_and_runs_again(
    tmp_path: Path, table: str, at: str
) -> None:
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as old:
        await _furnish(old)
    url = shared_server().url()
    async with open_stores(url, data_dir=tmp_path, clock=CLOCK):
        pass
    _call(tmp_path, "version")

    await _killed_at(url, table, at, tmp_path)

    async with open_stores(url, data_dir=tmp_path, clock=CLOCK) as half:
        assert await half.conversations.conversations() == []
    again = ("storage", "migrate", "--to", url, "--json")
    async with asyncio.timeout(20):  # the server may need a moment to notice that the first one is dead
        while (done := await asyncio.to_thread(_call, tmp_path, *again)).returncode == 3:
            await asyncio.sleep(0.2)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["tables"]
    assert counts["inbound"] == {"from": 30, "to": 30}
    assert all(rows["from"] == rows["to"] for rows in counts.values())


async def test_a_move_that_was_cut_off_after_its_end_is_whole_and_says_so_when_it_is_repeated(tmp_path: Path) -> None:
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as old:
        await _furnish(old)
    url = shared_server().url()
    again = ("storage", "migrate", "--to", url)
    assert (await asyncio.to_thread(_call, tmp_path, *again)).returncode == 0  # its words did not reach anybody

    done = await asyncio.to_thread(_call, tmp_path, *again)

    assert done.returncode == 4
    assert "storage.target_not_empty" in done.stderr
    assert "已经是完整的" in done.stderr


async def test_what_a_command_would_write_meanwhile_is_refused_and_not_left_behind(tmp_path: Path) -> None:
    url, file = shared_server().url(), tmp_path / "ai-worker.db"
    for place in (SQLITE, url):
        async with open_stores(place, data_dir=tmp_path, clock=CLOCK):
            pass
    target = await asyncpg.connect(url.partition("?")[0])
    try:
        await target.execute(f"SET search_path = {url.partition('schema=')[2]}; BEGIN; LOCK TABLE conversation")
        moving = asyncio.create_task(move(file, url, data_dir=tmp_path, clock=CLOCK))
        async with asyncio.timeout(20):
            while not _is_shut(file) and not moving.done():
                await asyncio.sleep(0.02)
        shut = _is_shut(file)
        await target.execute("ROLLBACK")
        await moving
    finally:
        await target.close()

    assert shut
    assert not _is_shut(file)


def _is_shut(file: Path) -> bool:
    with closing(apsw.Connection(str(file))) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE; ROLLBACK").fetchall()
        except apsw.BusyError:
            return True
        return False
