"""The channels that run in this process: started, changed when their settings change, and stopped."""

from collections.abc import Iterator, Mapping

import structlog

from ai_worker.channels import registry
from ai_worker.channels.contract import Channel, ChannelSettings, Rate, Receive
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import NotFound
from ai_worker.pipeline.channel_store import ChannelStore

log = structlog.get_logger(__name__)


class NoSuchChannel(NotFound):
    """The settings have no channel of this name."""

    code = "channels.not_found"
    hint = "ai-worker channels list"


class Roster(Mapping[str, Channel]):
    """The configured channels by name. Whoever holds it sees the channels of this moment."""

    def __init__(self, chosen: Mapping[str, ChannelSettings], *, clock: Clock, store: ChannelStore) -> None:
        """Build the channels; nothing goes over the network before `start`."""
        self._clock, self._store = clock, store
        self._chosen = dict(chosen)
        self._channels = {name: self._build(name, settings) for name, settings in chosen.items()}
        self._started: tuple[Receive, Rate, bool] | None = None

    def __getitem__(self, name: str) -> Channel:
        return self._channels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._channels))

    def __len__(self) -> int:
        return len(self._channels)

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Let all channels receive; see `Channel.start`."""
        self._started = (receive, rate, connects)
        for channel in self._channels.values():
            await channel.start(receive, rate, connects=connects)

    async def stop(self) -> None:
        """Close all connections."""
        self._started = None
        for channel in self._channels.values():
            await channel.stop()

    async def change(self, chosen: Mapping[str, ChannelSettings]) -> list[str]:
        """Make the channels those that `chosen` describes, and return the names of those that changed.

        A channel whose settings are the same is left alone. One that changed is closed before its
        successor opens, because platforms allow one connection; what is sent or called meanwhile finds
        it closed and comes again.
        """
        changed = [name for name in {**self._chosen, **chosen} if self._chosen.get(name) != chosen.get(name)]
        for name in changed:
            if (old := self._channels.get(name)) is not None:
                await old.stop()
            if name not in chosen:
                del self._channels[name], self._chosen[name]
                log.info("channel.removed", channel=name)
                continue
            channel = self._build(name, chosen[name])
            if self._started is not None:
                receive, rate, connects = self._started
                await channel.start(receive, rate, connects=connects)
            self._channels[name], self._chosen[name] = channel, chosen[name]
            log.info("channel.changed", channel=name, kind=channel.kind)
        return changed

    def growing(self) -> Mapping[str, Channel]:
        """Return the channels of any moment whose answers grow."""
        return _Growing(self)

    def _build(self, name: str, settings: ChannelSettings) -> Channel:
        return registry.build(name, settings, clock=self._clock, store=self._store)


class _Growing(Mapping[str, Channel]):
    """The channels of a roster whose answers grow."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def __getitem__(self, name: str) -> Channel:
        channel = self._roster[name]
        if not channel.grows:
            raise KeyError(name)
        return channel

    def __iter__(self) -> Iterator[str]:
        return (name for name, channel in self._roster.items() if channel.grows)

    def __len__(self) -> int:
        return sum(1 for _ in self)
