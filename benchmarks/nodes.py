"""What a second node adds, and what it costs: one and two services on one PostgreSQL.

    python -m benchmarks.nodes

Two questions, for on a machine with few cores they have two answers.

`room`: where the turns in progress are the limit (a model that takes 2 s, `max_concurrent` of 50 on each
node), how many messages are answered a second by one node, and by two? This shows that nodes share the work
and do not stand in one another's way. It does not show that two nodes do twice as much of anything that needs
CPU: both run on the same cores here, together with PostgreSQL, the load, the platform and the model.

`cost`: with a model that answers at once, what does a message cost in CPU of the nodes, in CPU of the server,
in the server's time (waiting included) and in transactions, with one node and with two? If a second node costs
nothing more, then a second *machine* adds what it has. That last step is a conclusion, not a measurement.

Measured on 2 cores, everything on them, PostgreSQL 15 flushing to disk: `room` 24.2 answered a second with one
node and 47.9 with two, 1.98 ×. `cost` 0.86 ms of the nodes' CPU and 0.42 ms of the server's with one, 1.01 and
0.49 with two (1.17 ×), no connection ever seen waiting for a lock: the same load is split, so that each node's
transactions hold fewer messages. Two machines whose CPU is the limit would thus do 2 / 1.17 = 1.7 times as much as
one, as long as the server keeps up.

Every second message goes to the other node, so that with two of them half of what one has accepted is worked
off, or waited for, by the other. The database's figures are those of the whole part, from making the schema to
closing the last connection, divided by all of its messages.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvloop
from tests.postgres import Server, durable_server

from ai_worker.api.server import lift_open_files
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, open_model
from ai_worker.drills.site import Site
from ai_worker.drills.ways import echo
from ai_worker.llm.scripted import ScriptedModel
from benchmarks.scene import DESK, line, percentile

RUNS = 3
WARM = 200
MODEL_S, TURNS, ROOM_MESSAGES, ROOM_AT_ONCE = 2.0, 50, 800, 300
COST_MESSAGES, COST_AT_ONCE = 2_000, 200
LOOK_S = 0.02

DATABASE = "SELECT xact_commit, xact_rollback, deadlocks, active_time FROM pg_stat_database WHERE datname = 'postgres'"
LOCKED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ai-worker' AND wait_event_type = 'Lock'"


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run."""

    per_s: float
    cpu_ms: float
    """Of all nodes, a message."""

    locked: float
    """Connections that were waiting for a lock, on average over looks every 20 ms."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a number of nodes did."""

    runs: Sequence[Run]
    server_cpu_ms: float
    server_ms: float
    """How long statements ran, a message; waiting for the disk and for locks included."""

    transactions: float
    undone: int
    """Transactions that were rolled back, in all."""

    deadlocks: int

    def median(self, figure: Callable[[Run], float]) -> float:
        """Return the median of one of the runs' figures."""
        return percentile([figure(run) for run in self.runs], 0.5)


class Nodes:
    """Some services on one schema, and the load that goes to them in turn."""

    def __init__(self, sites: Sequence[Site], platform: SimulatedWecom, beside: Any) -> None:
        self._platform, self._beside = platform, beside
        self._urls = [f"{site.url}/channels/{CHANNEL}/callback" for site in sites]
        self._processes = [psutil.Process(site.pid()) for site in sites]

    async def converse(self, prefix: str, count: int, at_once: int) -> Run:
        """Let so many members say one thing each, so many at once, and wait for every answer."""
        slots = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            async with slots:
                self._platform.callback_url = self._urls[number % len(self._urls)]
                said = await self._platform.say(f"{prefix}{number}", f"请登记，编号 {number}")
                await self._platform.reply_to(said.user, after=said, timeout=120)

        looks: list[int] = []
        looking = asyncio.create_task(self._look(looks))
        began, cpu = time.perf_counter(), self._cpu_s()
        await asyncio.gather(*(one(number) for number in range(count)))
        seconds, cpu = time.perf_counter() - began, self._cpu_s() - cpu
        looking.cancel()
        return Run(count / seconds, cpu / count * 1000, sum(looks) / len(looks))

    async def _look(self, looks: list[int]) -> None:
        while True:
            looks.append(await self._beside.fetchval(LOCKED))
            await asyncio.sleep(LOOK_S)

    def _cpu_s(self) -> float:
        return sum(float(sum(process.cpu_times()[:2])) for process in self._processes)


@asynccontextmanager
async def _running(server: Server, count: int, model_s: float, beside: Any) -> AsyncIterator[Nodes]:
    """Start so many services on a new schema; stop them at the end."""
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(DESK.platform())
        model = await stack.enter_async_context(ScriptedModel(echo, delay_s=model_s))
        settings = f"max_concurrent = {TURNS}\n" + open_model(model.base_url) + DESK.settings(platform.api_base)
        url, sites = server.url(), list[Site]()
        for _ in range(count):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            sites.append(await stack.enter_async_context(Site(folder, settings, storage_url=url)))
            await sites[-1].start()
        yield Nodes(sites, platform, beside)
        await asyncio.gather(*(site.stop() for site in sites))


async def _part(server: Server, nodes: int, *, model_s: float, messages: int, at_once: int) -> Part:
    beside = await asyncpg.connect(server.url().partition("?")[0])
    before, cpu = await beside.fetchrow(DATABASE), _server_cpu_s(server)
    async with _running(server, nodes, model_s, beside) as running:
        await running.converse("warm", WARM, at_once)
        runs = [await running.converse(f"run{number}-", messages, at_once) for number in range(RUNS)]
    cpu = _server_cpu_s(server) - cpu
    await beside.close()
    beside = await asyncpg.connect(server.url().partition("?")[0])  # one that sees what those that ended have counted
    after, total = await beside.fetchrow(DATABASE), WARM + RUNS * messages
    await beside.close()
    commits, undone, deadlocks, active_ms = (now - then for now, then in zip(after, before, strict=True))
    return Part(runs, cpu / total * 1000, active_ms / total, commits / total, undone, deadlocks)


def _server_cpu_s(server: Server) -> float:
    """Return the server's CPU seconds, those of connections that have ended included."""
    process = psutil.Process(server.pid)
    living = sum(float(sum(child.cpu_times()[:2])) for child in process.children())
    return float(sum(process.cpu_times()[:4])) + living


async def room(server: Server) -> None:
    parts = [
        await _part(server, nodes, model_s=MODEL_S, messages=ROOM_MESSAGES, at_once=ROOM_AT_ONCE) for nodes in (1, 2)
    ]
    rates = [part.median(lambda run: run.per_s) for part in parts]
    for name, part, rate in zip(("one node", "two nodes"), parts, rates, strict=True):
        worst = min(run.per_s for run in part.runs)
        line(f"{name}, {TURNS} turns at once each, model {MODEL_S:.0f} s", rate, f"answered/s (worst {worst:.1f})")
    line("  two nodes, as a multiple of one", rates[1] / rates[0], "×")


async def cost(server: Server) -> None:
    parts = [await _part(server, nodes, model_s=0, messages=COST_MESSAGES, at_once=COST_AT_ONCE) for nodes in (1, 2)]
    for name, part in zip(("one node", "two nodes"), parts, strict=True):
        line(f"{name}, model at once: CPU of the nodes", part.median(lambda run: run.cpu_ms), "ms a message")
        line("  CPU of the server", part.server_cpu_ms, "ms a message")
        line("  the server's time, waiting included", part.server_ms, "ms a message")
        line("  transactions", part.transactions, "a message")
        line("  connections that wait for a lock", part.median(lambda run: run.locked), "on average", digits=3)
        line("  transactions undone, deadlocks", part.undone, f"and {part.deadlocks}", digits=0)
        line("  everything on this machine's cores", part.median(lambda run: run.per_s), "answered/s", digits=0)
    cpu = [part.median(lambda run: run.cpu_ms) for part in parts]
    line("CPU of the nodes: two, as a multiple of one", cpu[1] / cpu[0], "×")
    line("  so two machines that are busy do (computed, not measured)", 2 * cpu[0] / cpu[1], "×")
    line("CPU of the server: two, as a multiple of one", parts[1].server_cpu_ms / parts[0].server_cpu_ms, "×")


PARTS: dict[str, Callable[[Server], Awaitable[None]]] = {"room": room, "cost": cost}


async def _measure(names: Sequence[str]) -> None:
    with durable_server() as server:
        for name in names:
            await PARTS[name](server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="what to measure; nothing means everything")
    names = parser.parse_args().part or list(PARTS)
    lift_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the load is to cost as little as it can
        runner.run(_measure(names))


if __name__ == "__main__":
    main()
