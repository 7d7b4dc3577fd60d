"""Many at once, and one who says too much.

The crowd speaks over WeCom: the platform keeps at most `DOOR` callbacks in flight, as any sender has
a bound, and a message counts as answered when its member sees the reply. What is compared is the
service's own CPU a message in the crowd and in steady load on the same process, in turn, because
wall times here are those of two cores that the load, the platform and the model share.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from ai_worker.drills.overload import OverloadDrill
from benchmarks.scene import Scene, line, percentile, scene
from benchmarks.sizes import Sizes

MODEL_S = 2.0
DOOR = 1_000

OTHERS = 100
OTHERS_PAUSE_S = 5.0
HOT_PER_S = 180
"""Nine tenths of the load: the others say 20 a second together."""

HOT_MODEL_S = 0.2


async def storm(sizes: Sizes) -> None:
    """A thousand conversations over WeCom, all callbacks in the same moment."""
    async with scene(settings=f"max_concurrent = {sizes.storm}\n") as running:
        await running.converse("warm", 200, at_once=100)
        running.model.delay_s = MODEL_S
        began, cpu = time.perf_counter(), running.cpu_s()
        acknowledged, answered = await _all_at_once(running, "storm", sizes.storm, door=sizes.storm)
        seconds = time.perf_counter() - began
        line(f"{sizes.storm:,} conversations at once, model {MODEL_S:.0f} s: answered", len(answered), "", digits=0)
        line("  acknowledged, p99", percentile(acknowledged, 0.99), "s", name="storm_acknowledged_s")
        line("  answered, p95", percentile(answered, 0.95), "s", name="storm_answered_s")
        rate = sizes.storm / (seconds - MODEL_S)
        line("  answered a second, the model's own time left out", rate, "/s", digits=0)
        line("  CPU", (running.cpu_s() - cpu) / sizes.storm * 1000, "ms a message", name="storm_ms")


async def crowd(sizes: Sizes) -> None:
    """Ten thousand over WeCom, in turn with steady load on the same service; then over the API."""
    steady: list[tuple[float, float]] = []
    crowded: list[tuple[float, float]] = []
    async with scene(settings=f"max_concurrent = {sizes.crowd}\n") as running, _peak_of(running) as peak:
        await running.converse("warm", 400, at_once=200)
        for number in range(sizes.runs):
            running.model.delay_s = 0.0
            steady.append(await running.throughput(f"steady{number}-", sizes.messages))
            running.model.delay_s = MODEL_S
            began, cpu = time.perf_counter(), running.cpu_s()
            await _all_at_once(running, f"crowd{number}-", sizes.crowd, door=DOOR)
            seconds = time.perf_counter() - began
            crowded.append(((running.cpu_s() - cpu) / sizes.crowd * 1000, sizes.crowd / (seconds - MODEL_S)))
    line(f"{sizes.crowd:,} at once over WeCom, model {MODEL_S:.0f} s: answered", sizes.crowd, "all", digits=0)
    _compare("  CPU a message", "ms", 2, [one[0] for one in crowded], [one[0] for one in steady], name="crowd_ms")
    _compare("  answered a second", "/s", 0, [one[1] for one in crowded], [one[1] for one in steady], name="crowd_rate")
    line("  resident memory, peak", max(peak), "MiB", digits=0, name="crowd_mib")
    report = await OverloadDrill(conversations=sizes.crowd).run()
    label = f"{sizes.crowd:,} at once over the API, model {MODEL_S:.0f} s: answered"
    line(label, report.replied, "", digits=0, name="crowd_api_answered")
    line("  told to come again", report.refused, "times", digits=0)
    line("  slowest acknowledgement", report.slowest_s, "s", name="crowd_api_slowest_s")
    rate = sizes.crowd / (report.seconds - MODEL_S)
    line("  answered a second, the model's own time left out", rate, "/s", digits=0, name="crowd_api_rate")
    line("  resident memory, peak", report.rss_peak_mb, "MiB", digits=0, name="crowd_api_mib")


def _compare(label: str, unit: str, digits: int, crowded: list[float], steady: list[float], *, name: str) -> None:
    here, there = percentile(crowded, 0.5), percentile(steady, 0.5)
    line(label, here, unit, digits=digits, name=name)
    line(f"{label}, in steady load", there, unit, digits=digits, name=f"{name}_steady")
    line(f"{label}, crowd ÷ steady", here / there, "×", name=f"{name}_ratio")


@contextlib.asynccontextmanager
async def _peak_of(running: Scene) -> AsyncIterator[list[float]]:
    """Look at the service's memory ten times a second until the block ends."""
    seen = [running.rss_mb()]

    async def look() -> None:
        while True:
            await asyncio.sleep(0.1)
            seen.append(running.rss_mb())

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()


async def _all_at_once(running: Scene, prefix: str, count: int, *, door: int) -> tuple[list[float], list[float]]:
    """Return seconds to the acknowledgement and, from the platform's first attempt, to the answer."""
    ways_in = asyncio.Semaphore(door)

    async def one(number: int) -> tuple[float, float]:
        async with ways_in:
            began = time.perf_counter()
            said = await running.platform.say(f"{prefix}{number}", f"请登记，编号 {number}")
        assert said.acknowledged, f"not accepted in {said.attempts} attempts"
        await running.platform.reply_to(said.user, after=said, timeout=120)
        return said.seconds, time.perf_counter() - began

    results = await asyncio.gather(*(one(number) for number in range(count)))
    return [result[0] for result in results], [result[1] for result in results]


async def hot(sizes: Sizes) -> None:
    """One conversation gets nine tenths of the load, far more than it can work off; 100 others talk on."""
    async with scene() as running:
        running.model.delay_s = HOT_MODEL_S
        for label, rate, name in (
            ("alone", 0, "alone"),
            (f"beside one of {HOT_PER_S} messages a second", HOT_PER_S, "beside"),
        ):
            sent: list[int] = []
            flood = asyncio.create_task(_flood(running, rate, sent))
            seconds = await _others(running, name, sizes.hot_s)
            flood.cancel()
            line(
                f"{OTHERS} conversations, {label}: p50", percentile(seconds, 0.5), "s", digits=3, name=f"hot_{name}_p50"
            )
            line("  p99", percentile(seconds, 0.99), "s", digits=3, name=f"hot_{name}_p99")
            share = len(sent) / (len(sent) + len(seconds))
            line("  of all messages, in the hot conversation", share * 100, "%", digits=0, name=f"hot_{name}_share")


async def _flood(running: Scene, per_s: int, sent: list[int]) -> None:
    """Say so much a second in one conversation, whatever becomes of it; `sent` gets the accepted ones."""

    async def say(number: int) -> None:
        text = f"请登记，编号 {number}"
        body = {"message_id": f"hot{number}", "conversation_id": "hot", "contact": "hot", "text": text}
        status, _ = await running.site.post("/api/v1/messages", body)
        if status == 202:
            sent.append(number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as saying:
        number = 0
        while per_s:
            saying.create_task(say(number))
            number += 1
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))


async def _others(running: Scene, label: str, seconds: float) -> list[float]:
    """Return how long each question of the others took."""
    until = time.perf_counter() + seconds

    async def one(number: int) -> list[float]:
        took = []
        await asyncio.sleep(OTHERS_PAUSE_S * number / OTHERS)
        while time.perf_counter() < until:
            began = time.perf_counter()
            body = {"text": f"请登记，编号 {number}", "conversation_id": f"{label}-{number}"}
            status, _ = await running.site.post("/api/v1/ask", body)
            assert status == 200
            took.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, OTHERS_PAUSE_S - took[-1]))
        return took

    return [each for some in await asyncio.gather(*(one(number) for number in range(OTHERS))) for each in some]
