"""The keyring of a running service, and what it does for nodes that join."""

import secrets
from functools import partial

import structlog

from ai_worker.app.chores import Chore, every
from ai_worker.foundation.clock import Clock
from ai_worker.keys.joining import Introduction, PepperElsewhere, settle
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.pepper import LENGTH
from ai_worker.settings import Settings
from ai_worker.storage.opening import Stores

log = structlog.get_logger(__name__)

JOINING_S = 1.0
"""How often a node looks whether another one wants to join."""


async def open_keyring(settings: Settings, stores: Stores, clock: Clock) -> tuple[Keyring, list[Chore]]:
    """Return the keyring, and what there is to do for it while the service runs.

    A node that cannot get the installation's pepper works all the same, with one of its own until the next
    start: it receives and answers, and refuses keys that were made elsewhere.
    """
    try:
        pepper = await settle(settings.data_dir, stores.joining, clock=clock)
    except PepperElsewhere as alone:
        log.error("keys.pepper_elsewhere", why=str(alone), hint=alone.hint)  # noqa: TRY400
        pepper = secrets.token_bytes(LENGTH)
    keyring = Keyring(stores.keys, pepper=pepper, clock=clock)
    if settings.api_key is not None:
        await keyring.adopt(settings.api_key)
    if settings.database_file is not None:  # one machine has it alone
        return keyring, []
    joining = Introduction(stores.joining, pepper=pepper, clock=clock)
    return keyring, [partial(every, JOINING_S, joining.answer, "keys.joining")]
