"""What Kafka in front of the store adds to a message: CPU of the service, and time until it is stored.

    python -m benchmarks.kafka [BOOTSTRAP_SERVERS]

Without servers, librdkafka's mock cluster is started as a process of its own; it is no Kafka, so
its times say little, while the CPU of our service is our own. The same load goes through the same
service without and with the queue, in turn.
"""

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
    if len(sys.argv) > 1:
        asyncio.run(_compare(sys.argv[1], "Kafka"))
        return
    with mock_cluster() as servers:
        asyncio.run(_compare(servers, "librdkafka's mock cluster"))


async def _compare(servers: str, name: str) -> None:
    plain, queued = [], []
    for _ in range(ROUNDS):
        plain.append(await _run(""))
        queued.append(await _run(_queue(servers)))
    without, with_queue = median(each[0] for each in plain), median(each[0] for each in queued)
    print(f"{MESSAGES} messages, {AT_ONCE} in flight, callback → instant model → message/send; median of {ROUNDS}")
    print(f"{'without a queue':<50}{without:>8.2f} ms CPU a message")
    print(f"{f'with {name} before the store':<50}{with_queue:>8.2f} ms CPU a message")
    print(f"{'added by the queue':<50}{with_queue - without:>8.2f} ms CPU a message")
    print(f"{'answered, without':<50}{median(each[1] for each in plain):>8.0f} a second")
    print(f"{'answered, with':<50}{median(each[1] for each in queued):>8.0f} a second")
    print(f"{'one alone, acknowledged: without':<50}{median(each[2] for each in plain):>8.1f} ms")
    print(f"{'one alone, acknowledged: with':<50}{median(each[2] for each in queued):>8.1f} ms")
    print(f"{'idle, without':<50}{median(each[3] for each in plain):>8.1f} % of a core")
    print(f"{'idle, with':<50}{median(each[3] for each in queued):>8.1f} % of a core")


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
