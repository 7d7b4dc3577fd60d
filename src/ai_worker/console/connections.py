"""The channels as the console sees them: how they are, what was proved, and what people can do with one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ai_worker.channels import trial
from ai_worker.channels.contract import Channel, ChannelHealth, Probe, Proof
from ai_worker.channels.roster import NoSuchChannel
from ai_worker.channels.sightings import PROOFS, proofs, proofs_of, prove, sighting
from ai_worker.console.channels import ChannelNames
from ai_worker.console.conditions import condition
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.deadletter import DeadLetterStore
from ai_worker.pipeline.push import Pusher


@dataclass(frozen=True, slots=True)
class Card:
    """One channel on the page."""

    name: str
    kind: str
    label: str
    """What its kind is called."""

    title: str
    """The same, with the name where one kind is configured twice."""

    mark: str
    health: ChannelHealth
    detail: str
    error: str
    remedy: str
    """What to do about it; empty if nothing is to be done."""

    age: str
    """How long the long connection has stood; empty without one."""

    proved: list[tuple[str, str]]
    """What was proved, in words, and when."""

    usage: list[tuple[str, int, str]]
    """Of each limit that the channel's messages share: `3 / 18`, in how many seconds, and for how long the
    platform has closed it; empty if it has not."""

    sends: bool
    """Whether a test message can be sent: contacts of a pull channel fetch theirs."""

    names_contact: bool
    """Whether a test message needs to know to whom; a group's robot has its group."""


class Connections:
    """Reads and tries channels."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        memory: ChannelStore,
        names: ChannelNames,
        *,
        pusher: Pusher,
        letters: DeadLetterStore,
        patience_s: float,
        holds: bool,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            channels: By name; they may change at any time.
            memory: Where the processes of the installation say what they have seen.
            names: What channels are called.
            pusher: Sends test messages.
            letters: Where a test message is found if it was given up.
            patience_s: How long somebody waits to hear what came of a test message.
            holds: Whether this process holds the long connections itself.
            clock: Tells the time.
        """
        self._channels, self._memory, self._names, self._holds = channels, memory, names, holds
        self._pusher, self._letters, self._patience_s = pusher, letters, patience_s
        self._clock = clock

    def channel(self, name: str) -> Channel:
        """Return a channel.

        Raises:
            NoSuchChannel: There is none of this name (any more).
        """
        channel = self._channels.get(name)
        if channel is None:
            raise NoSuchChannel(f"there is no channel called {name!r}")
        return channel

    def find(self, name: str, kind: str) -> Channel | None:
        """Return the channel of this name if it is of this kind; `None` while there is none."""
        channel = self._channels.get(name)
        return channel if channel is not None and channel.kind == kind else None

    async def health(self, name: str) -> ChannelHealth:
        """Return how a channel is doing: in the process that connects, if it has said so lately."""
        channel = self.channel(name)
        if not self._holds:
            try:
                seen = await sighting(self._memory, name)
            except Busy:
                seen = None
            if seen is not None:
                return seen.health
        return channel.health()

    async def proofs(self, name: str) -> dict[Proof, datetime]:
        """Return when each proof of a channel was seen last, by any process."""
        own = proofs_of(self.channel(name).health())
        try:
            kept = await proofs(self._memory, name)
        except Busy:
            kept = {}
        return {
            proof: max(at for at in (own.get(proof), kept.get(proof)) if at)
            for proof in PROOFS
            if proof in own or proof in kept
        }

    async def cards(self, t: Words) -> list[Card]:
        """Return all channels."""
        return [await self.card(t, name) for name in list(self._channels)]

    async def card(self, t: Words, name: str) -> Card:
        """Return one channel.

        Raises:
            NoSuchChannel: There is none of this name (any more).
        """
        channel, health, now = self.channel(name), await self.health(name), self._clock.now()
        proved = await self.proofs(name)
        detail = condition(t, health.detail)
        error = condition(t, health.last_error)
        return Card(
            name=name,
            kind=channel.kind,
            label=self._names.kind(t, name),
            title=self._names.title(t, name),
            mark=self._names.mark(t, name),
            health=health,
            detail="" if detail == error else detail,
            error=error,
            remedy=remedy(t, name, health),
            age=t.duration(now - health.connected_at) if health.connected_at else "",
            proved=[(t(f"proof.{proof}"), t.instant(at, now)) for proof, at in proved.items()],
            usage=await self._usage(t, name, channel),
            sends=not channel.pull,
            names_contact=not channel.kind.endswith("-group"),
        )

    async def _usage(self, t: Words, name: str, channel: Channel) -> list[tuple[str, int, str]]:
        limits = channel.limits()
        try:
            used = await self._memory.usage(name, limits) if limits else []
        except Busy:
            used = []
        return [
            (
                f"{one.used} / {one.limit.most}",
                round(one.limit.seconds),
                t.duration(timedelta(seconds=one.blocked_s)) if one.blocked_s else "",
            )
            for one in used
        ]

    async def probe(self, name: str) -> Probe:
        """Ask the platform whether the credentials are good, and keep that they were.

        Raises:
            NoSuchChannel: There is none of this name (any more).
        """
        probe = await trial.ask(self.channel(name))
        if probe.ok:
            with suppress(Busy):  # the reader sees it now; the next check keeps it
                await prove(self._memory, name, "credentials", self._clock.now())
        return probe

    async def send(self, name: str, to: str, text: str) -> trial.Trial:
        """Send a test message; return what came of it.

        Raises:
            NoSuchChannel: There is none of this name (any more).
            Busy: It could not be kept.
        """
        self.channel(name)

        async def health() -> ChannelHealth:
            return await self.health(name)

        return await trial.push(
            *(self._pusher, self._letters, name),
            to=to,
            text=text,
            health=health,
            clock=self._clock,
            patience_s=self._patience_s,
        )

    async def resume(self, name: str) -> None:
        """Let the channel take back a connection that another instance has.

        Raises:
            NoSuchChannel: There is none of this name (any more).
            Busy: It could not be said to all nodes.
        """
        await self.channel(name).resume()


def remedy(t: Words, name: str, health: ChannelHealth) -> str:
    """Return what to do about a channel that is not as it should be; empty if it is."""
    if health.displaced:
        return t("channels.remedy_displaced")
    if health.state == "down":
        return t("channels.remedy_down")
    if health.state == "degraded":
        return t("channels.remedy_degraded", name=name)
    return ""
