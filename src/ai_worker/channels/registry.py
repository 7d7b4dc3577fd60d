"""The one list of channel kinds.

Each platform's folder says in its `kinds.py` what it offers. A folder is imported when one of its
kinds is asked for, never when this module is: nobody pays for a platform that is not used.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.channels.manifest import SetupGuide, SetupStep, guides_in
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.pipeline.channel_store import ChannelStore

PLATFORMS = ("dingtalk", "feishu", "web", "wecom")
"""The folders beside this file. A kind's name is its folder's, or begins with it and a hyphen."""


class UnknownKind(Misconfigured):
    """The settings name a kind of channel that no platform's folder offers."""

    code = "channels.unknown_kind"
    hint = "Write one of the known kinds after `kind =` in that channel's section of the settings file."

    def __init__(self, kind: str) -> None:
        super().__init__(f"there is no channel of kind {kind!r}; known kinds: {', '.join(kinds())}")


def kinds() -> Mapping[str, Kind]:
    """Return every kind of channel by its name, in alphabetical order."""
    offered = {name: kind for platform in PLATFORMS for name, kind in _offered_by(platform).items()}
    return MappingProxyType(dict(sorted(offered.items())))


def setup_guides() -> Mapping[str, SetupGuide]:
    """Return how each kind is connected, by kind, platform after platform."""
    return MappingProxyType({kind: guide for platform in PLATFORMS for kind, guide in guides_in(platform).items()})


def setup_steps(kind: str) -> tuple[SetupStep, ...]:
    """Return the steps in which a channel of this kind is set up; none where its platform tells none.

    Raises:
        UnknownKind: No platform offers it.
    """
    _kind(kind)
    guide = setup_guides().get(kind)
    return guide.steps if guide else ()


def settings_class(kind: str) -> type[ChannelSettings]:
    """Return what a channel of this kind can be told.

    Raises:
        UnknownKind: No platform offers it.
    """
    return _kind(kind).settings


def build(name: str, settings: ChannelSettings, *, clock: Clock, store: ChannelStore) -> Channel:
    """Make the channel that the settings call `name`; nothing goes over the network yet.

    Raises:
        UnknownKind: No platform offers the settings' kind.
    """
    return _kind(settings.kind).build(name, settings, clock, store)


def _kind(name: str) -> Kind:
    platform = name.partition("-")[0]
    found = _offered_by(platform).get(name) if platform in PLATFORMS else None
    if found is None:
        raise UnknownKind(name)
    return found


@cache
def _offered_by(platform: str) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in import_module(f"ai_worker.channels.{platform}.kinds").KINDS}
