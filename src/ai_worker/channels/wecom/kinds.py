"""The kinds of channel that WeCom offers."""

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.channels.wecom.settings import WecomAppSettings, WecomBotSettings, WecomGroupSettings, WecomKfSettings
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore


def _build_app(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.wecom.app import WecomApp  # its HTTP client is heavy; reading settings needs none of it

    assert isinstance(settings, WecomAppSettings)
    return WecomApp(name, settings, clock=clock, store=store)


def _build_bot(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.wecom.bot import WecomBot

    assert isinstance(settings, WecomBotSettings)
    return WecomBot(name, settings, clock=clock, store=store)


def _build_kf(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.wecom.kf import WecomKf

    assert isinstance(settings, WecomKfSettings)
    return WecomKf(name, settings, clock=clock, store=store)


def _build_group(name: str, settings: ChannelSettings, clock: Clock, _store: ChannelStore) -> Channel:
    from ai_worker.channels.wecom.group import WecomGroup

    assert isinstance(settings, WecomGroupSettings)
    return WecomGroup(name, settings, clock=clock)


KINDS: tuple[Kind, ...] = (
    Kind("wecom-app", WecomAppSettings, _build_app),
    Kind("wecom-bot", WecomBotSettings, _build_bot),
    Kind("wecom-kf", WecomKfSettings, _build_kf),
    Kind("wecom-group", WecomGroupSettings, _build_group),
)
"""Four protocols of one platform: they share its crypto and its API, and little else."""
