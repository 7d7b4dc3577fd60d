"""The server restarts, dies, is cut off or is full of other people's locks: nothing confirmed is lost, and it heals."""

import asyncio
import signal
from collections.abc import Iterator
from functools import partial

import asyncpg
import pytest

from ai_worker.foundation.clock import SystemClock
from ai_worker.pipeline.store import Heard, StoreBusy
from ai_worker.storage.postgres.connect import DEADLINE_S, Contended
from tests.postgres import Server, own_server, shared_server
from tests.storage.postgres.proxy import wire
from tests.storage.postgres.scene import Node, message, node, until_it_works

SLACK_S = 1.5
"""How much later than its deadline a call may end on a machine that has other things to do."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own."""
    made = own_server()
    yield made
    made.remove()


async def _accept_many(at: Node, first: int, count: int) -> set[str]:
    """Accept messages, each again until it is confirmed; return their turns."""
    numbers = iter(range(first, first + count))
    turns = set()

    async def door() -> None:
        for number in numbers:
            accepted = await until_it_works(partial(at.store.accept, message(number)))
            turns.add(accepted.turn_id)

    await asyncio.gather(*(door() for _ in range(20)))
    return turns


async def test_backends_that_are_ended_lose_nothing_that_was_confirmed() -> None:
    url = shared_server().url()
    async with node(url) as at:
        accepting = asyncio.create_task(_accept_many(at, 0, 300))
        admin = await asyncpg.connect(url.partition("?")[0])
        while not accepting.done():
            await asyncio.sleep(0.1)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ai-worker'"
            )
        await admin.close()

        turns = await accepting

        assert len(turns) == await until_it_works(partial(at.count, "inbound")) == 300


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_restarted_server_is_found_again_and_has_everything(server: Server, how: signal.Signals) -> None:
    async with node(server.url()) as at:
        before = await _accept_many(at, 0, 50)
        await asyncio.to_thread(server.stop, how)
        with pytest.raises(StoreBusy):
            await at.store.accept(message(50))

        await asyncio.to_thread(server.start)

        after = await _accept_many(at, 0, 100)
        assert before < after
        assert len(after) == await at.count("inbound") == 100


async def test_a_wire_that_is_cut_in_the_middle_of_a_commit_ends_within_the_deadline() -> None:
    server = shared_server()
    async with wire(server.port) as line, node(server.url(port=line.port)) as at:
        await at.store.accept(message(0))
        line.before = lambda data: b"COMMIT" in data

        async with asyncio.timeout(at.database.accept_deadline_s + SLACK_S):
            with pytest.raises(StoreBusy):
                await at.store.accept(message(1))

        assert line.silent, "the cut must have been inside the commit"
        line.heal()
        assert not (await until_it_works(partial(at.store.accept, message(1)))).duplicate
        assert (await at.store.accept(message(1))).duplicate
        assert await at.count("inbound") == 2


async def test_every_call_ends_within_the_deadline_when_the_server_says_nothing() -> None:
    server = shared_server()
    async with wire(server.port) as line, node(server.url(port=line.port)) as at:
        await at.store.accept(message(0))
        (claim,) = await at.claim()
        line.silent = True
        calls = [at.finish(claim), at.claim(), at.store.next_due(now=SystemClock().now()), at.database.check()]

        async with asyncio.timeout(DEADLINE_S + SLACK_S):
            outcomes = await asyncio.gather(*calls, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 4
        line.heal()
        assert await until_it_works(partial(at.finish, claim))


async def test_a_row_that_another_node_holds_stops_its_own_conversation_alone() -> None:
    url = shared_server().url()
    async with node(url) as at, node(url, "node-2") as other:
        await at.store.accept(message(0, who="zhao"))
        async with other.database.transaction() as connection:
            await connection.execute("SELECT FROM conversation FOR UPDATE")

            outcomes = await asyncio.gather(
                *(at.store.accept(message(n, who=who)) for n, who in enumerate(("qian", "zhao", "sun"), start=1)),
                return_exceptions=True,
            )

        assert [type(one).__name__ for one in outcomes] == ["Accepted", "Contended", "Accepted"]
        assert issubclass(Contended, StoreBusy)
        assert not (await at.store.accept(message(2, who="zhao"))).duplicate


async def test_a_value_that_cannot_be_kept_fails_its_caller_alone() -> None:
    async with node(shared_server().url()) as at:
        endless = message(1, who="x" * 9_000 + "".join(chr(0x4E00 + n) for n in range(5_000)))

        outcomes = await asyncio.gather(
            at.store.accept(message(0)),
            at.store.accept(endless),
            at.store.accept(message(2, text="有个\0字符")),
            return_exceptions=True,
        )

        assert [type(one).__name__ for one in outcomes] == ["Accepted", "Unstorable", "Accepted"]
        assert await at.count("inbound") == 2
        record = await at.database.first("SELECT text FROM inbound WHERE message_id = 'm-2'")
        assert record[0] == "有个字符"


async def test_a_listener_hears_what_others_do_and_not_what_it_does_itself() -> None:
    url = shared_server().url()
    async with node(url) as at, node(url, "node-2") as other:
        heard = list[Heard]()
        listening = asyncio.create_task(at.store.watch(heard.append))
        mine = asyncio.create_task(other.store.watch(list[Heard]().append))
        await asyncio.sleep(0.3)
        await at.store.accept(message(0))
        assert heard == []

        (claim,) = await other.claim()
        await other.finish(claim)
        await other.store.accept(message(1))

        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
        assert set(heard) == {Heard("turn", claim.conversation_id, claim.turn_id), Heard("work")}
        for task in (listening, mine):
            task.cancel()
        await asyncio.gather(listening, mine, return_exceptions=True)


async def test_a_listener_is_told_that_its_wire_was_cut() -> None:
    server = shared_server()
    async with wire(server.port) as line, node(server.url(port=line.port)) as at:
        listening = asyncio.create_task(at.store.watch(lambda _heard: None))
        await asyncio.sleep(0.3)
        line.silent = True

        with pytest.raises(StoreBusy):
            await asyncio.wait_for(listening, DEADLINE_S + 2 * SLACK_S)


async def test_closing_finishes_what_waits_and_refuses_what_comes_later() -> None:
    url = shared_server().url()
    async with node(url) as at:
        waiting = [asyncio.ensure_future(at.store.accept(message(n))) for n in range(200)]
        await asyncio.sleep(0)
        await at.store.close()
        assert len(await asyncio.gather(*waiting)) == 200
        with pytest.raises(StoreBusy):
            await at.store.accept(message(201))
