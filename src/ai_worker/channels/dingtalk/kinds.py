"""The kinds of channel that DingTalk offers."""

from ai_worker.channels.contract import Channel, ChannelSettings, Kind
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings, DingtalkSettings
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore

# The channels' HTTP client is heavy, and reading settings needs none of it: hence the imports inside.


def _build_robot(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.dingtalk.adapter import Dingtalk, DingtalkWithCards

    assert isinstance(settings, DingtalkSettings)
    channel = DingtalkWithCards if settings.card_template_id else Dingtalk
    return channel(name, settings, clock=clock, store=store)


def _build_group(name: str, settings: ChannelSettings, clock: Clock, store: ChannelStore) -> Channel:
    from ai_worker.channels.dingtalk.group import DingtalkGroup

    assert isinstance(settings, DingtalkGroupSettings)
    return DingtalkGroup(name, settings, clock=clock, store=store)


KINDS: tuple[Kind, ...] = (
    Kind("dingtalk", DingtalkSettings, _build_robot),
    Kind("dingtalk-group", DingtalkGroupSettings, _build_group),
)
