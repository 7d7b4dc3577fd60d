"""AWS Signature Version 4 (IAM user guide, "Create a signed AWS API request"), taken over by other clouds."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from ai_worker.connectors.http.serialise import Request
from ai_worker.foundation.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"
ORDINARY = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SigV4:
    """One access key for one service in one region."""

    access_key: str
    secret: Secret
    region: str
    service: str
    """`execute-api`, `s3`, `es` …"""

    session_token: Secret | None = None
    """Of a temporary access key."""


def sigv4(signer: SigV4, request: Request, base: str, now: datetime) -> dict[str, str]:
    """Return the headers that sign a request; aiohttp sends the `Host` that they are made with."""
    target = urlsplit(request.target(base))
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.content or b"").hexdigest()
    signed = {"host": _host(target.scheme, target.hostname or "", target.port), "x-amz-date": moment}
    if request.content is not None:
        signed["content-type"] = request.content_type
    if signer.service == "s3":
        signed["x-amz-content-sha256"] = digest
    if signer.session_token is not None:
        signed["x-amz-security-token"] = signer.session_token.reveal()
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            request.method,
            _path(target.path, twice=signer.service != "s3"),
            _query(target.query),
            *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
            "",
            names,
            digest,
        )
    )
    scope = f"{moment[:8]}/{signer.region}/{signer.service}/aws4_request"
    text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{signer.secret.reveal()}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    proof = (
        f"{ALGORITHM} Credential={signer.access_key}/{scope}, SignedHeaders={names}, Signature={_hmac(key, text).hex()}"
    )
    sent = {name: value for name, value in signed.items() if name not in ("host", "content-type")}
    return {**sent, "Authorization": proof}


def _host(scheme: str, host: str, port: int | None) -> str:
    return host if port in (None, ORDINARY.get(scheme)) else f"{host}:{port}"


def _path(path: str, *, twice: bool) -> str:
    """Return the canonical path: encoded once more than it is sent, but for S3."""
    return (quote(path, safe=f"/{UNRESERVED}") if twice else quote(unquote(path), safe=f"/{UNRESERVED}")) or "/"


def _query(query: str) -> str:
    pairs = [item.partition("=") for item in query.split("&") if item]
    return "&".join(
        f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    )


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=UNRESERVED)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
