from datetime import timedelta
from pathlib import Path

from ai_worker.foundation.clock import FixedClock
from ai_worker.ops.host import HostMetrics, HostSample, ProcessorTimes


async def test_the_machine_is_looked_at_at_most_once_a_second(tmp_path: Path) -> None:
    clock = FixedClock()
    host = HostMetrics(tmp_path, clock=clock)

    first = await host.sample()
    clock.advance(timedelta(milliseconds=900))
    again = await host.sample()
    clock.advance(timedelta(milliseconds=200))
    later = await host.sample()

    assert again is first
    assert later is not first


async def test_a_sample_holds_this_machines_own_figures(tmp_path: Path) -> None:
    sample = await HostMetrics(tmp_path, clock=FixedClock()).sample()

    assert 0 <= sample.cpu_percent <= 100
    assert 0 < sample.memory_percent < 100
    assert 0 < sample.disk_used <= sample.disk_total
    assert sample.cores >= 1


def test_a_machine_without_a_disk_is_not_full() -> None:
    sample = HostSample(cpu_percent=1, cores=1, load=0, memory_used=1, memory_total=4, disk_used=0, disk_total=0)

    assert sample.disk_percent == 0
    assert sample.memory_percent == 25


def test_processor_load_is_the_busy_share_between_two_looks() -> None:
    assert ProcessorTimes(busy=141, total=300).percent_since(ProcessorTimes(busy=100, total=200)) == 41
    assert ProcessorTimes(busy=1, total=2).percent_since(ProcessorTimes(busy=1, total=2)) == 0


async def test_processor_load_says_over_how_long_it_was_averaged(tmp_path: Path) -> None:
    clock = FixedClock()
    host = HostMetrics(tmp_path, clock=clock)
    windows = []
    for _ in range(30):
        clock.advance(timedelta(seconds=5))
        windows.append((await host.sample()).cpu_window_s)

    assert windows[:3] == [5.0, 10.0, 15.0]
    assert set(windows[12:]) == {60.0}, "never more than about a minute is looked back at"
