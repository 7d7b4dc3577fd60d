"""200 alerts in a minute to one custom robot: every text arrives, and no minute sees more than 20 messages.

Platform, channel, store and deliveries share one clock that the test moves; sockets and database are real.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.channels.dingtalk.group import DingtalkGroup
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.demo.dingtalk_chats import Shown
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.store import PipelineStore
from ai_worker.storage.opening import open_stores
from tests.channels.dingtalk.peer import Inbox, platform
from tests.pipeline.waiting import at_rest

ALERTS, NODES = 200, 2
_ALERT = re.compile(r"第\d+号机柜[^\n]*")


@dataclass
class Site:
    """A robot's group, and two nodes that write into it."""

    clock: FixedClock
    dingtalk: SimulatedDingtalk
    pipeline: PipelineStore
    pusher: Pusher
    deliveries: list[Delivery]
    chat: str

    async def later(self, seconds: float) -> None:
        """Let time go on, and wait until all that is due then has been done."""
        self.clock.advance(timedelta(seconds=seconds))
        for delivery in self.deliveries:
            delivery.wake()
        await at_rest(self.pipeline, self.deliveries, self.clock)

    def shown(self) -> list[Shown]:
        return self.dingtalk.shown_in(self.chat)

    def texts(self) -> list[str]:
        return [alert.rstrip() for shown in self.shown() for alert in _ALERT.findall(shown.text)]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    clock, inbox = FixedClock(), Inbox()
    async with (
        platform(clock=clock) as dingtalk,
        open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores,
    ):
        webhook = dingtalk.add_robot(secret="SECalerts")
        told = {"kind": "dingtalk-group", "webhook_url": webhook, "secret": "SECalerts"}
        settings = DingtalkGroupSettings.model_validate(told)
        robots = [DingtalkGroup("alerts", settings, clock=clock, store=stores.channels) for _ in range(NODES)]
        deliveries = [
            Delivery(
                stores.pipeline,
                deliverers={"alerts": robot},
                governor=Governor(stores.channels),
                events=EventBus(),
                clock=clock,
                owner=f"run-{number}",
                patience_s=0.0,
            )
            for number, robot in enumerate(robots)
        ]
        for robot in robots:
            await robot.start(inbox, inbox.rate, connects=True)
        running = [asyncio.create_task(delivery.run()) for delivery in deliveries]
        pusher = Pusher(stores.pipeline, deliverers={"alerts": robots[0]}, clock=clock)
        yield Site(clock, dingtalk, stores.pipeline, pusher, deliveries, webhook.partition("access_token=")[2])
        for delivery in deliveries:
            await delivery.drain(5)
        await asyncio.gather(*running)
        for robot in robots:
            await robot.stop()


def busiest_minute(shown: list[Shown]) -> int:
    """Return the most messages in any 60 s."""
    minute = timedelta(seconds=60)
    return max(sum(first.at <= one.at < first.at + minute for one in shown) for first in shown)


@pytest.mark.slow
async def test_two_hundred_alerts_in_a_minute_all_arrive_and_the_robot_is_never_cut_off(tmp_path: Path) -> None:
    alerts = [f"第{number}号机柜温度过高，当前 {40 + number % 20} 度" for number in range(ALERTS)]
    async with site(tmp_path) as at:
        for alert in alerts:
            await at.pusher.push("alerts", "", alert)
            await at.later(0.3)
        for _ in range(100):
            if len(at.texts()) >= ALERTS:
                break
            await at.later(5.0)
        assert at.texts() == alerts
        assert busiest_minute(at.shown()) <= 20
        assert (at.dingtalk.counts.dropped, list(at.dingtalk.counts.violations)) == (0, [])
        assert len(at.shown()) < ALERTS / 2  # several in one where they had to wait


async def test_a_robot_that_was_cut_off_by_others_rests_and_loses_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as at:
        for _ in range(21):  # somebody else has the same Webhook
            at.dingtalk.api.chats.too_fast(at.chat)
        assert at.dingtalk.counts.dropped == 1
        await at.pusher.push("alerts", "", "第1号机柜断电")
        await at.later(1.0)
        await at.pusher.push("alerts", "", "第2号机柜断电")
        for _ in range(30):
            await at.later(20.0)
        assert at.dingtalk.counts.dropped == 2  # it was told so once
        await at.later(60.0)
        assert at.texts() == ["第1号机柜断电", "第2号机柜断电"]
