"""The envelope that WeCom puts callbacks in: signed with SHA-1, encrypted with AES-256-CBC.

The platform's "callback encryption" documents fix the algorithms; SHA-1 here is a keyed digest over
a secret token, not a choice of ours.
"""

import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ai_worker.channels.wecom.refused import Refused
from ai_worker.foundation.secret import Secret

PAD_BLOCK = 32
"""WeCom pads to 32 bytes (1..32), not to AES's own 16; a stock unpadder fails on 17..32."""

_AES_BLOCK = 16
_HEADER = 16 + 4
"""16 random bytes, then the message's length, big-endian."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def decode_key(text: str) -> bytes:
    """Return the 32 bytes of an AES key written as 43 characters of Base64, with or without `=`.

    The last character carries four useful bits; platforms hand out keys with the other two set,
    which strict decoders reject.

    Raises:
        ValueError: It is not such a key.
    """
    text = text.removesuffix("=")
    if len(text) != 43 or not _BASE64.fullmatch(text):
        raise ValueError("an AES key is 43 characters of Base64: letters, digits, + and /")
    return b64decode(text + "=")


def decrypt(key: bytes, ciphertext: bytes) -> bytes:
    """Return what was encrypted with AES-256-CBC under `key` (IV: its first 16 bytes), unpadded.

    Raises:
        Refused: The length or the padding is wrong.
    """
    if not ciphertext or len(ciphertext) % _AES_BLOCK:
        raise Refused("envelope")
    decryptor = Cipher(AES(key), CBC(key[:_AES_BLOCK])).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= min(PAD_BLOCK, len(padded)) or padded[-pad:] != bytes([pad]) * pad:
        raise Refused("envelope")
    return padded[:-pad]


class Envelope:
    """Opens what the platform sealed for one application, and seals what it is answered."""

    def __init__(self, *, token: Secret, encoding_aes_key: Secret, receive_id: str) -> None:
        self._token = token.reveal()
        self._key = decode_key(encoding_aes_key.reveal())
        self._receive_id = receive_id.encode()

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> bytes:
        """Return the message inside, after every check in an order that gives nothing away.

        The signature comes first, so that whoever does not know the token never reaches the
        decryption and learns nothing from its failures (no padding oracle).

        Raises:
            Refused: Any check failed.
        """
        expected = self._sign(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            raise Refused("signature")
        if not _BASE64.fullmatch(encrypted) or len(encrypted) % 4:
            raise Refused("envelope")
        return self._unwrap(decrypt(self._key, b64decode(encrypted)))

    def seal(self, message: bytes, *, timestamp: str, nonce: str) -> tuple[str, str]:
        """Return an answer of ours as it travels, and its signature."""
        plain = os.urandom(16) + len(message).to_bytes(4, "big") + message + self._receive_id
        pad = PAD_BLOCK - len(plain) % PAD_BLOCK
        encryptor = Cipher(AES(self._key), CBC(self._key[:_AES_BLOCK])).encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        encrypted = b64encode(sealed).decode()
        return encrypted, self._sign(timestamp, nonce, encrypted)

    def _sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        signed = "".join(sorted((self._token, timestamp, nonce, encrypted))).encode("utf-8", "surrogatepass")
        return hashlib.sha1(signed, usedforsecurity=False).hexdigest()

    def _unwrap(self, plain: bytes) -> bytes:
        end = _HEADER + int.from_bytes(plain[16:_HEADER], "big")
        if len(plain) < _HEADER or end > len(plain):
            raise Refused("envelope")
        if not hmac.compare_digest(plain[end:], self._receive_id):
            raise Refused("receive_id")
        return plain[_HEADER:end]
