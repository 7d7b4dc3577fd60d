"""Events as they arrive, by HTTP or over the long connection: opened, checked, and in one shape.

By HTTP an event proves itself: by its signature over the raw bytes (with an Encrypt Key), and by the
Verification Token inside. Over the long connection, which we have opened ourselves, nothing is signed.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ai_worker.channels.contract import CallbackRequest
from ai_worker.channels.feishu.crypto import decrypt, is_signed
from ai_worker.channels.feishu.refused import Refused
from ai_worker.channels.feishu.settings import FeishuSettings
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret

T = TypeVar("T")

MAX_BODY = 1_048_576
MAX_FIELD = 128
"""Characters of a signature, time stamp, nonce, token or id."""

CHALLENGE_BYTES = 4_096
"""A verification of the callback address is a few hundred bytes; nothing longer is opened unsigned."""

TIMESTAMP, NONCE, SIGNATURE = "x-lark-request-timestamp", "x-lark-request-nonce", "x-lark-signature"
_SECONDS = re.compile(r"[0-9]{1,11}")
"""ASCII digits only: `int` would also take signs, underscores, spaces and other scripts' digits."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the platform, whichever way and in whichever schema it came."""

    type: str
    """`im.message.receive_v1`, `card.action.trigger` …; in schema 1.0 the plain `message` …"""

    body: bytes
    """JSON of what happened: the event's own part."""

    schema: str = "2.0"
    tenant: str = ""
    """The company that the application is installed for; empty if the event does not say."""

    def of_our_own(self, tenant_key: str | None) -> bool:
        """Return whether somebody of this tenant is one of the company's own people, and no guest of a group."""
        return bool(self.tenant) and tenant_key == self.tenant


@dataclass(frozen=True, slots=True)
class Challenge:
    """The platform asks whether the callback address is ours."""

    word: str


class _Sealed(msgspec.Struct):
    encrypt: str | None = None


class _Header(msgspec.Struct):
    event_type: str | None = None
    token: str | None = None
    app_id: str | None = None
    tenant_key: str | None = None


class _Old(msgspec.Struct):
    """What an event of schema 1.0 says about itself."""

    type: str | None = None
    app_id: str | None = None
    tenant_key: str | None = None


class _Envelope(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw(b"{}")
    header: _Header | None = None
    type: str | None = None
    token: str | None = None
    challenge: str | None = None


def from_http(request: CallbackRequest, settings: FeishuSettings, clock: Clock) -> Event | Challenge:
    """Return what an HTTP request carries, after every check in an order that gives nothing away.

    Raises:
        Refused: Any check failed.
    """
    if request.method != "POST" or (not settings.encrypt_key and not settings.verification_token):
        raise Refused("headers")
    if len(request.body) > MAX_BODY:
        raise Refused("size")
    if not settings.encrypt_key:
        return _opened(request.body, settings, settings.verification_token)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not headers.get(SIGNATURE):
        return _unsigned(request.body, settings)
    _check_signature(headers, request.body, settings, clock)
    # The signature has proved the sender; the token inside is compared where it is known.
    plain = decrypt(settings.encrypt_key, _ciphertext(request.body))
    return _opened(plain, settings, settings.verification_token, proved=True)


def from_connection(payload: bytes, settings: FeishuSettings) -> Event:
    """Return the event that came over the long connection.

    Raises:
        Refused: It is no event, or for another application.
    """
    opened = _opened(payload, settings, Secret(""))
    if isinstance(opened, Challenge):
        raise Refused("message")
    return opened


def _check_signature(headers: Mapping[str, str], body: bytes, settings: FeishuSettings, clock: Clock) -> None:
    timestamp, nonce, signature = (headers.get(name, "") for name in (TIMESTAMP, NONCE, SIGNATURE))
    if not _SECONDS.fullmatch(timestamp) or len(nonce) > MAX_FIELD or len(signature) > MAX_FIELD:
        raise Refused("headers")
    if abs(clock.now().timestamp() - int(timestamp)) > settings.max_callback_age_s:
        raise Refused("stale")
    if not is_signed(settings.encrypt_key, signature, timestamp=timestamp, nonce=nonce, body=body):
        raise Refused("signature")


def _unsigned(body: bytes, settings: FeishuSettings) -> Challenge:
    """Open what has no signature: the platform verifies a callback address before it signs anything.

    Nothing but that is let through, and only with the right Verification Token. Whatever is wrong gets
    the same answer, so that the decryption tells nobody anything about its padding.
    """
    if not settings.verification_token or len(body) > CHALLENGE_BYTES:
        raise Refused("signature")
    opened = _opened(decrypt(settings.encrypt_key, _ciphertext(body)), settings, settings.verification_token)
    if not isinstance(opened, Challenge):
        raise Refused("signature")
    return opened


def _ciphertext(body: bytes) -> str:
    """Return the encrypted part; an event in plain text is refused while encryption is on."""
    encrypted = _decode(body, _Sealed).encrypt
    if not encrypted:
        raise Refused("envelope")
    return encrypted


def _opened(raw: bytes, settings: FeishuSettings, token: Secret, *, proved: bool = False) -> Event | Challenge:
    envelope = _decode(raw, _Envelope)
    if envelope.type == "url_verification":
        # Whoever proves nothing could otherwise make our address theirs.
        if settings.verification_token:
            _check_token(envelope.token, settings.verification_token)
        elif not proved:
            raise Refused("token")
        if not envelope.challenge or len(envelope.challenge) > CHALLENGE_BYTES:
            raise Refused("message")
        return Challenge(envelope.challenge)
    header = envelope.header
    if header is None:
        return _old(envelope, settings, token)
    if token:
        _check_token(header.token, token)
    _check_owner(header.app_id, header.tenant_key, settings)
    if not header.event_type or len(header.event_type) > MAX_FIELD:
        raise Refused("message")
    return Event(header.event_type, bytes(envelope.event), tenant=header.tenant_key or "")


def _old(envelope: _Envelope, settings: FeishuSettings, token: Secret) -> Event:
    if envelope.type != "event_callback":
        raise Refused("message")
    if token:
        _check_token(envelope.token, token)
    inside = _decode(bytes(envelope.event), _Old)
    _check_owner(inside.app_id, inside.tenant_key, settings)
    return Event(inside.type or "", bytes(envelope.event), schema="1.0")


def _check_token(given: str | None, expected: Secret) -> None:
    if not hmac.compare_digest((given or "").encode("utf-8", "surrogatepass"), expected.reveal().encode()):
        raise Refused("token")


def _check_owner(app_id: str | None, tenant_key: str | None, settings: FeishuSettings) -> None:
    if app_id != settings.app_id:
        raise Refused("app_id")
    if settings.tenant_key and tenant_key != settings.tenant_key:
        raise Refused("tenant_key")


def _decode(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refused("json") from None
