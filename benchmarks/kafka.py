"""What Kafka in front of the store adds to a message: CPU of the service, and time until it is stored.

    python -m benchmarks.kafka [BOOTSTRAP_SERVERS] [--quick]

Without servers, librdkafka's mock cluster is started as a process of its own; it is no Kafka, so
its times say little, while the CPU of our service is our own. The same load goes through the same
service without and with the queue, in turn; what the queue adds is the median of these pairs.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

import psutil

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import ScriptedModel
from benchmarks.scene import line

MESSAGES = 2_000
AT_ONCE = 100
ROUNDS = 3
DESK = WecomApplication()
SERVE = """
import sys
from confluent_kafka.admin import AdminClient
cluster = AdminClient({"test.mock.num.brokers": 3})
found = cluster.list_topics(timeout=10).brokers.values()
print(",".join(f"{each.host}:{each.port}" for each in found), flush=True)
sys.stdin.read()
"""


@contextmanager
def mock_cluster() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="?", help="a real cluster; without, a mock cluster is started")
    parser.add_argument("--quick", action="store_true", help="one pair: shows that it works, measures little")
    given = parser.parse_args()
    rounds = 1 if given.quick else ROUNDS
    if given.servers:
        asyncio.run(_compare(given.servers, "Kafka", rounds))
        return
    with mock_cluster() as servers:
        asyncio.run(_compare(servers, "librdkafka's mock cluster", rounds))


async def _compare(servers: str, name: str, rounds: int) -> None:
    plain, queued = [], []
    for _ in range(rounds):
        plain.append(await _run(""))
        queued.append(await _run(_queue(servers)))
    print(f"{MESSAGES} messages, {AT_ONCE} in flight, callback → instant model → message/send; {rounds} pairs in turn")
    line("without a queue", median(each[0] for each in plain), "ms CPU", name="kafka_without_ms")
    line(f"with {name} before the store", median(each[0] for each in queued), "ms CPU", name="kafka_ms")
    added = median(with_queue[0] - without[0] for without, with_queue in zip(plain, queued, strict=True))
    line("added by the queue, median of the pairs", added, "ms CPU", name="kafka_added_ms")
    line("answered, without", median(each[1] for each in plain), "/s", digits=0)
    line("answered, with", median(each[1] for each in queued), "/s", digits=0, name="kafka_rate")
    line("one alone, acknowledged: without", median(each[2] for each in plain), "ms", digits=1)
    line("one alone, acknowledged: with", median(each[2] for each in queued), "ms", digits=1)
    line("idle, without", median(each[3] for each in plain), "% of a core", digits=1)
    line("idle, with", median(each[3] for each in queued), "% of a core", digits=1)


def _queue(servers: str) -> str:
    return f'[queue]\nkafka = "{servers}"\nkafka_topic = "benchmark-{uuid4().hex}"\n'


async def _run(queue: str) -> tuple[float, float, float, float]:
    """Return CPU ms a message, messages a second, ms until one alone is acknowledged, and idle CPU %."""
    async with DESK.platform() as platform, ScriptedModel("好的，已经登记。") as model:
        settings = open_model(model.base_url) + DESK.settings(platform.api_base) + queue
        with tempfile.TemporaryDirectory() as folder:
            async with Site(Path(folder), settings) as site:
                platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
                await site.start()
                assert site.process is not None
                service = psutil.Process(site.process.pid)
                await asyncio.sleep(5)  # the group assembles
                await _converse(platform, "warm", 200)
                alone = median([(await platform.say(f"alone{n}", "在吗")).seconds for n in range(30)]) * 1000
                await asyncio.sleep(2)
                cpu = _cpu_s(service)
                await asyncio.sleep(5)
                idle = (_cpu_s(service) - cpu) / 5 * 100
                began, cpu = time.perf_counter(), _cpu_s(service)
                await _converse(platform, "user", MESSAGES)
                seconds, cpu = time.perf_counter() - began, _cpu_s(service) - cpu
                await site.stop()
                return cpu / MESSAGES * 1000, MESSAGES / seconds, alone, idle


async def _converse(platform: SimulatedWecom, prefix: str, count: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            said = await platform.say(f"{prefix}{number}", f"请登记，编号 {number}")
            await platform.reply_to(said.user, after=said, timeout=60)

    await asyncio.gather(*(one(number) for number in range(count)))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
