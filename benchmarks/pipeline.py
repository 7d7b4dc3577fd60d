"""What a message costs on its whole way, and what a crowd, a hot conversation and a full store do to it.

    python -m benchmarks.pipeline [throughput] [postgres] [roles] [storm] [crowd] [hot] [stored] [--quick]

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
import gc
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from tests.postgres import durable_server

from ai_worker.drills.site import Role
from benchmarks.crowd import crowd, hot, storm
from benchmarks.filling import fill
from benchmarks.scene import Scene, line, percentile, scene
from benchmarks.sizes import QUICK, Sizes


async def throughput(sizes: Sizes) -> None:
    """Steady load with a model that answers at once, over SQLite."""
    async with scene() as running:
        await _steady(running, f"callback → instant model → send, {sizes.messages:,} messages", sizes, "embedded")


async def postgres(sizes: Sizes) -> None:
    """The same over a PostgreSQL server on this machine, with flushes to disk."""
    with durable_server() as server:
        async with scene(storage_url=server.url("benchmark")) as running:
            await _steady(running, f"the same over PostgreSQL, {sizes.messages:,} messages", sizes, "postgres")


async def roles(sizes: Sizes) -> None:
    """One process, and two over the same file."""
    two: tuple[Role, ...] = ("runner", "api")
    for label, parts in (("one process", ()), ("two processes, api and runner, one SQLite file", two)):
        async with scene(roles=parts) as running:
            await _steady(running, label, sizes, "")


async def stored(sizes: Sizes) -> None:
    """Steady load over a store that is nearly empty, and over one that is full."""
    costs = []
    for count, name in zip(sizes.stored, ("stored_few_ms", "stored_many_ms"), strict=True):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "data").mkdir()
            await fill(folder / "data" / "ai-worker.db", count)
            async with scene(folder=folder) as running:
                await running.converse("warm", 400, at_once=200)
                runs = [await running.throughput(f"run{number}-", sizes.messages) for number in range(sizes.runs)]
                costs.append(percentile([run[0] for run in runs], 0.5))
                line(f"with {count:,} messages stored", costs[-1], "ms CPU", name=name)
    line("  a hundred times as many cost", costs[1] / costs[0], "×", name="stored_ratio")


async def _steady(running: Scene, label: str, sizes: Sizes, name: str) -> None:
    await running.converse("warm", 400, at_once=200)
    runs = [await running.throughput(f"run{number}-", sizes.messages) for number in range(sizes.runs)]
    names = {what: f"{name}_{what}" if name else "" for what in ("ms", "rate", "mib")}
    line(label, percentile([run[0] for run in runs], 0.5), "ms CPU", name=names["ms"])
    rate = percentile([run[1] for run in runs], 0.5)
    line("  200 in flight, everything on this machine", rate, "answered/s", digits=0, name=names["rate"])
    line("  resident memory", running.rss_mb(), "MiB", digits=0, name=names["mib"])


PARTS: dict[str, Callable[[Sizes], Awaitable[None]]] = {
    "throughput": throughput,
    "postgres": postgres,
    "roles": roles,
    "storm": storm,
    "crowd": crowd,
    "hot": hot,
    "stored": stored,
}


async def _measure(names: list[str], sizes: Sizes) -> None:
    gc.freeze()
    gc.disable()  # the load shares the service's cores, so it is to cost as little as it can
    for name in names:
        await PARTS[name](sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="what to measure; nothing means everything")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works, measures little")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(given.part or list(PARTS), QUICK if given.quick else Sizes()))


if __name__ == "__main__":
    main()
