"""How Feishu signs and encrypts: events for an application, and the signature of a group's robot.

The platform's "Encrypt Key" and "custom robot" documents fix the algorithms.
"""

import base64
import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ai_worker.channels.feishu.refused import Refused
from ai_worker.foundation.secret import Secret

_BLOCK = 16
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def event_signature(encrypt_key: Secret, *, timestamp: str, nonce: str, body: bytes) -> str:
    """Return what `X-Lark-Signature` must be: a plain SHA-256 over the raw bytes of the body, no HMAC."""
    before = f"{timestamp}{nonce}{encrypt_key.reveal()}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(before + body).hexdigest()


def is_signed(encrypt_key: Secret, signature: str, *, timestamp: str, nonce: str, body: bytes) -> bool:
    """Return whether a body was signed by somebody who knows the Encrypt Key."""
    expected = event_signature(encrypt_key, timestamp=timestamp, nonce=nonce, body=body)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))


def decrypt(encrypt_key: Secret, encrypted: str) -> bytes:
    """Return the event inside: AES-256-CBC under SHA-256 of the key, the first block is the IV.

    Raises:
        Refused: It is not such a text, or its padding is wrong.
    """
    if not _BASE64.fullmatch(encrypted) or len(encrypted) % 4:
        raise Refused("envelope")
    sealed = base64.b64decode(encrypted)
    if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
        raise Refused("envelope")
    key = hashlib.sha256(encrypt_key.reveal().encode()).digest()
    decryptor = Cipher(AES(key), CBC(sealed[:_BLOCK])).decryptor()
    padded = decryptor.update(sealed[_BLOCK:]) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= _BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise Refused("envelope")
    return padded[:-pad]


def robot_sign(secret: Secret, timestamp: int) -> str:
    r"""Return the signature of a group robot's message.

    The key is `timestamp + "\n" + secret` and the message is empty: the other way round, as other
    platforms have it, gives error 19021.

    Args:
        secret: The robot's 签名校验 secret.
        timestamp: Seconds since 1970 UTC, as sent beside the signature.
    """
    key = f"{timestamp}\n{secret.reveal()}".encode()
    return base64.b64encode(hmac.digest(key, b"", "sha256")).decode()
