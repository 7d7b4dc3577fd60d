"""What every key store promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from ai_worker.keys.store import StoredKey
from tests.contract.material import Stores


def _key(stores: Stores, name: str = "k1") -> StoredKey:
    return StoredKey(
        id=name,
        name="官网",
        verifier=bytes(range(32)),
        scopes=("chat", "knowledge"),
        networks=("10.0.0.0/8", "::1/128"),
        created_at=stores.clock.now(),
        expires_at=stores.clock.now() + timedelta(days=90),
    )


async def test_a_key_comes_back_as_it_was_put(stores: Stores) -> None:
    key = _key(stores)

    await stores.keys.put(key)

    assert await stores.keys.by_id("k1") == key
    assert await stores.keys.by_id("k2") is None


async def test_a_key_put_again_replaces_the_old_one(stores: Stores) -> None:
    await stores.keys.put(_key(stores))
    revoked = replace(_key(stores), revoked_at=stores.clock.now())

    await stores.keys.put(revoked)

    assert await stores.keys.keys() == [revoked]


async def test_keys_are_listed_newest_first(stores: Stores) -> None:
    for name in ("k1", "k2", "k3"):
        await stores.keys.put(_key(stores, name))
        stores.clock.advance(timedelta(seconds=1))

    assert [key.id for key in await stores.keys.keys()] == ["k3", "k2", "k1"]


async def test_a_use_is_recorded(stores: Stores) -> None:
    await stores.keys.put(_key(stores))
    await stores.keys.used("k1", stores.clock.now(), "10.0.0.7")
    await stores.keys.used("gone", stores.clock.now(), "10.0.0.7")

    (key,) = await stores.keys.keys()
    assert (key.last_used_at, key.last_used_from) == (stores.clock.now(), "10.0.0.7")


async def test_of_many_at_once_one_uses_a_link_up(stores: Stores) -> None:
    await stores.keys.put_link(b"digest", stores.clock.now() + timedelta(minutes=10))

    taken = await asyncio.gather(*(stores.keys.take_link(b"digest", stores.clock.now()) for _ in range(20)))

    assert sum(taken) == 1
    assert not await stores.keys.take_link(b"digest", stores.clock.now())


async def test_a_link_that_is_unknown_or_too_old_opens_nothing(stores: Stores) -> None:
    await stores.keys.put_link(b"digest", stores.clock.now() + timedelta(minutes=10))
    stores.clock.advance(timedelta(minutes=10))

    assert not await stores.keys.take_link(b"digest", stores.clock.now())
    assert not await stores.keys.take_link(b"another", stores.clock.now())
