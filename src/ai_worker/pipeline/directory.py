"""The directory: asks the platforms who their contacts are, once a day at most, beside the conversation.

A contact of whom nothing is known, or nothing of today, is put on a list after the message was
accepted. One list a channel is worked through, one contact at a time. What comes of it is a name for
people to read, and a department that says what somebody may read. Whatever fails here is tried later or
left; a turn to which it matters waits for a moment and goes on without.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ai_worker.conversation.contacts import ContactKey, ContactStore
from ai_worker.conversation.message import Contact
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.facts import ConversationChanged, MessageReceived
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

LookUp = Callable[[str], Awaitable[Contact | None]]
"""Returns a contact's name and department; `None` if the platform does not say. Raises `SendFailed`."""

STALE = timedelta(hours=24)
"""How long what the platform said is good for; as long as it is not asked again when it said nothing."""

REMEMBERED = 10_000
"""Contacts of one channel that are remembered as known; one that was forgotten costs one look into the store."""

WAITING = 1_000
"""Contacts of one channel that wait. Who finds the list full is put on it by a later message."""

PAUSE_S = 0.5
"""Between two questions to one platform: far below what any of them allows."""

ANSWER_S = 30.0
"""How long one question may take."""

RETRY_BASE_S, RETRY_CAP_S = 5.0, 300.0

MET_AT_ONCE = 3
"""Contacts of one channel for whom somebody waits; further ones would wait in vain."""


class Directory:
    """Looks up the contacts of channels whose platform has a directory."""

    def __init__(
        self,
        look_up_of: Callable[[str], LookUp | None],
        *,
        store: ContactStore,
        events: EventBus,
        clock: Clock,
        pause_s: float = PAUSE_S,
    ) -> None:
        """Begin to hear of messages; nothing is asked until `run`.

        Args:
            look_up_of: Returns how a channel's platform is asked; `None` for one that has no directory. It
                is called for every message, for channels come and go.
            store: Keeps what the platforms say.
            events: Tells of messages; told when a conversation's contact has got a name.
            clock: Tells the time.
            pause_s: Between two questions to one platform.
        """
        self._look_up_of = look_up_of
        self._store = store
        self._events = events
        self._clock = clock
        self._pause_s = pause_s
        self._desks: dict[str, _Desk] = {}
        self._opened = asyncio.Queue[_Desk]()
        events.subscribe(MessageReceived, self._hear)

    def _hear(self, fact: MessageReceived) -> None:
        look_up = self._look_up_of(fact.channel) if fact.contact_id else None
        if look_up is not None:
            desk = self._desks.get(fact.channel) or self._open(fact.channel)
            desk.look_up = look_up
            desk.hear(fact.contact_id, fact.conversation_id)

    async def meet(self, channel: str, contact_id: str, *, within_s: float) -> None:
        """Look a contact up before all others, unless that was done, and wait for its end; at most `within_s`.

        Nobody waits where the platform has no directory or does not answer at present, or where others are
        waited for already.
        """
        look_up = self._look_up_of(channel)
        if look_up is not None:
            desk = self._desks.get(channel) or self._open(channel)
            desk.look_up = look_up
            await desk.meet(contact_id, within_s=within_s)

    def _open(self, channel: str) -> "_Desk":
        desk = _Desk(channel, store=self._store, events=self._events, clock=self._clock, pause_s=self._pause_s)
        self._desks[channel] = desk
        self._opened.put_nowait(desk)
        return desk

    async def run(self) -> None:
        """Look contacts up until cancelled."""
        async with asyncio.TaskGroup() as at_work:
            while True:
                desk = await self._opened.get()
                at_work.create_task(desk.run())


class _Desk:
    """One channel's list."""

    look_up: LookUp
    """How the platform is asked: the channel's latest, for its settings may have changed."""

    def __init__(self, channel: str, *, store: ContactStore, events: EventBus, clock: Clock, pause_s: float) -> None:
        self._channel = channel
        self._store = store
        self._events = events
        self._clock = clock
        self._pause_s = pause_s
        self._good_until = OrderedDict[str, float]()
        """By contact, in `Clock.monotonic` seconds; the one that was asked for last stands last."""

        self._waiting = OrderedDict[str, int]()
        """The contacts to look up, each with its conversation (0: not known), first come first."""

        self._met: dict[str, asyncio.Future[None]] = {}
        """Whom somebody waits for."""

        self._at = ""
        """Who is being looked up."""

        self._come = asyncio.Event()
        self._failures = 0

    async def meet(self, contact_id: str, *, within_s: float) -> None:
        """Look a contact up first, and wait for it; see `Directory.meet`."""
        if self._is_known(contact_id) or self._failures:
            return
        met = self._met.get(contact_id)
        if met is None:
            if len(self._met) >= MET_AT_ONCE:
                return
            met = self._met[contact_id] = asyncio.get_running_loop().create_future()
            if contact_id != self._at:
                self._waiting.setdefault(contact_id, 0)
                self._waiting.move_to_end(contact_id, last=False)
                self._come.set()
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(met)
        except TimeoutError:
            self._met.pop(contact_id, None)

    def hear(self, contact_id: str, conversation_id: int) -> None:
        """Put a contact on the list, unless it is known."""
        if self._is_known(contact_id):
            self._good_until.move_to_end(contact_id)
        elif len(self._waiting) < WAITING:
            self._waiting.setdefault(contact_id, conversation_id)
            self._come.set()

    async def run(self) -> None:
        """Work through the list, and wait for more."""
        while True:
            if not self._waiting:
                self._come.clear()
                await self._come.wait()
            contact_id, conversation_id = self._waiting.popitem(last=False)
            if not self._is_known(contact_id):
                self._at = contact_id
                rest = await self._one(contact_id, conversation_id)
                self._at = ""
                self._tell(contact_id)
                await asyncio.sleep(rest)

    async def _one(self, contact_id: str, conversation_id: int) -> float:
        """Look one contact up; return how many seconds to rest."""
        try:
            async with asyncio.timeout(ANSWER_S):
                if (good := await self._kept(contact_id)) > timedelta(0):
                    self._remember(contact_id, good)
                    return 0.0
                found = await self.look_up(contact_id)
                if found is not None and (found.name or found.department):
                    await self._store.keep(self._channel, found, at=self._clock.now())
                    if conversation_id:
                        self._events.publish(ConversationChanged(conversation_id))
        except SendFailed as failure:
            if failure.retry_after is not None:
                return self._put_back(contact_id, conversation_id, str(failure), at_least_s=failure.retry_after)
            log.info("directory.refused", channel=self._channel, error=str(failure))
        except (Busy, TimeoutError) as failure:
            return self._put_back(contact_id, conversation_id, type(failure).__name__)
        except Exception:  # a task boundary: no name is worth the service
            log.exception("directory.failed", channel=self._channel)
        self._failures = 0
        self._remember(contact_id, STALE)
        return self._pause_s

    def _tell(self, contact_id: str) -> None:
        """Let go on whoever waits for a contact that was looked up."""
        met = self._met.pop(contact_id, None)
        if met is not None and not met.done():
            met.set_result(None)

    async def _kept(self, contact_id: str) -> timedelta:
        """Return for how long what is in the store is good; nothing or less if it is not."""
        known = await self._store.known(ContactKey(self._channel, contact_id))
        if known is None or known.looked_up_at is None:
            return timedelta(0)
        return min(STALE, STALE - (self._clock.now() - known.looked_up_at))

    def _put_back(self, contact_id: str, conversation_id: int, why: str, *, at_least_s: float = 0.0) -> float:
        """Let a contact wait behind the others, and the platform be left alone the longer the more often it failed."""
        self._failures += 1
        if len(self._waiting) < WAITING:
            self._waiting.setdefault(contact_id, conversation_id)
        log.info("directory.unreachable", channel=self._channel, failures=self._failures, error=why)
        return max(at_least_s, backoff(self._failures, base=RETRY_BASE_S, cap=RETRY_CAP_S))

    def _is_known(self, contact_id: str) -> bool:
        return self._good_until.get(contact_id, 0.0) > self._clock.monotonic()

    def _remember(self, contact_id: str, good: timedelta) -> None:
        self._good_until[contact_id] = self._clock.monotonic() + good.total_seconds()
        self._good_until.move_to_end(contact_id)
        if len(self._good_until) > REMEMBERED:
            self._good_until.popitem(last=False)
