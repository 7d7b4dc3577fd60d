"""Answers that the platform pulls: a bot's callback is answered at once, and then asked again and again.

How far an answer is stands in the store, so that any node can be asked, whichever writes it.
"""

import asyncio
from datetime import datetime, timedelta

import msgspec

from ai_worker.channels.wecom.bot_sender import STILL_AT_IT, STREAM_BYTES
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import cut_bytes
from ai_worker.pipeline.channel_store import ChannelStore

PULLED_S = 330.0
"""The platform asks for six minutes from the message; this leaves time for the last answer."""

KEPT = timedelta(hours=24)
LOOK_S = 0.25


class Pulled(msgspec.Struct):
    """How far one answer is."""

    opened_at: datetime
    text: str = ""
    answer: str = ""
    """Id of the outbound message that ends it; empty while it grows."""

    taken: bool = False
    """The platform has been given the end of it."""

    closed: bool = False
    """It was ended without the answer, which goes another way."""


class PulledAnswers:
    """The answers of one channel."""

    def __init__(
        self, channel: str, *, waiting: str, clock: Clock, store: ChannelStore, lasts_s: float = PULLED_S
    ) -> None:
        self._channel, self._waiting, self._lasts_s = channel, waiting, lasts_s
        self._clock, self._store = clock, store

    async def opened(self, stream: str) -> Pulled:
        """Return the answer to a message that came in now, or how far it is if the message is a repeated one.

        May raise `Busy`, like every method here.
        """
        return await self._recall(stream) or await self._remember(stream, Pulled(self._clock.now()))

    async def asked(self, stream: str) -> tuple[str, bool]:
        """Return what to show now, and whether that is the end of it."""
        pulled = await self.opened(stream)
        if pulled.answer and not pulled.closed:
            if not pulled.taken:
                pulled.taken = True
                await self._remember(stream, pulled)
            return pulled.text, True
        if pulled.closed or self._over(pulled):
            if not pulled.closed:
                pulled.closed = True
                await self._remember(stream, pulled)
            shown = cut_bytes(pulled.text, STREAM_BYTES - len(STILL_AT_IT.encode()) - 2)
            return f"{shown}\n\n{STILL_AT_IT}".strip(), True
        return pulled.text or self._waiting, False

    async def grow(self, stream: str, text: str) -> bool:
        """Show `text` from now on; return False if nothing is asked for any more."""
        pulled = await self.opened(stream)
        if pulled.closed or pulled.answer or self._over(pulled):
            return False
        pulled.text = text
        await self._remember(stream, pulled)
        return True

    async def end(self, stream: str, answer: str, text: str, *, within_s: float) -> bool:
        """Let the platform pull the answer; return whether it did, within `within_s` seconds.

        When it did not, it will not get the answer here any more.
        """
        pulled = await self._recall(stream)
        if pulled is None or pulled.closed or (pulled.answer and pulled.answer != answer):
            return False
        if not pulled.answer:
            pulled.answer, pulled.text = answer, text
            await self._remember(stream, pulled)
        for _ in range(1 if self._over(pulled) else max(1, round(within_s / LOOK_S))):
            now = await self._recall(stream)
            if now is not None and now.taken:
                return True
            await asyncio.sleep(LOOK_S)
        pulled.closed = True
        await self._remember(stream, pulled)
        return False

    def _over(self, pulled: Pulled) -> bool:
        return (self._clock.now() - pulled.opened_at).total_seconds() >= self._lasts_s

    async def _recall(self, stream: str) -> Pulled | None:
        kept = await self._store.recall(self._channel, f"stream:{stream}")
        return None if kept is None else msgspec.json.decode(kept, type=Pulled)

    async def _remember(self, stream: str, pulled: Pulled) -> Pulled:
        kept = msgspec.json.encode(pulled).decode()
        await self._store.remember(self._channel, f"stream:{stream}", kept, until=self._clock.now() + KEPT)
        return pulled
