"""What the channels of a running service have seen, kept where other processes can read it.

A channel knows only its own process. The command line, a console of its own and the same service
after a restart read here when a platform last verified the callback, a message last came in, and how
the connection is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from ai_worker.channels.contract import Channel, ChannelHealth, Proof
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore

PROOFS: tuple[Proof, ...] = get_args(Proof)

FRESH = timedelta(seconds=15)
"""For how long what a process said of a channel counts: a dead process says nothing more."""

SAID_EVERY = timedelta(seconds=5)
_HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a channel was doing in the service, a few seconds ago."""

    at: datetime
    health: ChannelHealth


class Sightings:
    """Takes note of what this process's channels have seen."""

    def __init__(self, channels: Mapping[str, Channel], store: ChannelStore, *, holds: bool, clock: Clock) -> None:
        """Prepare.

        Args:
            channels: By name; they may change at any time.
            store: Where it is kept.
            holds: Whether long connections are held by this process, so that it can say how they are.
            clock: Tells the time.
        """
        self._channels, self._store, self._holds, self._clock = channels, store, holds, clock
        self._proved: dict[tuple[str, Proof], datetime] = {}
        self._said: dict[str, tuple[datetime, ChannelHealth]] = {}

    async def note(self) -> None:
        """Keep what is new since the last call.

        Raises:
            Busy: Not all of it could be kept; the next call tries again.
        """
        for name, channel in list(self._channels.items()):
            health = channel.health()
            for proof, at in proofs_of(health).items():
                if self._proved.get((name, proof)) != at:
                    await self._store.remember(name, _proof_key(proof), at.isoformat())
                    self._proved[name, proof] = at
            if self._holds and channel.sends_here():
                await self._say(name, health)

    async def _say(self, name: str, health: ChannelHealth) -> None:
        now = self._clock.now()
        at, said = self._said.get(name, (None, None))
        if at is not None and said == health and now - at < SAID_EVERY:
            return
        await self._store.remember(name, _HEALTH, _written(Sighting(now, health)), until=now + FRESH)
        self._said[name] = (now, health)


async def prove(store: ChannelStore, channel: str, proof: Proof, at: datetime) -> None:
    """Keep that a proof was seen, by whoever saw it.

    Raises:
        Busy: It could not be kept now.
    """
    await store.remember(channel, _proof_key(proof), at.isoformat())


async def proofs(store: ChannelStore, channel: str) -> dict[Proof, datetime]:
    """Return when each proof was seen last by any process, before and after restarts.

    Raises:
        Busy: The store cannot be asked now.
    """
    found: dict[Proof, datetime] = {}
    for proof in PROOFS:
        if value := await store.recall(channel, _proof_key(proof)):
            found[proof] = datetime.fromisoformat(value)
    return found


async def sighting(store: ChannelStore, channel: str) -> Sighting | None:
    """Return how the running service last said that a channel was doing; `None` if none has, lately.

    Raises:
        Busy: The store cannot be asked now.
    """
    value = await store.recall(channel, _HEALTH)
    return _read(value) if value else None


def proofs_of(health: ChannelHealth) -> dict[Proof, datetime]:
    """Return a channel's proofs, with those that speak from its other figures."""
    found: dict[Proof, datetime] = dict(health.proofs)
    told: dict[Proof, datetime | None] = {
        "message": health.last_inbound_at,
        "reply": health.last_outbound_at,
        "connection": health.connected_at,
    }
    for proof, at in told.items():
        if at is not None:
            found.setdefault(proof, at)
    return found


def unneeded(proof: Proof, health: ChannelHealth) -> bool:
    """Return whether a channel works without this proof: it is called back or it connects, seldom both."""
    if proof == "callback":
        return health.state == "ready" and health.connected_at is not None
    return proof == "connection" and health.state == "ready" and health.connected_at is None and not health.detail


def _proof_key(proof: Proof) -> str:
    return f"proof:{proof}"


def _written(seen: Sighting) -> str:
    health = seen.health
    times = {
        "at": seen.at,
        "last_inbound_at": health.last_inbound_at,
        "last_outbound_at": health.last_outbound_at,
        "connected_at": health.connected_at,
    }
    return json.dumps(
        {
            "state": health.state,
            "detail": health.detail,
            "last_error": health.last_error,
            "displaced": health.displaced,
            **{name: moment.isoformat() for name, moment in times.items() if moment},
        },
        ensure_ascii=False,
    )


def _read(value: str) -> Sighting:
    told = json.loads(value)

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(told[name]) if name in told else None

    health = ChannelHealth(
        state=told["state"],
        detail=told["detail"],
        last_inbound_at=moment("last_inbound_at"),
        last_outbound_at=moment("last_outbound_at"),
        last_error=told["last_error"],
        connected_at=moment("connected_at"),
        displaced=told["displaced"],
    )
    return Sighting(datetime.fromisoformat(told["at"]), health)
