"""What the benchmarks of the whole service share: the real process, its surroundings, and how figures are told."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ai_worker.api.server import lift_open_files
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Role, Site
from ai_worker.drills.ways import echo
from ai_worker.llm.scripted import ScriptedModel

DESK = WecomApplication()
MEBI = 1 << 20

RECORD = "BENCHMARK_RECORD"
"""Names the file that `benchmarks.table` collects figures from; without it they are only printed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A running service; the platform and the model are in this process."""

    site: Site
    platform: SimulatedWecom
    model: ScriptedModel
    processes: tuple[psutil.Process, ...]

    def cpu_s(self) -> float:
        """Return CPU seconds of the service so far, all of its processes together."""
        return sum(float(sum(process.cpu_times()[:2])) for process in self.processes)

    def rss_mb(self) -> float:
        """Return resident memory of the service in MiB."""
        return sum(float(process.memory_info().rss) for process in self.processes) / MEBI

    async def converse(self, prefix: str, count: int, *, at_once: int) -> None:
        """Let `count` members say something and wait for the answer, so many at once."""
        slots = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            async with slots:
                said = await self.platform.say(f"{prefix}{number}", f"请登记，编号 {number}")
                assert said.acknowledged, f"not accepted in {said.attempts} attempts"
                await self.platform.reply_to(said.user, after=said, timeout=120)

        await asyncio.gather(*(one(number) for number in range(count)))

    async def throughput(self, prefix: str, count: int, *, at_once: int = 200) -> tuple[float, float]:
        """Return CPU milliseconds a message, and answered messages a second."""
        began, cpu = time.perf_counter(), self.cpu_s()
        await self.converse(prefix, count, at_once=at_once)
        return (self.cpu_s() - cpu) / count * 1000, count / (time.perf_counter() - began)


@asynccontextmanager
async def scene(
    *, settings: str = "", roles: Sequence[Role] = (), folder: Path | None = None, storage_url: str = ""
) -> AsyncIterator[Scene]:
    """Start a service, whole or in parts, on a scratch folder."""
    lift_open_files()
    async with DESK.platform() as platform, ScriptedModel(echo) as model:
        with tempfile.TemporaryDirectory() as scratch:
            text = settings + open_model(model.base_url) + DESK.settings(platform.api_base)
            async with Site(folder or Path(scratch), text, storage_url=storage_url) as site:
                platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
                pids = []
                for role in roles or (None,):
                    await site.start(role)
                    pids.append(site.pid(role))
                yield Scene(site, platform, model, tuple(psutil.Process(pid) for pid in pids))


def line(label: str, figure: float, unit: str, *, digits: int = 2, name: str = "") -> None:
    """Print one figure, and record it for the table under its name; without a name, under its label."""
    print(f"{label:<62}{figure:>10,.{digits}f} {unit}", flush=True)
    if record := os.environ.get(RECORD):
        with open(record, "a", encoding="utf-8") as file:
            file.write(json.dumps([name or label.strip(), figure]) + "\n")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
