"""What a message costs on its whole way, and what a crowd, a hot conversation and a full store do to it.

    python -m benchmarks.pipeline [throughput] [roles] [storm] [hot] [stored]

Everything is measured on the real service as its own process, from the encrypted callback to the
platform's `message/send`, with an open worker, no knowledge and a scripted model. CPU milliseconds
are the service's alone; wall times depend on whatever else the machine does, and here the load, the
platform and the model share its cores.

Whether two processes over one SQLite file pay (`roles`): hardly. On two cores, with the load on the
same two, a message cost as much CPU (1.02 ms in one process, 0.99 in two) and 898 became 1,030 a
second. But the runner then hears of a message only by looking ten times a second, so that each
answer comes up to 0.1 s later. One machine is served well by one process, and that is the default;
the parts are for a database that several machines share.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from ai_worker.drills.overload import OverloadDrill
from ai_worker.drills.site import Role
from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
from benchmarks.scene import Scene, line, percentile, scene
from benchmarks.store import Timing, accept_all, answer_all

MESSAGES = 3_000
RUNS = 3
STORM, CROWD = 1_000, 10_000
MODEL_S = 2.0
STORED = (10_000, 1_000_000)
FILLING = 2_000

OTHERS = 100
HOT_PER_S = 20
HOT_S = 15.0
HOT_MODEL_S = 0.2


async def throughput() -> None:
    async with scene() as running:
        await running.converse("warm", 400, at_once=200)
        runs = [await running.throughput(f"run{number}-", MESSAGES) for number in range(RUNS)]
        line(f"callback → instant model → send, {MESSAGES} messages", percentile([r[0] for r in runs], 0.5), "ms CPU")
        line(
            "  200 in flight, everything on this machine", percentile([r[1] for r in runs], 0.5), "answered/s", digits=0
        )
        line("  resident memory", running.rss_mb(), "MiB", digits=0)


async def roles() -> None:
    two: tuple[Role, ...] = ("runner", "api")
    for label, parts in (("one process", ()), ("two processes, api and runner, one SQLite file", two)):
        async with scene(roles=parts) as running:
            await running.converse("warm", 400, at_once=200)
            runs = [await running.throughput(f"run{number}-", MESSAGES) for number in range(RUNS)]
            line(label, percentile([r[0] for r in runs], 0.5), "ms CPU")
            line("  200 in flight", percentile([r[1] for r in runs], 0.5), "answered/s", digits=0)


async def storm() -> None:
    """A thousand over WeCom; ten thousand over the API, where the load's own cost stays out of the times."""
    async with scene(settings=f"max_concurrent = {STORM}\n") as running:
        await running.converse("warm", 200, at_once=100)
        running.model.delay_s = MODEL_S
        began, cpu = time.perf_counter(), running.cpu_s()
        acknowledged, answered = await _all_at_once(running, STORM)
        seconds = time.perf_counter() - began
        line(f"{STORM:,} conversations at once, model {MODEL_S:.0f} s: answered", len(answered), "", digits=0)
        line("  acknowledged, p99", percentile(acknowledged, 0.99), "s")
        line("  answered, p95", percentile(answered, 0.95), "s")
        line("  answered a second, the model's own time left out", STORM / (seconds - MODEL_S), "/s", digits=0)
        line("  CPU", (running.cpu_s() - cpu) / STORM * 1000, "ms a message")
    report = await OverloadDrill(conversations=CROWD).run()
    line(f"{CROWD:,} at once over the API, model {MODEL_S:.0f} s: answered", report.replied, "", digits=0)
    line("  told to come again", report.refused, "times", digits=0)
    line("  slowest acknowledgement", report.slowest_s, "s")
    line("  answered a second, the model's own time left out", CROWD / (report.seconds - MODEL_S), "/s", digits=0)
    line("  resident memory, peak", report.rss_peak_mb, "MiB", digits=0)


async def _all_at_once(running: Scene, count: int) -> tuple[list[float], list[float]]:
    """Return seconds to the acknowledgement and to the answer."""

    async def one(number: int) -> tuple[float, float]:
        began = time.perf_counter()
        said = await running.platform.say(f"storm{number}", f"请登记，编号 {number}")
        await running.platform.reply_to(said.user, timeout=120)
        return said.seconds, time.perf_counter() - began

    results = await asyncio.gather(*(one(number) for number in range(count)))
    return [result[0] for result in results], [result[1] for result in results]


async def hot() -> None:
    """One conversation gets 20 messages a second, four times what it can work off; 100 others talk on."""
    async with scene() as running:
        running.model.delay_s = HOT_MODEL_S
        for label, rate in (
            ("without a hot conversation", 0),
            (f"with one of {HOT_PER_S} messages a second", HOT_PER_S),
        ):
            flood = asyncio.create_task(_flood(running, rate))
            seconds = await _others(running, label)
            flood.cancel()
            line(f"{OTHERS} conversations, {label}: p50", percentile(seconds, 0.5), "s", digits=3)
            line("  p99", percentile(seconds, 0.99), "s", digits=3)


async def _flood(running: Scene, per_s: int) -> None:
    number = 0
    while per_s:
        body = {
            "message_id": f"hot{number}",
            "conversation_id": "hot",
            "contact": "hot",
            "text": f"请登记，编号 {number}",
        }
        await running.site.post("/api/v1/messages", body)
        number += 1
        await asyncio.sleep(1 / per_s)


async def _others(running: Scene, label: str) -> list[float]:
    async def one(number: int) -> list[float]:
        seconds = []
        until = time.perf_counter() + HOT_S
        await asyncio.sleep(number / OTHERS)
        while time.perf_counter() < until:
            began = time.perf_counter()
            body = {"text": f"请登记，编号 {number}", "conversation_id": f"{label}-{number}"}
            status, _ = await running.site.post("/api/v1/ask", body)
            assert status == 200
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(1.0)
        return seconds

    return [each for some in await asyncio.gather(*(one(number) for number in range(OTHERS))) for each in some]


async def stored() -> None:
    for count in STORED:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "data").mkdir()
            await _fill(folder / "data" / "ai-worker.db", count)
            async with scene(folder=folder) as running:
                await running.converse("warm", 400, at_once=200)
                runs = [await running.throughput(f"run{number}-", MESSAGES) for number in range(RUNS)]
                line(f"with {count:,} messages stored", percentile([r[0] for r in runs], 0.5), "ms CPU")


async def _fill(file: Path, count: int) -> None:
    database = SqliteDatabase.open(file, clock=SystemClock(), accept_deadline_s=60)
    store = SqlitePipelineStore(database, SystemClock())
    async with asyncio.TaskGroup() as group:
        group.create_task(accept_all(store, count, count // 10, FILLING, Timing()))
        group.create_task(answer_all(store, count, FILLING, Timing()))
    await database.close()


PARTS: dict[str, Callable[[], Awaitable[None]]] = {
    "throughput": throughput,
    "roles": roles,
    "storm": storm,
    "hot": hot,
    "stored": stored,
}


async def _measure(names: list[str]) -> None:
    for name in names:
        await PARTS[name]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="what to measure; nothing means everything")
    names = parser.parse_args().part or list(PARTS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the load is to cost as little as it can
        runner.run(_measure(names))


if __name__ == "__main__":
    main()
