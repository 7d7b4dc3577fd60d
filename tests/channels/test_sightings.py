"""What a running service has seen, as another process reads it."""

from dataclasses import replace
from datetime import timedelta

from ai_worker.channels.contract import ChannelHealth
from ai_worker.channels.sightings import FRESH, Sightings, proofs, prove, sighting, unneeded
from ai_worker.foundation.clock import FixedClock
from tests.channels.store import temporary_store
from tests.console.world import DeskChannel


async def test_proofs_are_there_for_other_processes_and_after_a_restart() -> None:
    clock = FixedClock()
    store, now = temporary_store(clock), clock.now()
    desk = DeskChannel("desk", ChannelHealth("ready", last_inbound_at=now, proofs={"callback": now}))

    await Sightings({"desk": desk}, store, holds=True, clock=clock).note()
    desk.state = ChannelHealth("connecting")
    clock.advance(timedelta(days=3))
    await Sightings({"desk": desk}, store, holds=True, clock=clock).note()

    assert await proofs(store, "desk") == {"callback": now, "message": now}
    assert await proofs(store, "other") == {}


async def test_a_connection_that_stands_and_a_reply_that_went_out_are_proofs() -> None:
    clock = FixedClock()
    store, now = temporary_store(clock), clock.now()
    desk = DeskChannel("desk", ChannelHealth("ready", last_outbound_at=now, connected_at=now - timedelta(hours=1)))

    await Sightings({"desk": desk}, store, holds=True, clock=clock).note()

    assert await proofs(store, "desk") == {"reply": now, "connection": now - timedelta(hours=1)}


async def test_a_newer_proof_takes_the_place_of_the_older() -> None:
    clock = FixedClock()
    store = temporary_store(clock)
    await prove(store, "desk", "credentials", clock.now())
    clock.advance(timedelta(minutes=5))

    await prove(store, "desk", "credentials", clock.now())

    assert (await proofs(store, "desk"))["credentials"] == clock.now()


async def test_what_a_service_says_of_a_channel_counts_for_seconds_only() -> None:
    clock = FixedClock()
    store, now = temporary_store(clock), clock.now()
    health = ChannelHealth("down", "平台拒绝了连接", now, None, "errcode 40001", connected_at=now, displaced=True)
    sightings = Sightings({"desk": DeskChannel("desk", health)}, store, holds=True, clock=clock)

    await sightings.note()
    seen = await sighting(store, "desk")
    assert seen is not None
    assert (seen.at, seen.health) == (now, replace(health, proofs={}))

    clock.advance(FRESH - timedelta(seconds=1))
    await sightings.note()
    clock.advance(timedelta(seconds=2))
    assert await sighting(store, "desk") is not None, "the service goes on saying it"

    clock.advance(FRESH)
    assert await sighting(store, "desk") is None, "the service has died"


async def test_a_process_without_the_connections_keeps_proofs_and_does_not_say_how_they_are() -> None:
    clock = FixedClock()
    store = temporary_store(clock)
    desk = DeskChannel("desk", ChannelHealth("connecting", proofs={"callback": clock.now()}))

    await Sightings({"desk": desk}, store, holds=False, clock=clock).note()

    assert await sighting(store, "desk") is None
    assert await proofs(store, "desk") == {"callback": clock.now()}


def test_a_channel_that_is_called_back_needs_no_long_connection_nor_the_other_way_round() -> None:
    now = FixedClock().now()

    assert unneeded("connection", ChannelHealth("ready"))
    assert not unneeded("connection", ChannelHealth("connecting"))
    assert not unneeded("connection", ChannelHealth("ready", "connected from another node"))
    assert not unneeded("connection", ChannelHealth("ready", connected_at=now))
    assert not unneeded("callback", ChannelHealth("ready"))
    assert unneeded("callback", ChannelHealth("ready", connected_at=now))
    assert not unneeded("message", ChannelHealth("ready", connected_at=now))
