"""The access token of an application: fetched once for everybody who needs it, on all nodes, in good time."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed

EARLY_S = 300.0
"""A token is replaced this long before it runs out, so that none expires on its way."""

PAUSE_S = 3.0
"""After a failed fetch nobody tries again for this long: fetching is throttled by the platforms."""

TURN_S, LOOKS, LOOK_S = 15.0, 20, 0.25
"""One node fetches for so long at most; the others look for its result so often, so many seconds apart."""

KEY = "access-token"

Fetch = Callable[[], Awaitable[tuple[str, float]]]
"""Returns a token and for how many seconds it is good. Raises `SendFailed`."""


class _Kept(msgspec.Struct):
    """What the nodes share, encrypted."""

    value: str
    good_until: datetime


class AccessToken:
    """One token of one application.

    What is kept in the store is encrypted with a key that is derived from the application's own secret:
    every node has that, and whoever reads the store does not.
    """

    def __init__(self, fetch: Fetch, *, channel: str, secret: Secret, store: ChannelStore, clock: Clock) -> None:
        self._fetch = fetch
        self._channel = channel
        self._store = store
        self._clock = clock
        self._cipher = Fernet(_key_of(secret))
        self._owner = new_id("token")
        self._value = ""
        self._good_until = 0.0
        self._refused = ""
        self._failure: SendFailed | None = None
        self._failed_until = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def get(self) -> str:
        """Return a token that is good for a while; callers at the same time share one fetch.

        Raises:
            SendFailed: The platform gave none.
        """
        now = self._clock.monotonic()
        if self._value and now < self._good_until:
            return self._value
        if self._failure is not None and now < self._failed_until:
            raise self._failure.with_traceback(None)
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(_look_at)
        return await asyncio.shield(self._fetching)  # a caller that is cancelled must not fail the others

    def drop(self, value: str) -> None:
        """Forget `value`, which the platform has refused; a newer token stays."""
        self._refused = value
        if self._value == value:
            self._value = ""

    async def close(self) -> None:
        """End a fetch that is in progress."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _renew(self) -> str:
        try:
            value, seconds = await self._shared() or await self._fetched()
        except SendFailed as failure:
            self._failure = failure
            self._failed_until = self._clock.monotonic() + PAUSE_S
            raise
        finally:
            self._fetching = None
        self._failure = None
        self._value = value
        # Half of a lifetime too short for the early replacement: still never a fetch for every message.
        self._good_until = self._clock.monotonic() + max(seconds - EARLY_S, seconds / 2)
        return value

    async def _shared(self) -> tuple[str, float] | None:
        """Return another node's token and its seconds, waiting while that one fetches; `None`: it is our turn."""
        try:
            for _ in range(LOOKS):
                if found := await self._recall():
                    return found
                if await self._store.own(self._turn, owner=self._owner, lease=timedelta(seconds=TURN_S)):
                    return await self._recall()  # it may have come in between
                await asyncio.sleep(LOOK_S)
        except Busy:  # without the store each node fetches for itself
            return None
        return None

    async def _fetched(self) -> tuple[str, float]:
        try:
            value, seconds = await self._fetch()
        except SendFailed:
            with suppress(Busy):  # the other nodes need not wait for our turn to run out
                await self._store.disown(self._turn, owner=self._owner)
            raise
        until = self._clock.now() + timedelta(seconds=seconds)
        sealed = self._cipher.encrypt(msgspec.json.encode(_Kept(value, until))).decode()
        with suppress(Busy):  # the next node fetches for itself
            await self._store.remember(self._channel, KEY, sealed, until=until)
            await self._store.disown(self._turn, owner=self._owner)
        return value, seconds

    async def _recall(self) -> tuple[str, float] | None:
        sealed = await self._store.recall(self._channel, KEY)
        if sealed is None:
            return None
        try:
            kept = msgspec.json.decode(self._cipher.decrypt(sealed.encode()), type=_Kept)
        except (InvalidToken, msgspec.DecodeError):  # of another secret: it was changed since
            return None
        seconds = (kept.good_until - self._clock.now()).total_seconds()
        return None if kept.value == self._refused or seconds <= EARLY_S else (kept.value, seconds)

    @property
    def _turn(self) -> str:
        return f"token:{self._channel}"


def _key_of(secret: Secret) -> bytes:
    derived = HKDF(SHA256(), 32, salt=None, info=b"ai-worker access token").derive(secret.reveal().encode())
    return base64.urlsafe_b64encode(derived)


def _look_at(task: asyncio.Task[str]) -> None:
    """Take note of a failure even if every caller has gone away, or asyncio complains of a lost exception."""
    if not task.cancelled():
        task.exception()
