"""From the door through Kafka into the store."""

import asyncio
import json

from ai_worker.foundation.ids import derived_id
from ai_worker.queue.aside import FILE
from tests.queue.world import World, at_work, message, until


async def test_a_message_reaches_the_store_once_and_in_order(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        for number in range(5):
            await asyncio.gather(
                *(queued.accept(message(f"第 {number} 句", who=f"contact-{who}")) for who in range(40))
            )
        stored = await world.until_stored(200)

    assert stored == {f"contact-{who}": [f"第 {number} 句" for number in range(5)] for who in range(40)}


async def test_many_at_once_of_one_conversation_keep_their_order(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        await asyncio.gather(*(queued.accept(message(f"第 {number} 句")) for number in range(500)))
        stored = await world.until_stored(500)

    assert stored == {"wang-fang": [f"第 {number} 句" for number in range(500)]}


async def test_the_turn_that_the_sender_was_told_is_the_turn_in_the_store(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        accepted = await queued.accept(message("能退货吗"))
        await world.until_stored(1)

    (claim,) = await world.store.claim(owner="runner", limit=1, now=message("x").received_at)
    assert claim.turn_id == accepted.turn_id == derived_id("t", "service-desk", "wang-fang/能退货吗")
    assert claim.message.text == "能退货吗"
    assert claim.message.worker == "xiaozhi"


async def test_a_repeat_has_the_same_turn_and_is_stored_once(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        turns = {(await queued.accept(message("能退货吗"))).turn_id for _ in range(4)}
        await until(lambda: len(world.duplicates) == 3)

    assert len(turns) == 1
    assert await world.stored() == {"wang-fang": ["能退货吗"]}


async def test_what_is_no_message_is_set_aside_and_blocks_nobody(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        for value in (b"\xff\xfe", b"{", b"[]", b'{"channel": "service-desk"}', b"[" * 100_000):
            world.put(value)
        for who in range(8):  # some of them in the same partition
            await queued.accept(message("还在吗", who=f"contact-{who}"))
        await world.until_stored(8)
        await until(lambda: len(world.aside) == 5)

    lines = [json.loads(line) for line in (world.folder / FILE).read_text().splitlines()]
    assert {line["reason"] for line in lines} == {"the record is not JSON", "the record is JSON, but no message"}
    assert sorted((line["partition"], line["offset"]) for line in lines) == sorted(
        (fact.partition, fact.offset) for fact in world.aside
    )
    assert world.committed() == 13


async def test_another_message_under_a_known_id_is_set_aside(world: World) -> None:
    queued, reader = world.queued(), world.reader()
    async with at_work(queued.run(), reader.run()):
        await until(lambda: queued.healthy)
        await queued.accept(message("第一", message_id="m1", digest="a"))
        await queued.accept(message("第二", message_id="m1", digest="b"))
        await until(lambda: world.aside)

    assert [fact.reason for fact in world.aside] == ["message.id_reused"]
    assert await world.stored() == {"wang-fang": ["第一"]}
