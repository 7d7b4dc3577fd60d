"""How the simulated Feishu seals events for HTTP: written apart from the channel that opens them."""

import base64
import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7


def encrypted(encrypt_key: str, plain: bytes) -> str:
    """Return the ciphertext of an event, with its IV before it."""
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    iv = secrets.token_bytes(16)
    encryptor = Cipher(AES(hashlib.sha256(encrypt_key.encode()).digest()), CBC(iv)).encryptor()
    return base64.b64encode(iv + encryptor.update(padded) + encryptor.finalize()).decode()


def signed_headers(encrypt_key: str, body: bytes, *, timestamp: int) -> dict[str, str]:
    """Return the headers with which the platform signs a body."""
    nonce = str(secrets.randbelow(10**9))
    digest = hashlib.sha256(f"{timestamp}{nonce}{encrypt_key}".encode() + body).hexdigest()
    return {
        "X-Lark-Request-Timestamp": str(timestamp),
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": digest,
    }
