"""Visitors of a web chat: who they are is what their browser remembers, signed by us."""

import hashlib

from itsdangerous import BadData, Signer, URLSafeSerializer

from ai_worker.foundation.ids import new_id
from ai_worker.keys.keyring import Keyring

PURPOSE = "web-visitor|v1"
LONGEST = 512


class Visitors:
    """Knows visitors again. A token holds an id that was drawn at random, and nothing else."""

    def __init__(self, keyring: Keyring) -> None:
        self._secret = keyring.subkey(PURPOSE)

    def welcome(self, channel: str, token: str | None) -> tuple[str, str]:
        """Return a visitor's id and token: those that `token` stands for, or new ones."""
        known = self.known(channel, token)
        if known is not None and token is not None:
            return known, token
        visitor = new_id("v")
        return visitor, self._signer(channel).dumps(visitor)

    def known(self, channel: str, token: str | None) -> str | None:
        """Return the id of the visitor whose token this is; `None` if it is nobody's."""
        if token is None or len(token) > LONGEST:
            return None
        try:
            known = self._signer(channel).loads(token)
        except BadData:
            return None
        return known if isinstance(known, str) else None

    def seal(self, channel: str, file_id: str) -> str:
        """Return what opens one file of a chat, and no other."""
        return self._files(channel).get_signature(file_id).decode()

    def opens(self, channel: str, file_id: str, seal: str) -> bool:
        """Return whether a seal is a file's."""
        return len(seal) <= LONGEST and self._files(channel).verify_signature(file_id, seal)

    def _files(self, channel: str) -> Signer:
        return Signer(
            self._secret,
            salt=f"aiw.web.file.v1|{channel}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def _signer(self, channel: str) -> URLSafeSerializer:
        """Return the signer of one channel: a token of one chat means nothing in another."""
        return URLSafeSerializer(
            self._secret,
            salt=f"aiw.web.visitor.v1|{channel}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
