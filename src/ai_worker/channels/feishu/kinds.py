"""The kinds of channel that Feishu offers."""

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.channels.feishu.settings import FeishuGroupSettings, FeishuSettings
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore


def _build_app(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.feishu.adapter import Feishu  # its HTTP client is heavy; reading settings needs none of it

    assert isinstance(settings, FeishuSettings)
    return Feishu(name, settings, clock=clock, store=store)


def _build_group(name: str, settings: ChannelSettings, clock: Clock, _store: ChannelStore) -> Channel:
    from ai_worker.channels.feishu.group import FeishuGroup

    assert isinstance(settings, FeishuGroupSettings)
    return FeishuGroup(name, settings, clock=clock)


KINDS: tuple[Kind, ...] = (
    Kind("feishu", FeishuSettings, _build_app),
    Kind("feishu-group", FeishuGroupSettings, _build_group),
)
"""Lark, the international edition, is the same kind at another `base_url`."""
