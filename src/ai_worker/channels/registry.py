"""The one list of channel kinds.

Each platform's folder says in its `kinds.py` what it offers. The folders are imported when somebody
asks, never when this module is: a command that needs no channel must not pay for all of them.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured

PLATFORMS = ("web", "wecom")
"""The folders beside this file; a new platform adds its name here."""


class UnknownKind(Misconfigured):
    """The settings name a kind of channel that no platform's folder offers."""

    code = "channels.unknown_kind"
    hint = "Write one of the known kinds after `kind =` in that channel's section of the settings file."

    def __init__(self, kind: str) -> None:
        super().__init__(f"there is no channel of kind {kind!r}; known kinds: {', '.join(kinds())}")


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind of channel by its name, in alphabetical order."""
    offered = [kind for platform in PLATFORMS for kind in import_module(f"ai_worker.channels.{platform}.kinds").KINDS]
    return MappingProxyType({kind.name: kind for kind in sorted(offered, key=lambda kind: kind.name)})


def settings_class(kind: str) -> type[ChannelSettings]:
    """Return what a channel of this kind can be told.

    Raises:
        UnknownKind: No platform offers it.
    """
    return _kind(kind).settings


def build(name: str, settings: ChannelSettings, clock: Clock) -> Channel:
    """Make the channel that the settings call `name`; nothing goes over the network yet.

    Raises:
        UnknownKind: No platform offers the settings' kind.
    """
    return _kind(settings.kind).build(name, settings, clock)


def _kind(name: str) -> Kind:
    found = kinds().get(name)
    if found is None:
        raise UnknownKind(name)
    return found
