"""Visitors of a web chat: who they are is what their browser remembers, signed by us."""

import hashlib

from itsdangerous import BadData, URLSafeSerializer

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
        signer = self._signer(channel)
        if token is not None and len(token) <= LONGEST:
            try:
                known = signer.loads(token)
            except BadData:
                known = None
            if isinstance(known, str):
                return known, token
        visitor = new_id("v")
        return visitor, signer.dumps(visitor)

    def _signer(self, channel: str) -> URLSafeSerializer:
        """Return the signer of one channel: a token of one chat means nothing in another."""
        return URLSafeSerializer(
            self._secret,
            salt=f"aiw.web.visitor.v1|{channel}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
