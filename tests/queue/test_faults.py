"""What goes wrong around the queue: members that die, brokers that go away, a store that is busy."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ai_worker.conversation.message import InboundMessage
from ai_worker.pipeline.inbox import Intake
from ai_worker.pipeline.store import Accepted, StoreBusy
from ai_worker.queue.sender import QueueBusy, Sender
from ai_worker.queue.transit import Transit
from tests.queue.brokers import MockCluster
from tests.queue.world import World, at_work, message, until, world_on

pytestmark = pytest.mark.slow


@dataclass
class Door:
    """An intake before the inbox that can be shut, as a database that is busy."""

    inbox: Intake
    open: bool = True
    tried: int = 0
    taken: list[str] = field(default_factory=list)

    async def accept(self, message: InboundMessage) -> Accepted:
        self.tried += 1
        if not self.open:
            raise StoreBusy("the database is locked", retry_after=0.05)
        accepted = await self.inbox.accept(message)
        self.taken.append(message.text)
        return accepted


@contextmanager
def paused(mock: MockCluster) -> Iterator[None]:
    """Let the brokers neither answer nor hang up."""
    mock.process.send_signal(signal.SIGSTOP)
    while not _stopped(mock.process.pid):  # until then it still answers
        time.sleep(0.001)
    try:
        yield
    finally:
        mock.process.send_signal(signal.SIGCONT)


def _stopped(pid: int) -> bool:
    """Return whether every thread of a process has come to its stop; see `man 5 proc_pid_stat`."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


async def test_an_offset_is_never_committed_before_the_inbox_commit(world: World) -> None:
    door = Door(world.inbox, open=False)
    queued, reader = world.queued(), world.reader(inbox=door)
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        await queued.accept(message("能退货吗"))
        await until(lambda: door.tried >= 5)
        assert await asyncio.to_thread(world.committed) == 0
    assert await asyncio.to_thread(world.committed) == 0  # a clean stop commits no more than that

    async with at_work(world.reader().run()):
        assert await world.until_stored(1) == {"wang-fang": ["能退货吗"]}
        async with asyncio.timeout(10):
            while await asyncio.to_thread(world.committed) < 1:
                await asyncio.sleep(0.1)


@dataclass
class Fickle:
    """An intake that refuses every third message when it first sees it."""

    inbox: Intake
    seen: set[str] = field(default_factory=set)

    async def accept(self, message: InboundMessage) -> Accepted:
        new = message.text not in self.seen
        self.seen.add(message.text)
        if new and len(self.seen) % 3 == 0:
            raise StoreBusy("the database is locked", retry_after=0.02)
        return await self.inbox.accept(message)


async def test_a_busy_store_keeps_the_order(world: World) -> None:
    queued = world.queued()
    async with at_work(queued.run()):
        await until(lambda: queued.healthy)
        await asyncio.gather(*(queued.accept(message(f"第 {number} 句")) for number in range(60)))
        async with at_work(world.reader(inbox=Fickle(world.inbox)).run()):
            stored = await world.until_stored(60)

    assert stored == {"wang-fang": [f"第 {number} 句" for number in range(60)]}
    assert not world.duplicates


async def test_members_that_come_and_go_under_load_lose_double_and_reorder_nothing(world: World) -> None:
    """Two consumers of one group over one store; one leaves, another joins, while messages come in."""
    queued = world.queued()
    members = [asyncio.create_task(world.reader().run())]
    async with at_work(queued.run()):
        await until(lambda: queued.healthy)

        async def say(who: int) -> None:
            for number in range(60):
                await queued.accept(message(f"第 {number} 句", who=f"contact-{who}"))
                await asyncio.sleep(0.1)

        saying = asyncio.gather(*(say(who) for who in range(30)))
        await asyncio.sleep(1.5)
        members.append(asyncio.create_task(world.reader().run()))
        await asyncio.sleep(2)
        members[0].cancel()
        await asyncio.gather(members[0], return_exceptions=True)
        members.append(asyncio.create_task(world.reader().run()))
        await saying
        stored = await world.until_stored(1_800, seconds=40)
        for member in members:
            member.cancel()
        await asyncio.gather(*members, return_exceptions=True)

    assert stored == {f"contact-{who}": [f"第 {number} 句" for number in range(60)] for who in range(30)}


MEMBER = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.queue.world import world_on

class Deadly:
    def __init__(self, inbox, after): self.inbox, self.after, self.left = inbox, after, 25
    async def accept(self, message):
        self.left -= 1
        if not self.left and not self.after: os.kill(os.getpid(), signal.SIGKILL)
        accepted = await self.inbox.accept(message)
        if self.left <= 0: os.kill(os.getpid(), signal.SIGKILL)
        return accepted

async def main(folder, servers, topic, when):
    async with world_on(Path(folder), servers, topic) as world:
        await world.reader(inbox=Deadly(world.inbox, when == "after")).run()

asyncio.run(main(*sys.argv[1:]))
"""
"""A member that kills itself right before, or right after, the inbox commit of its 25th message."""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_member_killed_around_the_inbox_commit_loses_and_doubles_nothing(world: World, when: str) -> None:
    queued = world.queued()
    async with at_work(queued.run()):
        await until(lambda: queued.healthy)
        for number in range(10):
            await asyncio.gather(*(queued.accept(message(f"第 {number} 句", who=f"contact-{n}")) for n in range(10)))
    words = (str(world.folder), world.servers, world.topic, when)
    member = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MEMBER, *words), cwd=Path(__file__).parents[2], env=dict(os.environ)
    )
    assert await asyncio.wait_for(member.wait(), 30) == -signal.SIGKILL
    before = sum(map(len, (await world.stored()).values()))
    assert await asyncio.to_thread(world.committed) <= before < 100

    async with at_work(world.reader().run()):
        stored = await world.until_stored(100)

    assert stored == {f"contact-{n}": [f"第 {number} 句" for number in range(10)] for n in range(10)}


async def test_a_mock_broker_that_is_silent_is_passed_by_and_order_holds(
    mock: MockCluster, tmp_path: Path, topic: str
) -> None:
    async with world_on(tmp_path, mock.servers, topic) as world:
        transit = Transit()
        queued, reader = world.queued(transit=transit), world.reader(transit=transit)
        async with at_work(queued.run(), reader.run()):
            await until(lambda: queued.healthy and queued.accepting and transit.known)
            await queued.accept(message("断开以前"))
            await world.until_stored(1)
            with paused(mock):
                under_way = [asyncio.create_task(queued.accept(message(f"断开时 {n}"))) for n in range(20)]
                taken = await asyncio.gather(*under_way)
                assert not queued.healthy
                later = await queued.accept(message("断开以后"))
            assert {one.conversation_id for one in (*taken, later)} == {1}  # they are in the store already
            await until(lambda: queued.healthy)
            back = await queued.accept(message("恢复以后"))
            assert back.conversation_id == 0
            stored = await world.until_stored(23)

    assert stored == {"wang-fang": ["断开以前", *(f"断开时 {n}" for n in range(20)), "断开以后", "恢复以后"]}


async def test_messages_that_come_while_a_mock_broker_falls_silent_keep_their_order(
    mock: MockCluster, tmp_path: Path, topic: str
) -> None:
    async with world_on(tmp_path, mock.servers, topic) as world:
        transit = Transit()
        queued, reader = world.queued(transit=transit), world.reader(transit=transit)
        async with at_work(queued.run(), reader.run()):
            await until(lambda: queued.healthy and transit.known)
            coming: list[asyncio.Task[Accepted]] = []

            def say() -> None:
                coming.append(asyncio.create_task(queued.accept(message(f"{len(coming):06}"))))

            with paused(mock):
                say()
                await asyncio.sleep(1.0)
                while queued.healthy:  # one in every turn of the event loop, the fatal one too
                    say()
                    await asyncio.sleep(0)
                for _ in range(50):
                    say()
                ended = await asyncio.gather(*coming, return_exceptions=True)
            stored = await world.stored()

    taken = [f"{number:06}" for number, one in enumerate(ended) if isinstance(one, Accepted)]
    assert len(taken) > 50
    assert [text for text in stored["wang-fang"] if text in set(taken)] == taken


async def test_nothing_overtakes_what_a_silent_mock_broker_has_kept(
    mock: MockCluster, tmp_path: Path, topic: str
) -> None:
    async with world_on(tmp_path, mock.servers, topic) as world:
        transit = Transit()
        door = Door(world.inbox)
        queued, reader = world.queued(transit=transit), world.reader(transit=transit, inbox=door)
        async with at_work(queued.run(), reader.run()):
            await until(lambda: queued.healthy and transit.known)
            door.open = False
            await queued.accept(message("先说的", who="li-na"))
            with paused(mock):
                with pytest.raises(QueueBusy):
                    await queued.accept(message("后说的", who="li-na"))
                assert (await queued.accept(message("别人说的", who="zhao-lei"))).conversation_id
            door.open = True
            await until(lambda: queued.healthy)
            await queued.accept(message("后说的", who="li-na"))
            stored = await world.until_stored(3)

    assert stored == {"zhao-lei": ["别人说的"], "li-na": ["先说的", "后说的"]}


async def test_where_others_feed_the_queue_too_nothing_goes_past_a_silent_mock_broker(
    mock: MockCluster, tmp_path: Path, topic: str
) -> None:
    async with world_on(tmp_path, mock.servers, topic) as world:
        queued = world.queued(transit=None)
        async with at_work(queued.run()):
            await until(lambda: queued.healthy)
            with paused(mock):
                for _ in range(2):
                    with pytest.raises(QueueBusy):
                        await queued.accept(message("在吗"))
                assert not queued.accepting
            await until(lambda: queued.healthy)
            await queued.accept(message("在吗"))
            async with at_work(world.reader().run()):
                assert await world.until_stored(1) == {"wang-fang": ["在吗"]}


async def test_a_member_that_starts_while_brokers_are_away_refuses_until_it_knows_what_they_hold(
    tmp_path: Path, topic: str
) -> None:
    async with world_on(tmp_path, "127.0.0.1:1", topic) as world:
        transit = Transit()
        queued, reader = world.queued(transit=transit), world.reader(transit=transit)
        async with at_work(queued.run(), reader.run()):
            with pytest.raises(QueueBusy):
                await queued.accept(message("在吗"))
            assert not queued.accepting
    assert await _gone("kafka-")


async def _gone(prefix: str) -> bool:
    import threading

    await until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(prefix)])
    return True


async def test_a_mock_cluster_killed_under_load_loses_nothing_that_was_accepted(
    mock: MockCluster, tmp_path: Path, topic: str
) -> None:
    """Its records die with it, as a real cluster's would not; so all had been read before."""
    async with world_on(tmp_path, mock.servers, topic) as world:
        transit = Transit()
        queued, reader = world.queued(transit=transit), world.reader(transit=transit)
        async with at_work(queued.run(), reader.run()):
            await until(lambda: queued.healthy and transit.known)
            for number in range(100):
                await queued.accept(message(f"第 {number} 句", who=f"contact-{number % 10}"))
            await world.until_stored(100)
            mock.process.kill()
            for number in range(100, 200):
                await queued.accept(message(f"第 {number} 句", who=f"contact-{number % 10}"))
            stored = await world.stored()

    assert stored == {f"contact-{n}": [f"第 {number} 句" for number in range(n, 200, 10)] for n in range(10)}


async def test_a_full_queue_refuses(world: World) -> None:
    options = world.options(**{"queue.buffering.max.messages": "3", "linger.ms": "1000"})
    sender = Sender(options, on_broken=lambda: None)
    try:
        await sender.connect()
        under_way = [sender.send(b"k", b"{}") for _ in range(3)]
        with pytest.raises(QueueBusy):
            sender.send(b"k", b"{}")
        await asyncio.wait(under_way)
    finally:
        await sender.close()
