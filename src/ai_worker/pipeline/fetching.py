"""Fetching: the pictures and files that messages only name are brought home while the platform keeps them.

A message is accepted, answered and shown without waiting for any of it. What is to be fetched stands in
the store since the message was accepted, so a crash forgets nothing; what cannot be had says why.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ai_worker.conversation.message import InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput, Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.facts import ConversationChanged
from ai_worker.pipeline.files import Fetched, FileStore, Wanted, attached
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

Fetch = Callable[[Part, InboundMessage], Awaitable[Fetched]]
"""Brings what a part of a message names. Raises `SendFailed`."""

POLL_S = 1.0
"""How often the store is asked for what is to be fetched; addresses of an AI bot's files are good for five minutes."""

AT_ONCE = 3
"""Files that are being fetched: each is held in memory whole, for some platforms encrypt them as one."""

WITHIN_S = 50.0
LEASE = timedelta(seconds=60)
"""A fetch is given up before somebody else may begin it."""

GIVE_UP_AFTER = timedelta(days=3)
"""So long the platforms keep what is sent; what could not be had by then is not tried again."""

RETRY_BASE_S, RETRY_CAP_S = 5.0, 900.0


class Fetching:
    """Fetches what messages name, of all channels, a few at a time."""

    def __init__(
        self,
        fetch_of: Callable[[str], Fetch | None],
        *,
        store: FileStore,
        events: EventBus,
        clock: Clock,
        poll_s: float = POLL_S,
    ) -> None:
        """Put it between the store and the platforms.

        Args:
            fetch_of: Returns how a channel's files are fetched; `None` for one that is not configured.
            store: Says what is wanted, and keeps it.
            events: Told when a conversation has got a file, or will not get it.
            clock: Tells the time.
            poll_s: Between two looks into the store.
        """
        self._fetch_of = fetch_of
        self._store = store
        self._events = events
        self._clock = clock
        self._poll_s = poll_s

    async def run(self) -> None:
        """Fetch until cancelled."""
        at_work: set[asyncio.Task[None]] = set()
        try:
            while True:
                room = AT_ONCE - len(at_work)
                found = await self._claim(room)
                at_work |= {asyncio.create_task(self._one(wanted)) for wanted in found}
                if len(at_work) == AT_ONCE:
                    await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
                elif len(found) < room:
                    await asyncio.sleep(self._poll_s)
                at_work = {task for task in at_work if not task.done()}
        finally:
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)

    async def _claim(self, limit: int) -> list[Wanted]:
        try:
            return await self._store.claim(limit=limit, lease=LEASE, now=self._clock.now())
        except Busy:
            log.warning("fetching.store_busy")
            return []

    async def _one(self, wanted: Wanted) -> None:
        """Fetch one file and keep it, or write down why not."""
        try:
            await self._keep(wanted)
        except SendFailed as failure:
            await self._failed(wanted, str(failure), failure.retry_after)
        except BadInput as refused:  # too large, or empty
            await self._failed(wanted, str(refused), None)
        except TimeoutError:
            await self._failed(wanted, "it takes too long", RETRY_BASE_S)
        except Busy:  # its lease runs out, and it comes back
            log.warning("fetching.store_busy")
        except Exception as defect:  # a task boundary: one file must not stop the others
            log.exception("fetching.defect", channel=wanted.message.channel, file=wanted.id)
            await self._failed(wanted, type(defect).__name__, RETRY_CAP_S)

    async def _keep(self, wanted: Wanted) -> None:
        fetch = self._fetch_of(wanted.message.channel)
        if fetch is None:
            raise SendFailed(wanted.message.channel, "the channel is no longer configured", retry_after=None)
        async with asyncio.timeout(WITHIN_S):
            fetched = await fetch(wanted.part, wanted.message)
        name = fetched.name or (wanted.part.text if wanted.part.kind == "file" else "")
        attachment = attached(
            fetched.content, name=name, kind=wanted.part.kind, media_type=fetched.media_type, id=wanted.id
        )
        await self._store.keep(wanted.id, attachment, fetched.content)
        self._changed(wanted)

    async def _failed(self, wanted: Wanted, why: str, retry_after: float | None) -> None:
        """Write down that it failed, for now or for good; if that cannot be written, it comes back by itself."""
        over = self._clock.now() - wanted.since > GIVE_UP_AFTER
        try:
            if retry_after is None or over:
                log.info("fetching.given_up", channel=wanted.message.channel, file=wanted.id, error=why)
                await self._store.fail(wanted.id, error=why)
                self._changed(wanted)
                return
            pause = max(retry_after, backoff(wanted.attempt, base=RETRY_BASE_S, cap=RETRY_CAP_S))
            until = self._clock.now() + timedelta(seconds=pause)
            await self._store.postpone(wanted.id, until=until, error=why)
        except Busy:
            log.warning("fetching.store_busy")

    def _changed(self, wanted: Wanted) -> None:
        self._events.publish(ConversationChanged(wanted.conversation_id))
