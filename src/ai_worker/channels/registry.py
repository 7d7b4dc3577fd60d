"""The one list of channel kinds.

Each platform's folder says in its `kinds.py` what it offers. A folder is imported when one of its
kinds is asked for, never when this module is: nobody pays for a platform that is not used.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
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


def kind_names() -> dict[str, dict[str, str]]:
    """Return what people call each kind, by language (`zh-CN`, `en`), as the platforms' manifests say."""
    names: dict[str, dict[str, str]] = {}
    for platform in PLATFORMS:
        manifest = files(f"ai_worker.channels.{platform}").joinpath("manifest.toml")
        for kind, told in tomllib.loads(manifest.read_text("utf-8"))["kind"].items():
            names[kind] = {"zh-CN": told["name"]["zh"], "en": told["name"]["en"]}
    return names


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
