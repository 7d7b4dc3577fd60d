"""What one message costs on one machine, and what 1,000 at once do to it.

    python -m benchmarks.one_machine

Starts the real service as its own process, a simulated WeCom and a scripted model in this one, and
prints CPU milliseconds of the service alone. Wall times depend on whatever else the machine does.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import ScriptedModel

MESSAGES = 3_000
AT_ONCE = 200
STORM = 1_000
MODEL_S = 2.0
IDLE_S = 10.0
DESK = WecomApplication()


def main() -> None:
    print(f"{'ai-worker version':<58}{_version_cpu_ms():>10.0f} ms CPU")
    asyncio.run(_measure())


def _version_cpu_ms() -> float:
    """Return CPU milliseconds of `ai-worker version`, the least of five runs."""
    runs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "ai_worker", "version"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(runs) * 1000


async def _measure() -> None:
    async with DESK.platform() as platform, ScriptedModel("好的，已经登记。") as model:
        settings = open_model(model.base_url) + DESK.settings(platform.api_base)
        with tempfile.TemporaryDirectory() as folder:
            async with Site(Path(folder), settings) as site:
                platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
                await site.start()
                assert site.process is not None
                service = psutil.Process(site.process.pid)
                await _converse(platform, "first", 1)
                await asyncio.sleep(IDLE_S)
                label = "resident memory, idle after its first answer"
                print(f"{label:<58}{service.memory_info().rss / 1e6:>10.0f} MB")
                await _throughput(platform, service)
                model.delay_s = MODEL_S
                await _storm(platform, service)
                print(f"{'resident memory, after all of it':<58}{service.memory_info().rss / 1e6:>10.0f} MB")


async def _throughput(platform: SimulatedWecom, service: psutil.Process) -> None:
    await _converse(platform, "warm", 200)
    began, cpu = time.perf_counter(), _cpu_s(service)
    await _converse(platform, "user", MESSAGES)
    seconds, cpu = time.perf_counter() - began, _cpu_s(service) - cpu
    label = f"callback → instant model → message/send, {MESSAGES} messages"
    print(f"{label:<58}{cpu / MESSAGES * 1000:>10.2f} ms CPU a message")
    print(
        f"{f'  {AT_ONCE} in flight, load and platform on the same 2 cores':<58}{MESSAGES / seconds:>10.0f} answered/s"
    )


async def _converse(platform: SimulatedWecom, prefix: str, count: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            said = await platform.say(f"{prefix}{number}", f"请登记，编号 {number}")
            await platform.reply_to(said.user, after=said, timeout=60)

    await asyncio.gather(*(one(number) for number in range(count)))


async def _storm(platform: SimulatedWecom, service: psutil.Process) -> None:
    cpu = _cpu_s(service)

    async def one(number: int) -> tuple[float, float]:
        began = time.perf_counter()
        said = await platform.say(f"storm{number}", f"请登记，编号 {number}")
        await platform.reply_to(said.user, after=said, timeout=60)
        return said.seconds, time.perf_counter() - began

    results = await asyncio.gather(*(one(number) for number in range(STORM)))
    acknowledged, answered = sorted(r[0] for r in results), sorted(r[1] for r in results)
    label = f"{STORM} conversations at once, model {MODEL_S:.0f} s: answered"
    print(f"{label:<58}{len(answered):>10}")
    print(f"{'  acknowledged, p99':<58}{acknowledged[int(0.99 * STORM)]:>10.2f} s")
    print(f"{'  answered, p95':<58}{answered[int(0.95 * STORM)]:>10.2f} s")
    print(f"{'  CPU':<58}{(_cpu_s(service) - cpu) / STORM * 1000:>10.2f} ms a message")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
