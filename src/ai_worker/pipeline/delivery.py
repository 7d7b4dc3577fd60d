"""Delivery: durable replies go out, in order within a conversation, until their end is known."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.facts import ReplySettled
from ai_worker.pipeline.files import FileStore, NoSuchFile
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.leases import LeaseRanOut, Leases
from ai_worker.pipeline.outbox import Apology, Uncarried, as_carried, as_sent
from ai_worker.pipeline.sending import Deliverer, Need, SendFailed, Sent
from ai_worker.pipeline.store import FinalState, OutboundMessage, PipelineStore

log = structlog.get_logger(__name__)


def _named(text: str, names: Sequence[str]) -> str:
    """Return a reply's words with the names of what could not go with it."""
    return "\n".join([text, *names]).strip()


class _NoRoom(Exception):
    """It cannot be sent for so many seconds: the platform takes no more, or the store is busy."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


POLL_S = 0.5
"""How often the store is asked for due rows when nobody has called `wake`."""

BATCH = 200
MOST_SENDS = 20_000
"""Rows in work at once; nothing more is claimed above it."""

SOONEST_S = 1.0
"""A row that goes back is not due sooner: by then its task here has ended, whoever claims it."""

MAX_ATTEMPTS = 8
PER_CHANNEL = 200
"""Sends in progress at once on one channel; more wait here, with their leases renewed."""

CARRYING = 3
"""Sends with files at once: each holds what it carries in memory."""

PATIENCE_S = 2.0
"""How long a message waits here, all in all, for room under a platform's limit; else it goes back to the store."""


class Delivery:
    """Carries outbound messages to their channels.

    Rows reach it in two ways: `begin` hands over replies that a finished turn has just made durable
    (they are this owner's already), and the loop claims what is due after a failure, a restart, or
    because a person wrote it. The store gives out one row of a conversation at a time, so order
    needs no lock here.

    Before each send the governor is asked for room under the platform's limits. A message that has to
    wait for long, or whose channel is connected on another node, goes back to the store: it has not
    failed, so that is no attempt, and nothing of it is kept here.
    """

    def __init__(
        self,
        store: PipelineStore,
        *,
        deliverers: Mapping[str, Deliverer],
        governor: Governor,
        events: EventBus,
        clock: Clock,
        owner: str,
        apology: Apology = str,
        files: FileStore | None = None,
        uncarried: Uncarried = _named,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Put the delivery between a store and its channels.

        Args:
            store: Keeps what is to go out.
            deliverers: Who carries it, by channel; they may change while it runs.
            governor: Says when there is room under the platforms' limits.
            events: Told how each delivery ended.
            clock: Tells the time.
            owner: Name of this process.
            apology: What a late answer begins with; by default it goes out as it is.
            files: Has what replies carry; `None` where none does.
            uncarried: Words a reply whose files cannot go where it goes.
            patience_s: How long a message waits here for room under a platform's limit.
        """
        self._store = store
        self._deliverers = deliverers
        self._governor = governor
        self._events = events
        self._clock = clock
        self._owner = owner
        self._apology = apology
        self._files = files
        self._uncarried = uncarried
        self._carrying = asyncio.Semaphore(CARRYING)
        self._patience_s = patience_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._claiming = False
        self._sends: dict[str, asyncio.Task[None]] = {}
        self._leases = Leases(store, clock=clock)
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_CHANNEL))

    @property
    def active(self) -> int:
        """How many rows are in work: being sent, or waiting shortly for their turn.

        A claim under way counts as one: its rows may be this owner's already.
        """
        return len(self._sends) + self._claiming

    def wake(self) -> None:
        """Look into the store now: something may be due."""
        self._wake.set()

    def begin(self, messages: Sequence[OutboundMessage]) -> None:
        """Send rows that are this owner's and stored as being sent; one that is in work stays so."""
        for message in messages:
            self._leases.take(message)
            if message.id not in self._sends:
                task = asyncio.create_task(self._send(message))
                self._sends[message.id] = task
                task.add_done_callback(partial(self._ended, message.id))

    async def run(self) -> None:
        """Claim and send due rows until `drain` is called."""
        renewing = asyncio.create_task(self._leases.renew())
        try:
            while not self._stopping:
                self._wake.clear()
                wanted = min(BATCH, MOST_SENDS - len(self._sends))
                due = await self._claim(wanted) if wanted > 0 else []
                self.begin(due)
                self._claiming = False
                if wanted <= 0 or len(due) < wanted:
                    await self._sleep(POLL_S)
        finally:
            renewing.cancel()

    async def drain(self, seconds: float) -> None:
        """Stop claiming and give the sends in progress `seconds` to end. The rest stays durable."""
        self._stopping = True
        self._wake.set()
        if self._sends:
            await asyncio.wait(set(self._sends.values()), timeout=seconds)
        sends = list(self._sends.values())
        for task in sends:
            task.cancel()
        await asyncio.gather(*sends, return_exceptions=True)

    async def _claim(self, limit: int) -> list[OutboundMessage]:
        elsewhere = [name for name, deliverer in self._deliverers.items() if not deliverer.sends_here()]
        now = self._clock.now()
        self._claiming = True
        try:
            return await self._store.claim_outbound(owner=self._owner, limit=limit, now=now, without=elsewhere)
        except Busy:
            log.warning("delivery.store_busy")
            return []

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _ended(self, outbound_id: str, _task: asyncio.Task[None]) -> None:
        del self._sends[outbound_id]
        self._leases.give_up(outbound_id)

    async def _send(self, message: OutboundMessage) -> None:
        """Send one message and record how that ended, or when it is to be tried again."""
        if message.kind != "proactive" and self._clock.now() >= message.expires_at:
            late: FinalState = "unknown" if message.unsure else "expired"  # an earlier send of it may have arrived
            await self._settle(message, late, error="not deliverable in time")
            return
        deliverer = self._deliverers.get(message.channel)
        if deliverer is None:
            gone: FinalState = "unknown" if message.unsure else "failed"
            await self._settle(message, gone, error="the channel is no longer configured")
            return
        if not deliverer.sends_here():
            await self._postpone(message, 0.0, unsure=message.unsure)
            return
        try:
            sent = await self._send_in_turn(deliverer, message)
        except _NoRoom as full:
            await self._postpone(message, max(full.seconds, SOONEST_S), unsure=message.unsure)
        except SendFailed as failure:
            await self._failed(message, failure)
        except LeaseRanOut:  # a process that was paused, or cut off from its store: the row comes back as unsure
            log.warning("delivery.lease_ran_out", channel=message.channel, outbound=message.id)
        except Exception as defect:  # a task boundary: a defect in one channel must not stop the others
            log.exception("delivery.defect", channel=message.channel, outbound=message.id)
            unknown = SendFailed(message.channel, type(defect).__name__, retry_after=5.0, unsure=True)
            await self._failed(message, unknown)
        else:
            state: FinalState = "delivered" if sent.confirmed else "sent"
            await self._settle(message, state, platform_id=sent.platform_id)

    async def _send_in_turn(self, deliverer: Deliverer, message: OutboundMessage) -> Sent:
        """Send a message once there is a slot, and room under the platform's limits.

        Raises:
            _NoRoom: That takes too long to wait for it here.
            SendFailed: The platform did not take it.
            LeaseRanOut: It is not ours to send any more.
        """
        patience = self._patience_s
        while True:
            async with self._slots[message.channel]:
                made = as_sent(message, now=self._clock.now(), apology=self._apology)
                made = as_carried(made, deliverer, self._uncarried)
                wait = await self._ask(message, deliverer.needs(made))
                if wait <= 0:
                    whole = await self._merged(deliverer, made)
                    return await self._carry(deliverer, whole)
            if (patience := patience - wait) < 0:
                raise _NoRoom(wait)
            await asyncio.sleep(wait)

    async def _carry(self, deliverer: Deliverer, message: OutboundMessage) -> Sent:
        """Hand a message over, with the contents of the files that it carries."""
        if not message.reply.attachments or self._files is None:
            return await self._leases.within(message.id, partial(deliverer.deliver, message))
        async with self._carrying:
            try:
                contents = {file.id: await self._files.read(file.id) for file in message.reply.attachments}
            except Busy as busy:
                raise _NoRoom(busy.retry_after) from None
            except NoSuchFile as gone:
                raise SendFailed(message.channel, str(gone), retry_after=None) from None
            whole = replace(message, contents=contents)
            return await self._leases.within(message.id, partial(deliverer.deliver, whole))

    async def _merged(self, deliverer: Deliverer, message: OutboundMessage) -> OutboundMessage:
        """Return a proactive message with those that wait behind it, where the platform's limits are so low."""
        if message.kind != "proactive" or not deliverer.merges or message.unsure:
            return message
        try:
            return await self._store.merge(message, most_bytes=deliverer.merges)
        except Busy as busy:  # it may have all their words by now: what is stored must be read again
            raise _NoRoom(busy.retry_after) from None

    async def _ask(self, message: OutboundMessage, needs: Sequence[Need]) -> float:
        """Return for how many seconds there is no room; 0.0 if the message was counted and must go out."""
        while True:
            try:
                return await self._governor.admit(message.channel, needs)
            except Busy as busy:  # it is ours, and unsent: giving it up now would make it look as if it might be sent
                left = self._leases.left(message.id)
                if left is not None and left <= busy.retry_after:
                    raise LeaseRanOut from None
                await asyncio.sleep(busy.retry_after)

    async def _failed(self, message: OutboundMessage, failure: SendFailed) -> None:
        unsure = message.unsure or failure.unsure
        if failure.retry_after is None or (message.attempt >= MAX_ATTEMPTS and not failure.blocks):
            await self._settle(message, "unknown" if unsure else "failed", error=str(failure))
            return
        delay = max(failure.retry_after, backoff(message.attempt, base=1.0, cap=60.0))
        log.warning("delivery.postponed", channel=message.channel, outbound=message.id, seconds=round(delay, 1))
        if failure.blocks:
            await self._block(message.channel, failure.blocks, failure.retry_after)
        await self._postpone(message, delay, error=str(failure), unsure=unsure, counts=not failure.blocks)

    async def _block(self, channel: str, key: str, seconds: float) -> None:
        try:
            await self._governor.block(channel, key, seconds=seconds)
        except Busy:  # the others hear it from the platform; this message waits in any case
            log.warning("delivery.store_busy", channel=channel, limit=key)

    async def _postpone(
        self, message: OutboundMessage, seconds: float, *, unsure: bool, error: str = "", counts: bool = False
    ) -> None:
        """Give a row back that is to be claimed after so many seconds."""
        until = self._clock.now() + timedelta(seconds=seconds)
        while True:
            try:
                mine = self._leases.row(message.id)
                await self._store.postpone(mine, until=until, error=error, unsure=unsure, counts=counts)
                break
            except Busy as busy:  # left alone it would look, after its lease, as if it might have been sent
                await asyncio.sleep(busy.retry_after)

    async def _settle(
        self, message: OutboundMessage, state: FinalState, *, error: str = "", platform_id: str = ""
    ) -> None:
        now = self._clock.now()
        while True:
            try:
                mine = self._leases.row(message.id)  # claimed anew, perhaps, while the store was busy
                more = await self._store.settle(mine, state, now=now, error=error, platform_id=platform_id)
                break
            except Busy as busy:  # it has gone out: forgetting that would send it twice
                await asyncio.sleep(busy.retry_after)
        if more:
            self.wake()
        seconds = (now - message.created_at).total_seconds()
        self._events.publish(ReplySettled(message.channel, message.conversation_id, message.id, state, seconds))
