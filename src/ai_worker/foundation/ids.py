"""Identifiers: sortable ones that are made, and derived ones that are computed."""

import base64
import hashlib
import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read out over the phone."""


_OURS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())


def _base32(bits: bytes) -> str:
    """Return the first 130 of 136 bits as 26 characters."""
    return base64.b32encode(bits)[:26].translate(_OURS).decode()


def new_id(prefix: str) -> str:
    """Return `prefix-` and 26 characters: 48 bits of milliseconds, then 80 random bits.

    Ids made later sort later (to the millisecond), which keeps database pages warm.
    """
    millis = time.time_ns() // 1_000_000 & (1 << 48) - 1
    number = millis << 80 | int.from_bytes(os.urandom(10), "big")
    return f"{prefix}-{_base32((number << 6).to_bytes(17, 'big'))}"


def derived_id(prefix: str, *parts: str) -> str:
    """Return the same id for the same parts, always: `prefix-` and 26 characters (130 bits).

    A reply id derived from its turn makes a second send after a crash recognisable as the same one.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"{prefix}-{_base32(digest[:17])}"
