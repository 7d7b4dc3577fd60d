"""Whether memory grows: steady load for some minutes, and the slope of resident memory over them.

    python -m benchmarks.soak [MINUTES] [--quick]

The first third is left out of the slope: caches and pools fill up to their bounds in it. What is
stored grows with the messages and is on disk; the slope should be near nothing.
"""

import argparse
import asyncio
import time

import uvloop

from benchmarks.scene import Scene, line, scene

PER_S = 200
MEMBERS = 5_000
"""Each speaks less often than the platform's limit, and comes again and again, as people do."""

SAMPLE_S = 1.0


async def _measure(minutes: float) -> None:
    async with scene() as running:
        samples: list[tuple[float, float]] = []
        speaking: set[asyncio.Task[None]] = set()
        began = time.perf_counter()
        number, cpu = 0, running.cpu_s()
        while (now := time.perf_counter() - began) < minutes * 60:
            if not samples or now - samples[-1][0] >= SAMPLE_S:
                samples.append((now, running.rss_mb()))
            task = asyncio.create_task(_say(running, number))
            speaking.add(task)
            task.add_done_callback(speaking.discard)
            number += 1
            await asyncio.sleep(max(0.0, number / PER_S - (time.perf_counter() - began)))
        await asyncio.gather(*speaking)
        line(
            f"{number:,} messages in {minutes:g} min", (running.cpu_s() - cpu) / number * 1000, "ms CPU", name="soak_ms"
        )
        line("resident memory at the end", samples[-1][1], "MiB", digits=0, name="soak_mib")
        slope = _slope(samples[len(samples) // 3 :])
        line("slope after the first third", slope * 3600, "MiB an hour", name="soak_mib_hour")
        line("  which is, a message", slope / PER_S * 1024, "KiB", name="soak_kib")


async def _say(running: Scene, number: int) -> None:
    said = await running.platform.say(f"member{number % MEMBERS}", f"请登记，编号 {number}")
    await running.platform.reply_to(said.user, after=said, timeout=60)


def _slope(samples: list[tuple[float, float]]) -> float:
    """Return MiB a second, by least squares."""
    count = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / count, sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=5.0)
    parser.add_argument("--quick", action="store_true", help="a quarter of a minute: shows that it works")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(0.25 if given.quick else given.minutes))


if __name__ == "__main__":
    main()
