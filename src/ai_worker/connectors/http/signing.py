"""Sign requests by a template: the many systems that want a timestamp, a nonce and a digest of the request."""

import hashlib
import hmac
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from string import Formatter
from typing import Literal
from urllib.parse import quote, urlsplit

from ai_worker.connectors.http.serialise import Request
from ai_worker.foundation.secret import Secret

KNOWN = frozenset(
    (
        "method",
        "path",
        "query",
        "sorted_query",
        "body",
        "body_sha256",
        "body_md5",
        "content_type",
        "timestamp",
        "timestamp_ms",
        "nonce",
        "key",
        "secret",
    )
)
"""What a text to sign may name. `secret` is for systems that digest it with the text instead of keying with it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """How one system wants its requests signed."""

    key: str
    """Who calls: the application's key."""

    secret: Secret
    text: str
    """What is signed, with names in braces: `{method}\\n{path}\\n{sorted_query}\\n{timestamp}\\n{body_sha256}`."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """What goes out, with the same names (but for `secret`) and `signature`: `{"X-Sign": "{signature}"}`."""

    query: Mapping[str, str] = field(default_factory=dict)
    digest: Literal["sha256", "sha1", "sha512", "md5"] = "sha256"
    keyed: bool = True
    """HMAC (RFC 2104) with the secret; otherwise the plain digest of the text."""

    encoding: Literal["hex", "HEX", "base64"] = "hex"

    def __post_init__(self) -> None:
        _check(self.text, KNOWN)
        for template in (*self.headers.values(), *self.query.values()):
            _check(template, KNOWN - {"secret"} | {"signature"})


def sign(signed: Signed, request: Request, base: str, now: datetime) -> tuple[dict[str, str], list[str]]:
    """Return the headers and the query items that sign a request."""
    target = urlsplit(request.target(base))
    content = request.content or b""
    values = {
        "method": request.method,
        "path": target.path,
        "query": target.query,
        "sorted_query": "&".join(sorted(request.query)),
        "body": content.decode("utf-8", "replace"),
        "body_sha256": hashlib.sha256(content).hexdigest(),
        "body_md5": b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
        "content_type": request.content_type,
        "timestamp": str(int(now.timestamp())),
        "timestamp_ms": str(int(now.timestamp() * 1_000)),
        "nonce": secrets.token_hex(16),
        "key": signed.key,
        "secret": signed.secret.reveal(),
    }
    values["signature"] = _digest(signed, signed.text.format_map(values))
    headers = {name: template.format_map(values) for name, template in signed.headers.items()}
    query = [f"{quote(name, safe='')}={quote(text.format_map(values), safe='')}" for name, text in signed.query.items()]
    return headers, query


def _digest(signed: Signed, text: str) -> str:
    if signed.keyed:
        made = hmac.new(signed.secret.reveal().encode(), text.encode(), signed.digest).digest()
    else:
        # The system chose it, MD5 too; we can only follow.
        made = hashlib.new(signed.digest, text.encode(), usedforsecurity=False).digest()
    match signed.encoding:
        case "base64":
            return b64encode(made).decode()
        case "HEX":
            return made.hex().upper()
        case "hex":
            return made.hex()


def _check(template: str, known: frozenset[str]) -> None:
    for _, name, specification, conversion in Formatter().parse(template):
        if name is not None and (name not in known or specification or conversion):
            raise ValueError(f"{{{name}}} is none of {', '.join(sorted(known))}")
