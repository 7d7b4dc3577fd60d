"""Keeping one long connection to a platform alive: the same rules for every platform.

A platform's folder says how to connect (`Dial`) and what its frames mean (`Link`); whether a
connection lives, who may hold it, when to try again and when to leave it alone is decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

import structlog

from ai_worker.channels.contract import ChannelHealth
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError, Busy
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.channel_store import ChannelStore

log = structlog.get_logger(__name__)

Ending = Literal["lost", "displaced"]
"""`lost`: closed or broken, whoever did it. `displaced`: another instance took the connection over."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes, in seconds. Only tests have a reason for other figures."""

    dial_s: float = 15.0
    """Discovery, connecting and subscribing may take this long together: none of them may hang for ever."""

    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    refused_pause_s: float = 300.0
    """After `REFUSED_TIMES` refusals of the credentials in a row, they are tried only this often."""

    stood_s: float = 10.0
    """A connection that stood for this long was a good one: the next is opened at once."""

    fell_cap_s: float = 5.0
    """The longest wait after connections that were accepted and then fell soon: the platform is there, and
    what it cannot hand over meanwhile may be gone."""

    lease_s: float = 15.0
    renew_s: float = 5.0
    look_s: float = 1.0
    """How often a connection's liveness, and a word of the operator, are looked for."""

    rotated_s: float = 30.0
    """How long the old connection is still read after the new one stands."""

    close_s: float = 5.0
    """A connection that does not close within this is left to the operating system."""


PACE = Pace()
REFUSED_TIMES = 5

DISPLACED, STAY_AWAY = "displaced", timedelta(hours=1)
"""Key under which all nodes, and later starts, find that another instance took the connection over; it is
left alone for so long, or until the operator's word."""


class ConnectFailed(AiWorkerError):
    """A long connection could not be made."""

    code = "channel.connect_failed"
    hint = "See the channel's page in the console, or `ai-worker channels test NAME`."

    def __init__(self, platform: str, detail: str, *, refused: bool = False, pause_s: float = 0.0) -> None:
        super().__init__(f"{platform}: {detail}")
        self.refused = refused
        """The platform does not accept who we are: trying at once again is useless."""

        self.pause_s = pause_s
        """Seconds that the platform asks us to wait; 0 when it does not say."""


class Link(Protocol):
    """One accepted connection of a platform."""

    rotating: asyncio.Event
    """Set when the platform has said that it will close this connection: another is opened first."""

    heard_at: float
    """When the last frame or pong came in, in `Clock.monotonic` seconds. An open socket proves nothing."""

    async def serve(self) -> Ending:
        """Handle frames until the connection ends; a malformed frame harms nothing but itself."""
        ...

    async def close(self) -> None:
        """Close it; `serve` then returns."""
        ...


Dial = Callable[[], Awaitable[Link]]
"""Connects, subscribes and returns once the platform has accepted it. Raises `ConnectFailed`."""


class LongConnection:
    """Keeps one link up for one channel, for as long as `run` runs."""

    def __init__(
        self,
        channel: str,
        dial: Dial,
        *,
        silent_s: float,
        single: bool,
        clock: Clock,
        store: ChannelStore,
        pace: Pace = PACE,
    ) -> None:
        """Prepare; nothing goes over the network before `run`.

        Args:
            channel: The configured channel's name.
            dial: Makes a link.
            silent_s: A link from which nothing was heard for so long is dead.
            single: The platform allows one connection: one node holds it, by a lease in the store.
            clock: Tells the time.
            store: Where nodes agree who connects.
            pace: How long everything takes.
        """
        self._channel, self._dial, self._silent_s, self._single = channel, dial, silent_s, single
        self._clock, self._store, self._pace = clock, store, pace
        self._owner = new_id("link")
        self._lease = f"connection:{channel}"
        self._resumed = asyncio.Event()
        self._running = False
        self._serving: asyncio.Task[Ending] | None = None
        self._old: set[asyncio.Task[None]] = set()
        self._untold: datetime | None = None
        """Until when to stay away, as long as the store could not be told."""

        self.link: Link | None = None
        """The link that stands now; `None` while there is none, or another node has it."""

        self.connected_at: datetime | None = None
        self.displaced = False
        self.elsewhere = False
        """Another node holds the one connection."""

        self.last_error = ""

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        attempt = refusals = falls = 0
        self._running = True
        try:
            while True:
                if not await self._mine() or await self._stays_away():
                    await self._rest(self._pace.renew_s)
                    continue
                try:
                    link = await self._connect()
                except ConnectFailed as failure:
                    attempt, refusals = attempt + 1, refusals + 1 if failure.refused else 0
                    await self._pause(failure, attempt, refusals)
                    continue
                attempt = refusals = 0
                began = self._clock.monotonic()
                if await self._keep(link) == "displaced":
                    await self._give_way()
                    continue
                falls = 0 if self._clock.monotonic() - began >= self._pace.stood_s else falls + 1
                if falls:
                    await self._rest(backoff(falls, base=self._pace.backoff_base_s, cap=self._pace.fell_cap_s))
        finally:
            self._running = False
            await self._leave()

    async def resume(self) -> None:
        """Connect again although another instance had taken over; heard by whichever node waits for it.

        Raises:
            Busy: The store cannot be asked now.
        """
        await self._store.forget(self._channel, DISPLACED)
        self._untold = None
        self._resumed.set()

    async def try_once(self) -> None:
        """Show that the settings are right: connect and hang up, unless this or another node is connected.

        Raises:
            ConnectFailed: It did not work, or a stranger has the connection, who would be thrown out.
            Busy: The store cannot be asked now.
        """
        if self.link is not None:
            return
        if self._running:
            raise ConnectFailed(self._channel, self.last_error or "it is about to connect")
        if await self._store.recall(self._channel, DISPLACED) is not None:
            raise ConnectFailed(self._channel, "another instance has taken the connection over")
        if not await self._mine():
            return
        try:
            await (await self._connect()).close()
        finally:
            if self._single:
                await self._store.disown(self._lease, owner=self._owner)

    def health(self) -> ChannelHealth:
        """Return how the connection is doing; the channel adds what it knows of messages."""
        if self.displaced:
            detail = "another instance has taken the connection over; stop it, then resume this channel"
            return ChannelHealth("down", detail, last_error=self.last_error, displaced=True)
        if self.link is not None:
            return ChannelHealth("ready", last_error=self.last_error, connected_at=self.connected_at)
        if self.elsewhere:
            return ChannelHealth("ready", "connected from another node", last_error=self.last_error)
        return ChannelHealth(
            "degraded" if self.last_error else "connecting", self.last_error, last_error=self.last_error
        )

    async def _mine(self) -> bool:
        """Return whether this node may connect now, and keep other nodes from it for a while."""
        if not self._single:
            return True
        try:
            mine = await self._store.own(self._lease, owner=self._owner, lease=timedelta(seconds=self._pace.lease_s))
        except Busy:
            return False
        self.elsewhere = not mine
        return mine

    async def _connect(self) -> Link:
        try:
            async with asyncio.timeout(self._pace.dial_s):
                return await self._dial()
        except TimeoutError:
            raise ConnectFailed(self._channel, f"no connection within {self._pace.dial_s:g} s") from None
        except ConnectFailed:
            raise
        except Exception as defect:  # a defect in one attempt must not end all later ones
            log.exception("channel.dial_defect", channel=self._channel)
            raise ConnectFailed(self._channel, f"a defect: {type(defect).__name__}") from defect

    async def _pause(self, failure: ConnectFailed, attempt: int, refusals: int) -> None:
        self.last_error = str(failure)
        slow = refusals >= REFUSED_TIMES
        pace = self._pace
        seconds = pace.refused_pause_s if slow else backoff(attempt, base=pace.backoff_base_s, cap=pace.backoff_cap_s)
        seconds = max(seconds, failure.pause_s)
        report = log.error if slow else log.warning
        report(
            "channel.connect_failed",
            channel=self._channel,
            attempt=attempt,
            seconds=round(seconds, 1),
            error=str(failure),
        )
        await self._rest(seconds)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not past the operator's word."""
        self._resumed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._resumed.wait()

    async def _keep(self, link: Link) -> Ending:
        """Serve a link until it ends or is dead; change over to a new one when the platform asks for it."""
        while True:
            self.link, self.connected_at, self.last_error = link, self._clock.now(), ""
            log.info("channel.connected", channel=self._channel)
            self._serving = serving = asyncio.create_task(link.serve())
            ending = await self._watch(link, serving)
            if ending != "rotating":
                self.link, self.connected_at = None, None
                await self._end(link, serving)
                log.warning("channel.connection_ended", channel=self._channel, ending=ending)
                return ending
            successor = await self._successor()
            if successor is None:
                self.link, self.connected_at = None, None
                self._let_run_out(link, serving)
                return "lost"
            self._let_run_out(link, serving)
            link = successor

    async def _watch(self, link: Link, serving: "asyncio.Task[Ending]") -> Literal["lost", "displaced", "rotating"]:
        renewed = self._clock.monotonic()
        rotating = asyncio.create_task(link.rotating.wait())  # heard at once: the platform may be silent from now on
        try:
            while True:
                await asyncio.wait({serving, rotating}, timeout=self._pace.look_s, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    return self._ending(serving)
                if link.rotating.is_set():
                    return "rotating"
                now = self._clock.monotonic()
                if now - link.heard_at > self._silent_s:
                    self.last_error = f"nothing was heard for {self._silent_s:.0f} s"
                    return "lost"
                if self._single and now - renewed >= self._pace.renew_s:
                    if not await self._mine():
                        if not self.elsewhere and now - renewed < self._pace.lease_s - self._pace.renew_s:
                            continue  # the store is slow; the lease still runs
                        self.last_error = "the lease of the connection was lost"
                        return "lost"
                    renewed = now
        finally:
            rotating.cancel()

    def _ending(self, serving: "asyncio.Task[Ending]") -> Ending:
        error = serving.exception()
        if error is None:
            return serving.result()
        self.last_error = type(error).__name__
        log.error("channel.link_defect", channel=self._channel, exc_info=error)
        return "lost"

    async def _successor(self) -> Link | None:
        try:
            return await self._connect()
        except ConnectFailed as failure:
            self.last_error = str(failure)
            log.warning("channel.rotation_failed", channel=self._channel, error=str(failure))
            return None

    def _let_run_out(self, link: Link, serving: "asyncio.Task[Ending]") -> None:
        """Go on reading the old link until the platform closes it, for a bounded time."""

        async def run_out() -> None:
            try:
                await asyncio.wait({serving}, timeout=self._pace.rotated_s)
            finally:
                await self._end(link, serving)

        task = asyncio.create_task(run_out())
        self._old.add(task)
        task.add_done_callback(self._old.discard)

    async def _end(self, link: Link, serving: "asyncio.Task[Ending]") -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._pace.close_s):
                await link.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def _give_way(self) -> None:
        """Leave the connection to the instance that took it: two would throw each other out for ever."""
        if not await self._mine() and self.elsewhere:
            return  # it was a node of our own, which has the lease by now
        log.error("channel.displaced", channel=self._channel)
        self.displaced = True
        self._untold = self._clock.now() + STAY_AWAY

    async def _stays_away(self) -> bool:
        """Return whether another instance has the connection and the operator has not said to take it back."""
        try:
            if self._untold is not None:
                until = self._untold
                await self._store.remember(self._channel, DISPLACED, until.isoformat(), until=until)
                self._untold = None
            self.displaced = await self._store.recall(self._channel, DISPLACED) is not None
        except Busy:
            return True
        return self.displaced

    async def _leave(self) -> None:
        for task in list(self._old):
            task.cancel()
        await asyncio.gather(*self._old, return_exceptions=True)
        if self.link is not None and self._serving is not None:
            await self._end(self.link, self._serving)
        self.link, self.connected_at = None, None
        if self._single:
            with suppress(Busy):
                await self._store.disown(self._lease, owner=self._owner)
