"""Signed callbacks: the replies to messages that came over the API, as Standard Webhooks.

Specification: https://www.standardwebhooks.com, version 1 signatures (HMAC-SHA256).
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ai_worker.conversation.store import TurnRecord
from ai_worker.conversation.turn import answer_object
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput, Busy
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.sending import Deliverer, SendFailed, Sent
from ai_worker.pipeline.store import OutboundMessage

SECRET_PREFIX = "whsec_"  # noqa: S105  (a prefix, not a secret)
TIMEOUT = aiohttp.ClientTimeout(total=15.0, connect=5.0)
POOL = 200
POOL_PER_HOST = 50
RETRY_S = 5.0
LONGEST_RETRY_S = 600.0
GONE = 410
"""The receiver wants no more of these, says the specification."""


class CallbackUrlRefused(BadInput):
    """The `callback_url` is no plain http(s) address on a host that the settings name."""

    code = "callback.url_refused"
    hint = "Add the host to `[api] callback_hosts` in the settings."


def check_callback_url(url: str, hosts: Sequence[str]) -> None:
    """Make sure that a reply may be sent to `url`.

    Args:
        url: What a caller asked for.
        hosts: Hosts, or `host:port`, that the administrator allows. A bare host allows all ports.

    Raises:
        CallbackUrlRefused: It may not.
    """
    refused = CallbackUrlRefused("`callback_url` must be an http(s) address on one of the configured callback hosts")
    if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        raise refused
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise refused from None
    if parts.scheme not in ("http", "https") or parts.hostname is None or "@" in parts.netloc:
        raise refused
    host = parts.hostname.lower()
    shown = f"[{host}]" if ":" in host else host
    allowed = {entry.strip().lower() for entry in hosts}
    if not allowed & {host, shown, f"{shown}:{port}"}:
        raise refused


def sign(secret: Secret, message_id: str, moment: datetime, body: bytes) -> str:
    """Return the `webhook-signature` of a body.

    Args:
        secret: `whsec_` and the key in base 64.
        message_id: The `webhook-id`.
        moment: When it is sent; the `webhook-timestamp` in whole seconds.
        body: What is sent.
    """
    key = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{int(moment.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class CallbackSender(Deliverer):
    """Carries replies to the addresses that the callers named.

    An outbound message's `address` holds `callback_url`, `key_id`, `conversation_id` and
    `message_id`, all as the caller knows them.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str],
        secret_of: Callable[[str], Secret],
        turn: Callable[[str], Awaitable[TurnRecord | None]],
        clock: Clock,
    ) -> None:
        self._hosts = tuple(hosts)
        self._secret_of = secret_of
        self._turn = turn
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool of connections; no network yet."""
        connector = aiohttp.TCPConnector(limit=POOL, limit_per_host=POOL_PER_HOST, ttl_dns_cache=30)
        jar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, cookie_jar=jar, trust_env=False)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Post the reply, signed; any 2xx settles it.

        Raises:
            SendFailed: The receiver did not take it, cannot be reached, or may no longer be called.
        """
        url = message.address.get("callback_url", "")
        if not url:  # nobody asked to be called; the caller reads what was said
            return Sent(confirmed=False)
        try:
            check_callback_url(url, self._hosts)
        except CallbackUrlRefused:
            raise _failed("the callback host is not allowed (any more)", retry_after=None) from None
        body = msgspec.json.encode(await self._body(message))
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "user-agent": "ai-worker",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": sign(self._secret_of(message.address.get("key_id", "")), message.id, now, body),
        }
        await self._post(url, headers, body)
        return Sent()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> None:
        assert self._session is not None, "start() comes first"
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                status, retry_after = response.status, response.headers.get("retry-after", "")
        except aiohttp.ClientConnectorError:
            raise _failed("the receiver cannot be reached", retry_after=RETRY_S) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _failed(f"no answer ({type(error).__name__})", retry_after=RETRY_S, unsure=True) from None
        if 200 <= status < 300:
            return
        if status == GONE or 300 <= status < 400:
            raise _failed(f"the receiver answered {status}", retry_after=None)
        raise _failed(f"the receiver answered {status}", retry_after=_seconds(retry_after))

    async def _body(self, message: OutboundMessage) -> dict[str, Any]:
        """Return what is sent. A reply carries the whole answer object, other kinds their words alone."""
        address = message.address
        body: dict[str, Any] = {
            "type": message.kind,
            "message_id": address.get("message_id", ""),
            "conversation_id": address.get("conversation_id", ""),
            "turn_id": message.turn_id,
            "text": message.reply.text,
        }
        try:
            record = await self._turn(message.turn_id) if message.kind == "reply" else None
        except Busy as busy:  # nobody was called: that is no send whose end nobody knows
            raise _failed("the store is busy", retry_after=busy.retry_after) from None
        if record is not None and record.result is not None:
            body |= answer_object(message.turn_id, record.result) | {"text": message.reply.text}
        return body


def _failed(detail: str, *, retry_after: float | None, unsure: bool = False) -> SendFailed:
    return SendFailed("callback", detail, retry_after=retry_after, unsure=unsure)


def _seconds(retry_after: str) -> float:
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9:
        return min(float(retry_after), LONGEST_RETRY_S)
    return RETRY_S
