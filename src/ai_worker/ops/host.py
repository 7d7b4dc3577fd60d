"""What this machine has left: processor, memory and the disk of the data folder."""

import asyncio
import os
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psutil

from ai_worker.foundation.clock import Clock

CPU_LIMIT = 85.0
MEMORY_LIMIT = 90.0
DISK_LIMIT = 80.0
"""Percent in use from which on a resource deserves a warning (operation targets of the product)."""

WINDOW_S = 60.0
"""Processor load is averaged over this: a second at full load is what processors are for."""

MIN_AGE_S = 1.0
"""A sample younger than this is given again: processor load over a shorter time says nothing."""


@dataclass(frozen=True, slots=True)
class HostSample:
    """One look at the machine. Sizes are bytes, shares are percent (0..100)."""

    cpu_percent: float
    """Over all cores, averaged over `cpu_window_s`."""

    cores: int
    load: float
    """Processes that ran or waited to run, averaged over one minute."""

    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    """Of the file system that holds the data folder; reserved blocks left out."""

    cpu_window_s: float = WINDOW_S
    """Seconds that `cpu_percent` speaks of: a minute, or less when the process is younger than that."""

    @property
    def memory_percent(self) -> float:
        """Share of memory that is not available to a new process."""
        return _percent(self.memory_used, self.memory_total)

    @property
    def disk_percent(self) -> float:
        """Share of the file system that is full."""
        return _percent(self.disk_used, self.disk_total)


class HostProbe(Protocol):
    """Looks at the machine."""

    async def sample(self) -> HostSample:
        """Return how the machine is doing now."""
        ...


class HostMetrics:
    """Looks at the machine at most once a second, however many ask."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._processor = deque([(clock.monotonic(), ProcessorTimes.now())], maxlen=int(WINDOW_S / MIN_AGE_S) + 1)
        self._latest: HostSample | None = None
        self._taken_at = 0.0
        self._taking = asyncio.Lock()

    async def sample(self) -> HostSample:
        """Return the latest sample, taking a new one if it is older than a second.

        The disk is asked in a thread: a hanging network file system must not stop the event loop.
        """
        async with self._taking:
            now = self._clock.monotonic()
            if self._latest is None or now - self._taken_at >= MIN_AGE_S:
                cpu_percent, window = self._processor_load(now)
                sample = await asyncio.to_thread(look, self._data_dir, cpu_percent)
                self._latest = replace(sample, cpu_window_s=window)
                self._taken_at = now
            return self._latest

    def _processor_load(self, now: float) -> tuple[float, float]:
        """Return the load in percent and the seconds that it speaks of, at most a little over a minute."""
        times = ProcessorTimes.now()
        while len(self._processor) > 1 and now - self._processor[1][0] >= WINDOW_S:
            self._processor.popleft()
        since, before = self._processor[0]
        self._processor.append((now, times))
        return times.percent_since(before), now - since


@dataclass(frozen=True, slots=True)
class ProcessorTimes:
    """Seconds that the processors were busy, and that there were, since the machine was started.

    psutil's own `cpu_percent` remembers the call before per thread, which a thread pool defeats.
    """

    busy: float
    total: float

    @classmethod
    def now(cls) -> "ProcessorTimes":
        """Return the times up to now."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Linux counts the time of guests in `user` and `nice` already.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(total - idle, total)

    def percent_since(self, before: "ProcessorTimes") -> float:
        """Return the busy share between `before` and this, in percent; 0 when no time has passed."""
        passed = self.total - before.total
        busy = 100.0 * (self.busy - before.busy) / passed if passed > 0 else 0.0
        return min(max(busy, 0.0), 100.0)


def look(data_dir: Path, cpu_percent: float) -> HostSample:
    """Return a sample with this processor load. Blocks for as long as the file system of `data_dir` does."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(data_dir))
    return HostSample(
        cpu_percent=cpu_percent,
        cores=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        disk_used=disk.used,
        disk_total=disk.used + disk.free,
    )


def _percent(used: int, total: int) -> float:
    return 100.0 * used / total if total else 0.0
