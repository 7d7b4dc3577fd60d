"""Joining: a node that comes to an installation gets its pepper from one that has it, by way of the database.

The database holds a check of the pepper, by which every node knows whether its own is the right one, and
for a moment a copy that is sealed for the one process that has asked (HPKE, RFC 9180; its private key never
leaves that process). So who has a backup of the database can open nothing with it. Who may write to the
database is taken for a node of the installation.
"""

import asyncio
import hmac
from datetime import timedelta
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.ids import new_id
from ai_worker.keys.pepper import find_pepper, keep_pepper, load_pepper
from ai_worker.keys.store import JoiningStore, PepperRequest

log = structlog.get_logger(__name__)

WAIT_S = 10.0
"""How long a node that joins waits for another one to answer; those that run look once a second."""

LOOK_S = 0.2
GOOD_FOR = timedelta(seconds=60)
"""Requests older than this are answered by nobody."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class PepperElsewhere(Misconfigured):
    """Another node holds this installation's pepper, and none that runs has handed it over."""

    code = "keys.pepper_elsewhere"
    hint = (
        "Start a node that has it, or copy secrets/pepper from its data folder into this one. If it is lost for "
        "good, put 32 random bytes there: keys that were made before stay refused."
    )


def check_of(pepper: bytes) -> bytes:
    """Return by what a pepper is known, and from which it cannot be computed."""
    return hmac.digest(pepper, b"check", "sha256")


async def settle(data_dir: Path, store: JoiningStore, *, clock: Clock, wait_s: float = WAIT_S) -> bytes:
    """Return the pepper of this installation: this node's own, a new one for a new installation, or another node's.

    A pepper that lies in the data folder already is never replaced, even if it is not the installation's:
    keys may have been made with it.

    Raises:
        BadPepper: The file cannot be read or made.
        PepperElsewhere: There is an installation, this node has no pepper yet, and nobody has answered in time.
    """
    own, agreed = find_pepper(data_dir), await store.agreed()
    joins = own is None
    if own is None and agreed is None:
        own = load_pepper(data_dir)
    if own is not None:
        agreed = await store.agree(check_of(own))
        if hmac.compare_digest(check_of(own), agreed):
            return own
        if not joins:
            log.error("keys.pepper_differs", hint=PepperElsewhere.hint)
            return own
    assert agreed is not None
    return keep_pepper(data_dir, await _asked(store, agreed, clock, wait_s))


async def _asked(store: JoiningStore, agreed: bytes, clock: Clock, wait_s: float) -> bytes:
    """Ask the other nodes, and return what one of them answers."""
    private = X25519PrivateKey.generate()
    request = PepperRequest(new_id("join"), private.public_key().public_bytes_raw(), clock.now())
    await store.ask(request, forget_before=clock.now() - GOOD_FOR)
    ends = clock.monotonic() + wait_s
    while clock.monotonic() < ends:
        sealed = await store.take_answer(request.id)
        if sealed is not None:
            try:
                pepper = _SUITE.decrypt(sealed, private, info=request.id.encode())
            except InvalidTag:
                pepper = b""
            if hmac.compare_digest(check_of(pepper), agreed):
                log.info("keys.pepper_received", request=request.id)
                return pepper
            break
        await asyncio.sleep(LOOK_S)
    raise PepperElsewhere("Another node of this installation holds its secrets, and handed none over")


class Introduction:
    """Answers nodes that join, on a node that has the installation's pepper."""

    def __init__(self, store: JoiningStore, *, pepper: bytes, clock: Clock) -> None:
        self._store, self._pepper, self._clock = store, pepper, clock

    async def answer(self) -> None:
        """Answer whoever has asked in the last minute; to be called again and again."""
        requests = await self._store.asked(since=self._clock.now() - GOOD_FOR)
        if not requests or await self._store.agreed() != check_of(self._pepper):
            return
        for request in requests:
            theirs = X25519PublicKey.from_public_bytes(request.public_key)
            sealed = _SUITE.encrypt(self._pepper, theirs, info=request.id.encode())
            await self._store.answer(request.id, sealed)
            log.info("keys.pepper_given", request=request.id)
