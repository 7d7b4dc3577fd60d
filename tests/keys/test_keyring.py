import asyncio
import base64
import zlib
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from ai_worker.keys.key import base62, id_of, new_key
from ai_worker.keys.keyring import Keyring, NoSuchKey
from ai_worker.keys.network import BadNetwork
from ai_worker.keys.refusals import (
    AddressDenied,
    BadKeyRequest,
    KeyExpired,
    KeyRevoked,
    ScopeDenied,
    TooManyFailures,
    Unauthenticated,
)
from ai_worker.storage.sqlite.keys import SqliteKeyStore
from tests.keys.conftest import PEPPER

HOME = "127.0.0.1"
ENV = Secret("correct-horse-battery-staple-0123456789")


async def test_a_new_key_opens_what_it_is_for(keyring: Keyring) -> None:
    key, secret = await keyring.create("erp", scopes=["chat"])

    assert await keyring.authenticate(secret.reveal(), address=HOME, scope="chat") == key
    with pytest.raises(ScopeDenied):
        await keyring.authenticate(secret.reveal(), address=HOME, scope="knowledge")


async def test_an_administrator_may_do_everything(keyring: Keyring) -> None:
    key, secret = await keyring.create("ops", scopes=["admin"])

    assert await keyring.authenticate(secret.reveal(), address=HOME, scope="knowledge") == key


async def test_without_words_a_key_is_for_loopback_and_private_addresses_and_90_days(keyring: Keyring) -> None:
    key, _ = await keyring.create("erp")

    assert key.scopes == ("chat", "knowledge", "feedback")
    assert key.networks == ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
    assert key.expires_at - key.created_at == timedelta(days=90)


async def test_the_store_never_sees_the_secret(keyring: Keyring, store: SqliteKeyStore) -> None:
    key, secret = await keyring.create("erp")

    kept = repr(await store.by_id(key.id))
    assert secret.reveal() not in kept
    assert secret.reveal()[22:] not in kept


async def test_the_pepper_is_part_of_the_lock(keyring: Keyring, store: SqliteKeyStore, clock: FixedClock) -> None:
    _, secret = await keyring.create("erp")
    other = Keyring(store, pepper=PEPPER[::-1], clock=clock)

    with capture_logs() as said, pytest.raises(Unauthenticated):
        await other.authenticate(secret.reveal(), address=HOME, scope="chat")
    (told,) = (line for line in said if line["event"] == "keys.differs")
    assert "secrets/pepper" in told["why"]
    assert secret.reveal() not in str(said)


@pytest.mark.parametrize("presented", ["", "aiw_live_", "a" * 71, "ключ", "\ud800", "x" * 100_000, "a\x00b"])
async def test_what_is_no_key_is_refused_in_the_same_words(keyring: Keyring, presented: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await keyring.authenticate(presented, address=HOME, scope="chat")

    assert type(refused.value) is Unauthenticated
    assert str(refused.value) == str(Unauthenticated())


async def test_a_wrong_secret_and_an_unknown_id_are_refused_in_the_same_words(keyring: Keyring) -> None:
    key, _ = await keyring.create("erp")
    for presented in (new_key()[1], forged(key.id)):
        with pytest.raises(Unauthenticated) as refused:
            await keyring.authenticate(presented, address=HOME, scope="chat")
        assert type(refused.value) is Unauthenticated


async def test_a_key_ends_with_its_last_second(keyring: Keyring, clock: FixedClock) -> None:
    _, secret = await keyring.create("erp", days=1)
    clock.advance(timedelta(days=1, seconds=-1))
    await keyring.authenticate(secret.reveal(), address=HOME, scope="chat")
    clock.advance(timedelta(seconds=1))

    with pytest.raises(KeyExpired):
        await keyring.authenticate(secret.reveal(), address=HOME, scope="chat")


async def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere(
    keyring: Keyring, store: SqliteKeyStore, clock: FixedClock
) -> None:
    key, secret = await keyring.create("erp")
    elsewhere = Keyring(store, pepper=PEPPER, clock=clock)
    for ring in (keyring, elsewhere):
        await ring.authenticate(secret.reveal(), address=HOME, scope="chat")
    await keyring.revoke(key.id)

    with pytest.raises(KeyRevoked):
        await keyring.authenticate(secret.reveal(), address=HOME, scope="chat")
    clock.advance(timedelta(seconds=1))
    with pytest.raises(KeyRevoked):
        await elsewhere.authenticate(secret.reveal(), address=HOME, scope="chat")
    with pytest.raises(NoSuchKey):
        await keyring.revoke("nothing")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.7", True),
        ("::ffff:203.0.113.7", True),
        ("2001:db8::1", True),
        ("203.0.114.7", False),
        ("::203.0.113.7", False),
        ("64:ff9b::203.0.113.7", False),
        ("2002:cb00:7107::1", False),
        ("0313.0.113.7", False),
        ("203.0.113.7%eth0", False),
        ("2001:db8::1%eth0", False),
        ("203.0.113", False),
        ("", False),
        ("２０３.0.113.7", False),
    ],
)
async def test_a_key_is_good_from_its_own_networks_only(keyring: Keyring, address: str, allowed: bool) -> None:
    _, secret = await keyring.create("erp", networks=["203.0.113.0/24", "2001:db8::/32"])

    if allowed:
        await keyring.authenticate(secret.reveal(), address=address, scope="chat")
    else:
        with pytest.raises(AddressDenied):
            await keyring.authenticate(secret.reveal(), address=address, scope="chat")


async def test_any_address_has_to_be_asked_for_in_words(keyring: Keyring) -> None:
    key, secret = await keyring.create("erp", networks=["any"])

    assert key.networks == ("0.0.0.0/0", "::/0")
    await keyring.authenticate(secret.reveal(), address="8.8.8.8", scope="chat")


async def test_a_key_that_cannot_be_is_refused(keyring: Keyring) -> None:
    for name in ("", "env", "a/b", "a b", "x" * 65, "a\n"):
        with pytest.raises(BadKeyRequest):
            await keyring.create(name)
    with pytest.raises(BadKeyRequest):
        await keyring.create("erp", scopes=["root"])
    with pytest.raises(BadKeyRequest):
        await keyring.create("erp", days=0)
    with pytest.raises(BadNetwork):
        await keyring.create("erp", networks=["10.0.0.1/8"])


async def test_the_environments_key_is_accepted_for_90_days_from_when_it_was_first_seen(
    keyring: Keyring, store: SqliteKeyStore, clock: FixedClock
) -> None:
    first = await keyring.adopt(ENV)
    clock.advance(timedelta(days=80))
    restarted = Keyring(store, pepper=PEPPER, clock=clock)
    again = await restarted.adopt(ENV)

    assert (first.name, first.id) == ("env", again.id)
    assert (await restarted.authenticate(ENV.reveal(), address=HOME, scope="chat")).expires_at == first.expires_at
    clock.advance(timedelta(days=10))
    with pytest.raises(KeyExpired):
        await restarted.authenticate(ENV.reveal(), address=HOME, scope="chat")


async def test_an_environments_key_that_was_replaced_is_good_no_more(
    keyring: Keyring, store: SqliteKeyStore, clock: FixedClock
) -> None:
    await keyring.adopt(ENV)
    restarted = Keyring(store, pepper=PEPPER, clock=clock)
    await restarted.adopt(Secret("another-key-of-at-least-32-characters"))

    with pytest.raises(Unauthenticated):
        await restarted.authenticate(ENV.reveal(), address=HOME, scope="chat")


async def test_a_guesser_is_slowed_down_by_address(keyring: Keyring, clock: FixedClock) -> None:
    for _ in range(60):
        with pytest.raises(Unauthenticated):
            await keyring.authenticate("guess", address="10.0.0.7", scope="chat")
    with pytest.raises(TooManyFailures) as slowed:
        await keyring.authenticate("guess", address="10.0.0.7", scope="chat")
    with pytest.raises(Unauthenticated):
        await keyring.authenticate("guess", address="10.0.0.8", scope="chat")
    clock.advance(timedelta(minutes=1))
    with pytest.raises(Unauthenticated):
        await keyring.authenticate("guess", address="10.0.0.7", scope="chat")

    assert 0 < slowed.value.retry_after <= 60


async def test_a_guesser_does_not_lock_out_the_owner_beside_it(keyring: Keyring) -> None:
    key, secret = await keyring.create("erp")
    for _ in range(61):
        with pytest.raises((Unauthenticated, TooManyFailures)):
            await keyring.authenticate("guess", address=HOME, scope="chat")

    assert await keyring.authenticate(secret.reveal(), address=HOME, scope="chat") == key


async def test_ipv6_neighbours_are_counted_together(keyring: Keyring) -> None:
    for number in range(60):
        with pytest.raises(Unauthenticated):
            await keyring.authenticate("guess", address=f"2001:db8::{number:x}", scope="chat")
    with pytest.raises(TooManyFailures):
        await keyring.authenticate("guess", address="2001:db8::ffff", scope="chat")


async def test_a_use_is_recorded_once_a_minute(keyring: Keyring, store: SqliteKeyStore, clock: FixedClock) -> None:
    key, secret = await keyring.create("erp")
    await keyring.authenticate(secret.reveal(), address=HOME, scope="chat")
    first = clock.now()
    await recorded(store, key.id)
    clock.advance(timedelta(seconds=30))
    await keyring.authenticate(secret.reveal(), address="10.0.0.7", scope="chat")
    await asyncio.sleep(0.05)
    kept = await store.by_id(key.id)

    assert kept is not None
    assert (kept.last_used_at, kept.last_used_from) == (first, HOME)


def forged(key_id: str) -> str:
    """Return a well-formed key with a known id, as somebody would guess it."""
    start = f"aiw_live_{key_id}_{'x' * 43}"
    presented = start + base62(zlib.crc32(start.encode()), 6)
    assert id_of(presented) == key_id
    return presented


async def recorded(store: SqliteKeyStore, key_id: str) -> None:
    while (kept := await store.by_id(key_id)) is None or kept.last_used_at is None:
        await asyncio.sleep(0.01)


async def test_secrets_for_other_purposes_are_derived_and_differ(keyring: Keyring) -> None:
    first, second = keyring.callback_secret("k1").reveal(), keyring.callback_secret("k2").reveal()

    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
    assert first != second
    assert keyring.callback_secret("k1").reveal() == first


async def test_a_key_survives_neither_typing_mistakes_nor_look_ups_of_them() -> None:
    key_id, presented = new_key()

    assert len(presented) == 71
    assert id_of(presented) == key_id
    assert id_of(presented[:-1] + ("0" if presented[-1] != "0" else "1")) is None
    assert id_of(presented.replace("live", "test")) is None
    assert id_of(presented + " ") is None
