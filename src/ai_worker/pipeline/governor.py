"""The governor: nothing goes out that would be one too many for a platform, whichever node sends it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Need

log = structlog.get_logger(__name__)

BATCH = 500
"""Most messages that are counted in one transaction."""

PACE_S = 0.02
"""Between two transactions for one channel. A single message never waits for it; of a thousand a second
twenty share the cost of one flush to disk, which would otherwise be a quarter of a millisecond for each."""


@dataclass(slots=True)
class _Line:
    """What waits to be counted for one channel."""

    asked: list[tuple[Sequence[Need], asyncio.Future[float]]] = field(default_factory=list)
    asking: asyncio.Task[None] | None = None


class Governor:
    """Counts messages before they are sent.

    What asks while a transaction is on its way to the disk, or shortly after it, is collected for the
    next: one call for many messages.
    """

    def __init__(self, store: ChannelStore) -> None:
        self._store = store
        self._lines: dict[str, _Line] = {}

    async def admit(self, channel: str, needs: Sequence[Need]) -> float:
        """Count a message that is to be sent at once.

        Returns:
            0.0 if it was counted: it must be sent now. Else after how many seconds to ask again;
            nothing was counted then.

        Raises:
            Busy: It is not known whether it was counted; asking again is safe.
        """
        if not needs:
            return 0.0
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(channel, _Line())
        line.asked.append((needs, answer))
        if line.asking is None:
            line.asking = asyncio.create_task(self._ask(channel, line))
        return await answer

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        """Let nothing out that counts to the limit `key` for so long: the platform said that it is used up.

        Raises:
            Busy: The other nodes do not know of it.
        """
        log.warning("governor.blocked", channel=channel, limit=key, seconds=round(seconds, 1))
        await self._store.block(channel, key, seconds=seconds)

    async def _ask(self, channel: str, line: _Line) -> None:
        """Ask the store until nobody waits for its answer."""
        try:
            while line.asked:
                asked, line.asked = line.asked[:BATCH], line.asked[BATCH:]
                answers = [answer for _, answer in asked]
                try:
                    waits = await self._store.spend(channel, [needs for needs, _ in asked])
                except Busy as busy:
                    _fail(answers, busy)
                except Exception as defect:  # a task boundary: whoever waits must hear of it
                    log.exception("governor.defect", channel=channel)
                    _fail(answers, defect)
                else:
                    _tell(answers, waits)
                await asyncio.sleep(PACE_S)
        finally:
            line.asking = None


def _tell(answers: Sequence[asyncio.Future[float]], waits: Sequence[float]) -> None:
    for answer, wait in zip(answers, waits, strict=True):
        if not answer.done():  # its sender was cancelled: what was counted for it is not used
            answer.set_result(wait)


def _fail(answers: Sequence[asyncio.Future[float]], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
