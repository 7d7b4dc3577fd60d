"""What a store costs: accept, claim, finish and settle, printed as CPU ms a message.

python benchmarks/store.py [--messages 20000] [--conversations 2000] [--tasks 500]
python benchmarks/store.py --postgres postgresql://USER@HOST/DB?schema=NAME    # a schema that may be thrown away
python -m benchmarks.store --postgres own                                       # on a server that it starts itself

CPU is this process's alone; the server's, where it is one of ours, is printed beside it.
"""

import argparse
import asyncio
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import uvloop
from tests.postgres import durable_server

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import Candidate, Step, TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.ids import derived_id
from ai_worker.knowledge.citation import Citation
from ai_worker.ops.stats import StatsStore
from ai_worker.pipeline.store import Claim, OutboundMessage, PipelineStore, StoreBusy
from ai_worker.storage.opening import open_stores

OWNER = "benchmark"
ANSWER = "七天无理由退货：收到商品之日起七天内，商品完好且不影响二次销售的，可以在订单页申请退货，运费由您承担。"
RESULT = TurnResult(
    decision="answer",
    reply=Reply(ANSWER),
    confidence=0.93,
    answer_id="faq-017",
    candidates=tuple(Candidate(f"faq-{n:03}", 0.9 - n / 10) for n in range(5)),
    citations=(Citation("faq-017", "faq.csv", "怎么退货", ANSWER[:40], 0.93),),
    steps=tuple(Step(name, 0.2) for name in ("understand", "retrieve", "decide", "compose", "guard")),
)


@dataclass
class Timing:
    """Wall-clock seconds of one kind of call."""

    seconds: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Return median and 99th percentile for printing."""
        ordered = sorted(self.seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
        return f"p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   {len(ordered)} calls"


def message(n: int, conversations: int) -> InboundMessage:
    who = f"user-{n % conversations}"
    return InboundMessage(
        channel="service-desk",
        message_id=f"m-{n}",
        conversation_key=who,
        contact=Contact(who, "王芳"),
        text=f"你好，我上周买的东西想退货，订单 {n}，怎么办理？",
        received_at=datetime.now(UTC),
        address={"touser": who, "agentid": "1000002"},
    )


def reply(claim: Claim) -> OutboundMessage:
    now = datetime.now(UTC)
    return OutboundMessage(
        id=derived_id("r", claim.turn_id, "reply"),
        turn_id=claim.turn_id,
        conversation_id=claim.conversation_id,
        channel=claim.message.channel,
        address=claim.message.address,
        kind="reply",
        reply=Reply(ANSWER),
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


async def _accepted(store: PipelineStore, made: InboundMessage) -> None:
    """Accept a message, again where the store was too busy for its two seconds, as a platform would."""
    while True:
        try:
            await store.accept(made)
        except StoreBusy:
            await asyncio.sleep(0.1)
        else:
            return


async def accept_all(store: PipelineStore, total: int, conversations: int, tasks: int, timing: Timing) -> None:
    numbers = deque(range(total))

    async def door() -> None:
        while numbers:
            made = message(numbers.popleft(), conversations)
            started = time.perf_counter()
            await _accepted(store, made)
            timing.seconds.append(time.perf_counter() - started)

    await asyncio.gather(*(door() for _ in range(tasks)))


async def answer_all(store: PipelineStore, total: int, tasks: int, timing: Timing) -> None:
    slots = asyncio.Semaphore(tasks)
    done = 0

    async def turn(claim: Claim) -> None:
        nonlocal done
        started = time.perf_counter()
        sent = reply(claim)
        await store.finish(claim, RESULT, [sent], now=datetime.now(UTC), response_ms=12.0)
        timing.seconds.append(time.perf_counter() - started)
        await store.settle(sent, "delivered", now=datetime.now(UTC))
        done += 1
        slots.release()

    async with asyncio.TaskGroup() as group:
        while done < total:
            await slots.acquire()
            slots.release()
            for claim in await store.claim(owner=OWNER, limit=min(256, slots._value), now=datetime.now(UTC)):
                await slots.acquire()
                group.create_task(turn(claim))
            await asyncio.sleep(0.001)


async def measure(url: str, folder: Path, total: int, conversations: int, tasks: int) -> None:
    async with open_stores(url, data_dir=folder, clock=SystemClock()) as stores:
        accepts, finishes = Timing(), Timing()
        cpu, wall, server = time.process_time(), time.perf_counter(), _others_cpu()
        async with asyncio.TaskGroup() as group:
            group.create_task(accept_all(stores.pipeline, total, conversations, tasks, accepts))
            group.create_task(answer_all(stores.pipeline, total, tasks, finishes))
        cpu, wall, server = time.process_time() - cpu, time.perf_counter() - wall, _others_cpu() - server
        print(f"accept + claim + finish + settle, {total} messages, {conversations} conversations, {tasks} tasks")
        print(f"  {cpu / total * 1000:.3f} CPU ms a message   {total / wall:,.0f} messages/s   {wall:.1f} s")
        if server:
            print(f"  {server / total * 1000:.3f} CPU ms a message in the server")
        print(f"  accept  {accepts.line()}")
        print(f"  finish  {finishes.line()}")
        await measure_sums(stores.stats)
    if (file := folder / "store.db").exists():
        print(f"  file    {file.stat().st_size / total:,.0f} bytes a message")


def _others_cpu() -> float:
    """Return the CPU seconds of the processes of a server that this one has started."""
    family = psutil.Process().children(recursive=True)
    return sum(sum(process.cpu_times()[:2]) for process in family)


async def measure_sums(stats: StatsStore) -> None:
    now = datetime.now(UTC)
    cpu = time.process_time()
    await stats.service(since=now - timedelta(hours=23), until=now)
    print(f"  sums    {(time.process_time() - cpu) * 1000:.1f} CPU ms for one look at 24 hours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--conversations", type=int, default=2_000)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--postgres", metavar="URL|own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = "sqlite:///store.db"
        if given.postgres == "own":
            url = stack.enter_context(durable_server()).url("benchmark")
        elif given.postgres:
            url = given.postgres
        uvloop.run(measure(url, Path(folder), given.messages, given.conversations, given.tasks))


if __name__ == "__main__":
    main()
