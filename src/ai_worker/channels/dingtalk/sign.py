"""DingTalk's signature: the same words under the same key, for callbacks and for custom robots.

It covers the time and nothing else. On a callback it proves that the sender knows the secret, and
says nothing about the body.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

from ai_worker.channels.dingtalk.refused import Refused
from ai_worker.foundation.secret import Secret

MAX_HEADER = 128
"""Characters of a signature or a time stamp; real ones have 44 and 13."""

_MILLISECONDS = re.compile(r"[0-9]{1,15}")
"""ASCII digits only: `int` would also take signs, underscores, spaces and other scripts' digits."""


def signature(secret: Secret, timestamp: str) -> str:
    """Return the signature of a time in milliseconds, in Base64 and not yet encoded for a URL."""
    key = secret.reveal().encode()
    message = timestamp.encode("utf-8", "surrogatepass") + b"\n" + key
    return base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


def signed_query(secret: Secret, milliseconds: int) -> str:
    """Return the two parameters that a custom robot with 加签 wants, percent-encoded once."""
    return f"timestamp={milliseconds}&sign={quote(signature(secret, str(milliseconds)), safe='')}"


def check(headers: Mapping[str, str], secret: Secret, *, now: float, max_age_s: float) -> None:
    """Refuse a callback whose headers do not show knowledge of the secret at about this time.

    Args:
        headers: Names in lower case.
        secret: The application's secret.
        now: Seconds since 1970, UTC.
        max_age_s: How far the headers' time may be from `now`, before or after.

    Raises:
        Refused: The headers are missing, stale or wrong.
    """
    timestamp, sign = headers.get("timestamp", ""), headers.get("sign", "")
    if not 0 < len(sign) <= MAX_HEADER or not _MILLISECONDS.fullmatch(timestamp):
        raise Refused("headers")
    if abs(now - int(timestamp) / 1000) > max_age_s:  # seconds in place of milliseconds are of 1970
        raise Refused("stale")
    expected = signature(secret, timestamp).encode()
    if not hmac.compare_digest(expected, sign.encode("utf-8", "surrogatepass")):
        raise Refused("signature")
