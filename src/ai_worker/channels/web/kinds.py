"""What this folder offers."""

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.channels.web.adapter import WebChannel, WebSettings
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore


def _build(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    assert isinstance(settings, WebSettings), "the registry pairs settings and kind"
    return WebChannel(name, settings, clock=clock, store=store)


KINDS: tuple[Kind, ...] = (Kind("web", WebSettings, _build),)
