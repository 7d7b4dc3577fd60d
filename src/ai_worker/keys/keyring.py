"""The keyring: makes API keys, and says whether one may be used."""

import asyncio
import base64
import hmac
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Literal, Never, get_args

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy, NotFound
from ai_worker.foundation.secret import Secret
from ai_worker.keys.key import ID_LENGTH, LONGEST, base62, id_of, new_key
from ai_worker.keys.network import PRIVATE, Networks
from ai_worker.keys.refusals import (
    AddressDenied,
    BadKeyRequest,
    KeyExpired,
    KeyRevoked,
    ScopeDenied,
    TooManyFailures,
    Unauthenticated,
)
from ai_worker.keys.store import KeyStore, StoredKey
from ai_worker.keys.throttle import FailureThrottle

log = structlog.get_logger(__name__)

Scope = Literal["chat", "knowledge", "feedback", "tools", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
DEFAULT_SCOPES: tuple[Scope, ...] = ("chat", "knowledge", "feedback")
DEFAULT_DAYS = 90
ENV_NAME = "env"
"""The name of the key that the environment brings along as `API_KEY`."""

CACHE_S = 1.0
"""A key that was just accepted is not looked up again for this long; so long a revoked one may still work."""

CACHE_SIZE = 1_000
USED_EVERY_S = 60.0

_NAME = re.compile(r"[\w.@-]{1,64}")
_NOBODY = bytes(32)


@lru_cache(CACHE_SIZE)
def _networks(blocks: tuple[str, ...]) -> Networks:
    return Networks.parse(blocks)


class NoSuchKey(NotFound):
    """No key has this id."""

    code = "keys.not_found"
    hint = "ai-worker keys list"


class Keyring:
    """All API keys of this installation.

    The store holds verifiers (HMAC-SHA256 under the pepper), never keys. The work done for an
    unknown id and for a wrong secret is the same, and so are the words.
    """

    def __init__(self, store: KeyStore, *, pepper: bytes, clock: Clock) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._accepted: OrderedDict[bytes, tuple[float, StoredKey]] = OrderedDict()
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._throttle = FailureThrottle(clock=clock)
        self._env_id: str | None = None

    async def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] = DEFAULT_SCOPES,
        networks: Sequence[str] = PRIVATE,
        days: int = DEFAULT_DAYS,
    ) -> tuple[StoredKey, Secret]:
        """Make a key and return it with its secret, which is shown this once and stored nowhere.

        Args:
            name: Who uses it: letters, digits, `_ . @ -`. Keys of one name see the same conversations.
            scopes: What it is for. Empty means the default.
            networks: CIDR blocks, addresses or `any`. Empty means loopback and the private ranges.
            days: How long it is valid, 1 to 366.

        Raises:
            BadKeyRequest: The name, a scope or the lifetime cannot be.
            BadNetwork: One of `networks` is none.
        """
        if not _NAME.fullmatch(name) or name == ENV_NAME:
            raise BadKeyRequest(f"A key cannot be called {name!r}")
        if unknown := [scope for scope in scopes if scope not in SCOPES]:
            raise BadKeyRequest(f"There is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
        if not 1 <= days <= 366:
            raise BadKeyRequest("A key lives for 1 to 366 days")
        key_id, presented = new_key()
        blocks = Networks.parse(networks or PRIVATE).texts()
        return await self._put(key_id, name, presented, scopes or DEFAULT_SCOPES, blocks, days), Secret(presented)

    async def adopt(self, secret: Secret) -> StoredKey:
        """Accept the key of the environment from now on, until 90 days after it was first seen."""
        self._env_id = self._env_id_of(secret.reveal())
        known = await self._store.by_id(self._env_id)
        if known is not None:
            return known
        return await self._put(self._env_id, ENV_NAME, secret.reveal(), DEFAULT_SCOPES, PRIVATE, DEFAULT_DAYS)

    async def revoke(self, key_id: str) -> StoredKey:
        """End a key at once and for good; other processes follow within `CACHE_S`.

        Raises:
            NoSuchKey: There is none with this id.
        """
        known = await self.known(key_id)
        revoked = replace(known, revoked_at=known.revoked_at or self._clock.now())
        await self._store.put(revoked)
        self._accepted.clear()
        return revoked

    async def known(self, key_id: str) -> StoredKey:
        """Return a key by its id.

        Raises:
            NoSuchKey: There is none with this id.
        """
        key = await self._store.by_id(key_id)
        if key is None:
            raise NoSuchKey(f"No key has the id {key_id!r}")
        return key

    async def keys(self) -> list[StoredKey]:
        """Return all keys, newest first."""
        return await self._store.keys()

    async def authenticate(
        self, presented: str, *, address: str, scope: Scope, also: Sequence[Scope] = ()
    ) -> StoredKey:
        """Return the key that was presented, if it may be used from `address` for `scope`, or for one of `also`.

        Raises:
            Unauthenticated: It may not; a subclass says why if the secret was right.
            ScopeDenied: The key is good, but not for this.
            TooManyFailures: Neither this nor many others from `address` was right.
        """
        key = await self._find(presented)
        if key is None:
            self._refuse(address)
        if key.revoked_at is not None:
            raise KeyRevoked("This API key was revoked")
        if self._clock.now() >= key.expires_at:
            raise KeyExpired("This API key has expired")
        if address not in _networks(key.networks):
            raise AddressDenied("This API key may not be used from this address")
        wanted = (scope, *also)
        if not {*wanted, "admin"} & set(key.scopes):
            raise ScopeDenied(f"This API key has no scope {' or '.join(map(repr, wanted))}")
        self._note_use(key.id, address)
        return key

    def callback_secret(self, key_id: str) -> Secret:
        """Return what the replies to messages sent with this key are signed with (Standard Webhooks)."""
        return Secret("whsec_" + base64.b64encode(self.subkey(f"callback|{key_id}")).decode())

    def subkey(self, purpose: str) -> bytes:
        """Return 32 secret bytes for one purpose, always the same ones in this installation."""
        return hmac.digest(self._pepper, purpose.encode(), "sha256")

    async def _find(self, presented: str) -> StoredKey | None:
        if not presented.isascii() or len(presented) > LONGEST:
            return None
        verifier = self._verifier(presented)
        now = self._clock.monotonic()
        if (hit := self._accepted.get(verifier)) and now - hit[0] < CACHE_S:
            return hit[1]
        key_id = self._id_of(presented)
        if key_id is None:
            return None
        key = await self._store.by_id(key_id)
        if not hmac.compare_digest(key.verifier if key else _NOBODY, verifier) or key is None:
            if key is not None:  # its checksum is right: nobody mistypes a key into another one
                log.warning("keys.differs", key=key.id, why="forged, or made on a node with another secrets/pepper")
            return None
        self._accepted[verifier] = (now, key)
        self._accepted.move_to_end(verifier)
        if len(self._accepted) > CACHE_SIZE:
            self._accepted.popitem(last=False)
        return key

    def _id_of(self, presented: str) -> str | None:
        if self._env_id is not None and hmac.compare_digest(self._env_id, self._env_id_of(presented)):
            return self._env_id
        return id_of(presented)

    def _refuse(self, address: str) -> Never:
        wait = self._throttle.failed(address)
        if wait is not None:
            raise TooManyFailures("Too many bad API keys from this address", retry_after=wait)
        log.info("keys.refused", address=address)
        raise Unauthenticated

    def _verifier(self, presented: str) -> bytes:
        return hmac.digest(self._pepper, presented.encode(), "sha256")

    def _env_id_of(self, presented: str) -> str:
        digest = hmac.digest(self._pepper, f"env|{presented}".encode(), "sha256")
        return ENV_NAME + base62(int.from_bytes(digest, "big"), ID_LENGTH - len(ENV_NAME))

    async def _put(
        self, key_id: str, name: str, presented: str, scopes: Sequence[str], networks: Sequence[str], days: int
    ) -> StoredKey:
        now = self._clock.now()
        key = StoredKey(
            id=key_id,
            name=name,
            verifier=self._verifier(presented),
            scopes=tuple(dict.fromkeys(scopes)),
            networks=tuple(networks),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        await self._store.put(key)
        return key

    def _note_use(self, key_id: str, address: str) -> None:
        """Record a use, at most one a key and minute, without making the caller wait for the disk."""
        now = self._clock.monotonic()
        if now - self._noted.get(key_id, -USED_EVERY_S) < USED_EVERY_S:
            return
        self._noted[key_id] = now
        task = asyncio.create_task(self._write_use(key_id, address))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_use(self, key_id: str, address: str) -> None:
        try:
            await self._store.used(key_id, self._clock.now(), address)
        except Busy:  # a courtesy to the administrator; the next use records it
            self._noted.pop(key_id, None)
