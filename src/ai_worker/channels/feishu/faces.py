"""What the cards with buttons show: remembered, because a pressed button says only whose it is."""

from datetime import timedelta

import msgspec

from ai_worker.channels.feishu.cards import Face
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore

PRESSABLE = timedelta(days=14)
"""The platform updates a card for so long."""


class Faces:
    """The cards of one channel, by the turn whose answer they are."""

    def __init__(self, *, channel: str, clock: Clock, store: ChannelStore) -> None:
        self._channel = channel
        self._clock = clock
        self._store = store

    async def keep(self, face: Face) -> None:
        """Remember what a card shows now.

        Raises:
            Busy: Not now.
        """
        text = msgspec.json.encode(face).decode()
        await self._store.remember(self._channel, _key(face.turn_id), text, until=self._clock.now() + PRESSABLE)

    async def of(self, turn_id: str) -> Face | None:
        """Return what the card of a turn's answer shows; `None` if it has none, or had it too long ago.

        Raises:
            Busy: Not now.
        """
        found = await self._store.recall(self._channel, _key(turn_id))
        return None if found is None else msgspec.json.decode(found, type=Face)


def _key(turn_id: str) -> str:
    return f"face:{turn_id}"
