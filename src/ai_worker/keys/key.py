"""The shape of an API key: `aiw_live_<id: 12><secret: 43><check: 6>`, base 62, with `_` after the id.

The check is a CRC-32 of everything before it. It turns typing mistakes away without a look-up and
tells secret scanners a key from a look-alike; it protects nothing.
"""

import re
import secrets
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "aiw_live_"
ID_LENGTH = 12
SECRET_LENGTH = 43
"""256 bits in base 62."""

CHECK_LENGTH = 6

LONGEST = 512
"""Characters of anything that is looked at as a key."""

_SHAPE = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}")


def base62(number: int, length: int) -> str:
    """Return `number` in exactly `length` digits of base 62; higher digits are dropped."""
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def new_key() -> tuple[str, str]:
    """Return a fresh key's public id and the whole key."""
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
    start = f"{PREFIX}{key_id}_{''.join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))}"
    return key_id, start + _check(start)


def id_of(presented: str) -> str | None:
    """Return the public id of a key, or `None` if `presented` is not one or was mistyped."""
    match = _SHAPE.fullmatch(presented)
    if match is None or _check(presented[:-CHECK_LENGTH]) != presented[-CHECK_LENGTH:]:
        return None
    return match[1]


def _check(start: str) -> str:
    return base62(zlib.crc32(start.encode()), CHECK_LENGTH)
