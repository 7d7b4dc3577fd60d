"""First answers to requests that may come again, and the port through which they are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

KEPT = timedelta(hours=24)
"""For how long the same request gets its first answer again. Later it counts as a new one."""

LARGEST = 256_000
"""Bytes of the largest answer that is kept as it was."""


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What was answered to a request that named itself. Of the request itself only digests are kept."""

    place: bytes
    """SHA-256 of who asked and the name that the request was given: 32 bytes."""

    digest: bytes
    """SHA-256 of what the request means, by which a repeat is told from a clash: 32 bytes."""

    status: int
    media_type: str
    body: bytes | None
    """`None` for a stream and for an answer above `LARGEST`: then the request is only known, and the
    work is done again, which finds what it left behind the first time."""

    at: datetime


class FirstAnswerStore(Protocol):
    """Keeps first answers for `KEPT`; processes on the same store share them."""

    async def find(self, place: bytes, *, now: datetime) -> FirstAnswer | None:
        """Return the answer that stands; `None` if there is none, or if it is older than `KEPT`.

        Raises:
            StoreBusy: It cannot be read now.
        """
        ...

    async def keep(self, answer: FirstAnswer) -> FirstAnswer:
        """Keep `answer` unless one stands already; return the one that stands now, on disk.

        Raises:
            StoreBusy: Neither is on disk, as far as anybody knows.
        """
        ...
