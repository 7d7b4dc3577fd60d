"""Which cards are open, remembered beyond the life of the process that opened them.

A process that is killed in the middle of an answer leaves a card that spins. As a rule the turn is run
again and its reply ends the card; a turn that is given up has no reply. Such cards are found here.
"""

import asyncio
from datetime import datetime, timedelta

import msgspec

from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore

KEY = "open-cards"
MOST = 500
"""More than are ever open at once; of a longer list the oldest are forgotten."""

REMEMBERED = timedelta(days=1)


class OpenCards:
    """A small list in the store. Two nodes that write it at the same moment may lose an entry, no more."""

    def __init__(self, *, channel: str, store: ChannelStore, clock: Clock) -> None:
        self._channel, self._store, self._clock = channel, store, clock
        self._writing = asyncio.Lock()

    async def add(self, card: str) -> None:
        """Remember that a card was opened now.

        Raises:
            Busy: The store is busy.
        """
        async with self._writing:
            listed = await self._read()
            listed[card] = self._clock.now()
            await self._write(dict(list(listed.items())[-MOST:]))

    async def remove(self, card: str) -> None:
        """Forget a card: it is ended.

        Raises:
            Busy: The store is busy.
        """
        async with self._writing:
            listed = await self._read()
            if listed.pop(card, None) is not None:
                await self._write(listed)

    async def older_than(self, seconds: float) -> list[str]:
        """Return the cards that were opened more than so long ago.

        Raises:
            Busy: The store is busy.
        """
        before = self._clock.now() - timedelta(seconds=seconds)
        return [card for card, opened in (await self._read()).items() if opened < before]

    async def _read(self) -> dict[str, datetime]:
        found = await self._store.recall(self._channel, KEY)
        return {} if found is None else msgspec.json.decode(found, type=dict[str, datetime])

    async def _write(self, listed: dict[str, datetime]) -> None:
        until = self._clock.now() + REMEMBERED
        await self._store.remember(self._channel, KEY, msgspec.json.encode(listed).decode(), until=until)
