"""API keys as they are stored, and the port through which they are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key without its secret: what the database holds."""

    id: str
    """The public part of the key (12 characters), by which it is looked up."""

    name: str
    """Who uses it. Conversations made over the API belong to the name, so a rotated key keeps them."""

    verifier: bytes
    """HMAC-SHA256 of the whole key under the pepper: 32 bytes."""

    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    """CIDR blocks it may be used from. Never empty; `0.0.0.0/0` and `::/0` stand for "any"."""

    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_from: str = ""


@dataclass(frozen=True, slots=True)
class PepperRequest:
    """A node that joins the installation asks for its pepper; see `keys.joining`."""

    id: str
    public_key: bytes
    """For which the answer is to be sealed: 32 bytes, X25519."""

    asked_at: datetime


class KeyStore(Protocol):
    """Keeps API keys and the console's one-time links."""

    async def put(self, key: StoredKey) -> None:
        """Add a key, or replace the one with the same id."""
        ...

    async def by_id(self, key_id: str) -> StoredKey | None:
        """Return a key; `None` if there is none with this id."""
        ...

    async def keys(self) -> list[StoredKey]:
        """Return all keys, newest first."""
        ...

    async def used(self, key_id: str, at: datetime, address: str) -> None:
        """Record a use. Callers thin these out: at most one a key and minute."""
        ...

    async def put_link(self, digest: bytes, expires_at: datetime) -> None:
        """Remember a one-time console link by the SHA-256 of its token."""
        ...

    async def take_link(self, digest: bytes, now: datetime) -> bool:
        """Use a link up; return whether it was there, unused and in time. Only one caller ever gets true."""
        ...


class JoiningStore(Protocol):
    """Keeps what the nodes of an installation agree on its pepper by; see `keys.joining`."""

    async def agreed(self) -> bytes | None:
        """Return the check of the installation's pepper; `None` before the first node has said one."""
        ...

    async def agree(self, check: bytes) -> bytes:
        """Keep the check of a pepper as the installation's unless there is one; return the one that counts."""
        ...

    async def ask(self, request: PepperRequest, *, forget_before: datetime) -> None:
        """Keep a request, and forget those that were made before a time."""
        ...

    async def asked(self, *, since: datetime) -> list[PepperRequest]:
        """Return the requests since a time that nobody has answered, oldest first."""
        ...

    async def answer(self, request_id: str, sealed: bytes) -> None:
        """Answer a request, unless it is gone or somebody else was faster."""
        ...

    async def take_answer(self, request_id: str) -> bytes | None:
        """Return the answer to a request and forget both; `None` while there is none."""
        ...
