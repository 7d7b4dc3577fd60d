"""What every key store promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from ai_worker.keys.store import PepperRequest, StoredKey
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


async def test_the_first_check_of_a_pepper_counts(stores: Stores) -> None:
    assert await stores.joining.agreed() is None

    assert await stores.joining.agree(b"first") == b"first"
    assert await stores.joining.agree(b"second") == b"first"
    assert await stores.joining.agreed() == b"first"


async def test_a_request_is_answered_once_and_its_answer_taken_once(stores: Stores) -> None:
    now = stores.clock.now()
    one, two = (PepperRequest(name, bytes(32), now) for name in ("one", "two"))
    for request in (one, two):
        await stores.joining.ask(request, forget_before=now)

    await stores.joining.answer("one", b"sealed")
    await stores.joining.answer("one", b"another")
    await stores.joining.answer("gone", b"sealed")

    assert await stores.joining.asked(since=now) == [two]
    assert await stores.joining.asked(since=now + timedelta(seconds=1)) == []
    assert await stores.joining.take_answer("two") is None
    assert [await stores.joining.take_answer("one") for _ in range(2)] == [b"sealed", None]


async def test_old_requests_are_forgotten_with_their_answers(stores: Stores) -> None:
    now = stores.clock.now()
    await stores.joining.ask(PepperRequest("old", bytes(32), now), forget_before=now)
    await stores.joining.answer("old", b"sealed")

    later = now + timedelta(minutes=2)
    await stores.joining.ask(PepperRequest("new", bytes(32), later), forget_before=later)

    assert await stores.joining.take_answer("old") is None
