"""Identifiers: sortable ones that are made, and derived ones that are computed."""

import hashlib
import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read out over the phone."""


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def new_id(prefix: str) -> str:
    """Return `prefix-` and 26 characters: 48 bits of milliseconds, then 80 random bits.

    Ids made later sort later (to the millisecond), which keeps database pages warm.
    """
    millis = time.time_ns() // 1_000_000
    return f"{prefix}-{_base32(millis & (1 << 48) - 1, 10)}{_base32(int.from_bytes(os.urandom(10), 'big'), 16)}"


def derived_id(prefix: str, *parts: str) -> str:
    """Return the same id for the same parts, always: `prefix-` and 26 characters (130 bits).

    A reply id derived from its turn makes a second send after a crash recognisable as the same one.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"{prefix}-{_base32(int.from_bytes(digest[:17], 'big') >> 6, 26)}"
