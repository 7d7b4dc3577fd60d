"""Channels that change while the service runs."""

from ai_worker.channels.roster import Roster
from ai_worker.channels.web.adapter import WebChannel, WebSettings
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import FixedClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.store import Accepted
from tests.channels.store import temporary_store

SITE, OTHER = WebSettings(kind="web"), WebSettings(kind="web", allowed_origins=("https://www.example.cn",))


async def receive(message: InboundMessage) -> Accepted:
    return Accepted("t-1", 1, duplicate=False)


async def rate(rating: Rating) -> bool:
    return True


def roster() -> Roster:
    return Roster({"site": SITE}, clock=FixedClock(), store=temporary_store())


async def test_a_new_channel_receives_at_once_and_a_removed_one_no_more() -> None:
    channels = roster()
    await channels.start(receive, rate, connects=True)
    site = channels["site"]

    assert await channels.change({"shop": OTHER}) == ["site", "shop"]

    assert list(channels) == ["shop"]
    assert channels["shop"].health().state == "ready"
    assert site.health().state == "down"
    await channels.stop()


async def test_a_channel_whose_settings_are_the_same_is_left_alone() -> None:
    channels = roster()
    await channels.start(receive, rate, connects=True)
    site = channels["site"]

    assert await channels.change({"site": WebSettings(kind="web"), "shop": OTHER}) == ["shop"]
    assert channels["site"] is site
    assert site.health().state == "ready"
    await channels.stop()


async def test_a_changed_channel_has_its_new_settings_under_its_name() -> None:
    channels = roster()
    await channels.start(receive, rate, connects=True)
    old = channels["site"]

    assert await channels.change({"site": OTHER}) == ["site"]

    assert isinstance(new := channels["site"], WebChannel)
    assert new is not old
    assert (old.health().state, new.health().state) == ("down", "ready")
    await channels.stop()
    assert new.health().state == "down"


async def test_before_the_start_channels_change_without_starting() -> None:
    channels = roster()

    await channels.change({"site": SITE, "shop": OTHER})

    assert channels["shop"].health().state == "down"
    await channels.start(receive, rate, connects=False)
    assert {channel.health().state for channel in channels.values()} == {"ready"}
    await channels.stop()


async def test_only_channels_whose_answers_grow_are_asked_to_show_them() -> None:
    channels = roster()
    growing = channels.growing()

    assert "site" in channels
    assert "site" not in growing
    assert list(growing) == []
