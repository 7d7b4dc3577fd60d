"""The platform's side of WeCom's callback encryption.

Written from the platform's documents, not from `channels.wecom.crypto`: if both sides shared their
code, they would agree on a mistake.
"""

import base64
import hashlib
import os
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAD_BITS = 32 * 8


@dataclass(frozen=True, slots=True)
class Seal:
    """What the platform and one application share."""

    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)
    receive_id: str

    def cipher(self) -> Cipher[modes.CBC]:
        """Return AES-256-CBC as both sides use it."""
        key = base64.b64decode(self.encoding_aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def encrypt(self, message: str) -> str:
        """Return `message` as it travels in `Encrypt` or `echostr`."""
        words = message.encode()
        packed = os.urandom(16) + struct.pack("!I", len(words)) + words + self.receive_id.encode()
        pad = padding.PKCS7(PAD_BITS).padder()
        encryptor = self.cipher().encryptor()
        sealed = encryptor.update(pad.update(packed) + pad.finalize()) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def sign(self, *parts: str) -> str:
        """Return the `msg_signature` over time stamp, nonce and ciphertext, in whatever order."""
        signed = "".join(sorted([self.token, *parts]))
        return hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()


def cdata(text: str) -> str:
    """Return `text` as character data that may hold anything, the end mark of character data too."""
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def xml(fields: dict[str, str]) -> str:
    """Return `fields` as the flat XML that callbacks are written in."""
    return "<xml>" + "".join(f"<{name}>{cdata(text)}</{name}>" for name, text in fields.items()) + "</xml>"


def unseal(seal: Seal, encrypted: str) -> bytes:
    """Return what a channel's answer says.

    Raises:
        ValueError: It is not sealed with this key, or for somebody else.
    """
    decryptor = seal.cipher().decryptor()
    unpad = padding.PKCS7(PAD_BITS).unpadder()
    packed = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
    packed = unpad.update(packed) + unpad.finalize()
    (length,) = struct.unpack("!I", packed[16:20])
    if packed[20 + length :] != seal.receive_id.encode():
        raise ValueError("another receive id")
    return packed[20 : 20 + length]
