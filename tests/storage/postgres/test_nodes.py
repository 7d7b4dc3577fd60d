"""Several nodes on one database: no conversation is worked twice, and a dead or sleeping node's work goes on."""

import asyncio
import os
import signal
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.pipeline.store import Claim, LeaseLost
from ai_worker.storage.postgres.database import PostgresDatabase
from ai_worker.storage.postgres.pipeline import PostgresPipelineStore
from tests.postgres import shared_server
from tests.storage.postgres.scene import Node, message, node, reply

RESUME_S = 15.0

SLEEPER = """
import asyncio, os, sys
from tests.storage.postgres.scene import message, node

async def main():
    async with node(sys.argv[1], "node-2") as me:
        (claim,) = await me.claim()
        print("claimed", flush=True)
        sys.stdin.readline()
        try:
            await me.finish(claim)
            print("finished", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)

asyncio.run(main())
"""


async def _answer(at: Node, answered: list[Claim], wanted: int) -> None:
    """Answer what is due until all is answered; what may be sent at once is sent at once."""
    while len(answered) < wanted:
        for claim in await at.claim(limit=5):
            due = await at.finish(claim)
            answered.append(claim)
            for sent in due:
                await at.settle(sent)


async def test_two_nodes_answer_everything_once_and_in_order() -> None:
    url = shared_server().url()
    answered = list[Claim]()
    async with node(url) as one, node(url, "node-2") as two:
        accepted = await asyncio.gather(*(at.store.accept(message(n)) for n in range(150) for at in (one, two)))

        async with asyncio.timeout(60):
            await asyncio.gather(*(_answer(at, answered, 150) for at in (one, two, one, two)))
            while left := await one.store.claim_outbound(owner="node-1", limit=99, now=datetime.now(UTC)):
                await asyncio.gather(*(one.settle(sent) for sent in left))
        states = dict(await one.database.fetch("SELECT state, count(*) FROM outbound GROUP BY 1"))

    assert sum(not each.duplicate for each in accepted) == 150
    assert Counter(claim.turn_id for claim in answered) == Counter({each.turn_id for each in accepted})
    assert states == {"delivered": 150}
    lanes = defaultdict[int, list[int]](list)
    for claim in answered:
        lanes[claim.conversation_id].append(claim.seq)
    assert all(seqs == sorted(seqs) for seqs in lanes.values())


async def test_the_same_message_at_two_nodes_at_once_is_one() -> None:
    url = shared_server().url()
    async with node(url) as one, node(url, "node-2") as two:
        for n in range(40):
            first, second = await asyncio.gather(*(at.store.accept(message(n, who=f"new-{n}")) for at in (one, two)))
            assert {first.duplicate, second.duplicate} == {False, True}
            assert first.turn_id == second.turn_id
        wrong = await one.database.fetch("SELECT id FROM conversation WHERE waiting <> 1")

    assert wrong == []


@pytest.mark.slow
async def test_a_paused_node_loses_its_conversation_in_time_and_keeps_nothing_when_it_wakes() -> None:
    url = shared_server().url()
    async with node(url) as at:
        await at.store.accept(message(0))
        sleeper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SLEEPER, url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert sleeper.stdin is not None
        assert sleeper.stdout is not None
        assert await sleeper.stdout.readline() == b"claimed\n"
        sleeper.send_signal(signal.SIGSTOP)

        async with asyncio.timeout(RESUME_S):
            while not (claims := await at.claim()):
                await asyncio.sleep(0.5)
        assert await at.finish(claims[0])

        sleeper.send_signal(signal.SIGCONT)
        sleeper.stdin.write(b"\n")
        assert await sleeper.stdout.readline() == b"LeaseLost\n"
        await sleeper.wait()
        assert await at.count("outbound") == 1


@pytest.mark.parametrize("off", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=95)])
async def test_a_node_whose_clock_is_wrong_neither_takes_nor_loses_a_lease(off: timedelta) -> None:
    url = shared_server().url()
    wrong = FixedClock(datetime.now(UTC) + off)
    async with node(url) as at:
        database = await PostgresDatabase.open(url, clock=wrong, node="node-2")
        strange = PostgresPipelineStore(database)
        await strange.accept(message(0, who="zhao"))
        await at.store.accept(message(1, who="qian"))
        (mine,) = await at.claim(limit=1)

        (theirs,) = await strange.claim(owner="node-2", limit=9, now=wrong.now())
        assert await strange.claim(owner="node-2", limit=9, now=wrong.now()) == []
        assert await at.claim() == []
        await strange.retry(theirs, error="模型超时", until=wrong.now() + timedelta(seconds=0.2))
        await at.finish(mine)

        async with asyncio.timeout(10):
            while not (again := await at.claim()):
                await asyncio.sleep(0.05)
        assert again[0].turn_id == theirs.turn_id
        await database.close()


async def test_a_living_node_keeps_its_lease_when_the_databases_clock_is_set_back() -> None:
    clock = FixedClock()
    url = shared_server().url()
    databases = [await PostgresDatabase.open(url, clock=clock, node=name, held=clock) for name in ("node-1", "node-2")]
    one, two = (Node(database, database.node) for database in databases)
    await one.store.accept(message(0))
    (claim,) = await one.claim()

    clock.advance(timedelta(hours=-2))
    for _ in range(6):
        assert await two.claim() == []
        clock.advance(timedelta(seconds=5))
        await one.store.renew([claim], now=clock.now())

    (sent,) = await one.finish(claim)
    for _ in range(6):
        assert await two.store.claim_outbound(owner="node-2", limit=9, now=clock.now()) == []
        clock.advance(timedelta(seconds=4))
        assert await one.store.renew_outbound([sent], now=clock.now())
    for database in databases:
        await database.close()


async def test_a_restarted_node_frees_its_own_and_nobody_elses() -> None:
    url = shared_server().url()
    async with node(url) as one, node(url, "node-2") as two:
        for number, who in enumerate(("zhao", "qian")):
            await one.store.accept(message(number, who=who))
        (lost,) = await one.claim(limit=1)
        (kept,) = await two.claim(limit=1)

        assert await one.store.recover(owner="next-run") == 2

        (again,) = await one.claim()
        assert again.turn_id == lost.turn_id
        assert await two.finish(kept)
        with pytest.raises(LeaseLost):
            await one.finish(lost)


async def test_the_word_of_a_sender_that_lost_its_row_is_ignored() -> None:
    clock = FixedClock()
    database = await PostgresDatabase.open(shared_server().url(), clock=clock, node="node-1", held=clock)
    at = Node(database, "node-1")
    await at.store.accept(message(0))
    (claim,) = await at.claim()
    await at.finish(claim)
    clock.advance(timedelta(seconds=13))
    (again,) = await at.store.claim_outbound(owner="node-2", limit=9, now=clock.now())
    assert (again.id, again.unsure) == (reply(claim).id, True)

    assert await at.store.renew_outbound([reply(claim)], now=clock.now()) == []
    await at.store.settle(reply(claim), "failed", now=clock.now())
    await at.store.postpone(reply(claim), until=clock.now(), error="太忙", unsure=False)

    assert await at.store.renew_outbound([again], now=clock.now()) == [again]
    assert await at.store.settle(again, "delivered", now=clock.now()) is False
    state = await database.first("SELECT state FROM outbound")
    assert state[0] == "delivered"
    await database.close()
