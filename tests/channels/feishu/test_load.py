"""Two thousand messages through a real pipeline: each is answered once, whatever goes wrong on the way."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from ai_worker.channels.connection import Pace
from ai_worker.channels.contract import CallbackRequest
from ai_worker.channels.feishu.adapter import Feishu
from ai_worker.channels.feishu.group import FeishuGroup
from ai_worker.channels.feishu.settings import FeishuGroupSettings
from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.feishu_envelope import signed_headers
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.drafts import Drafts
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.runner import Runner
from ai_worker.pipeline.store import Accepted
from ai_worker.storage.opening import open_stores
from tests.channels.feishu.peer import KEY, message_event, platform, settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CLOCK = SystemClock()
MESSAGES, PEOPLE, A_SECOND = 2_000, 250, 60
RAISED = 3
"""How many times its usual limits the platform has granted, so that the answers take less than two minutes."""


class Echo:
    """Answers with the question; every tenth answer grows."""

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: OnDelta | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        text = f"答：{given.message.text}"
        if on_draft is not None and given.message.text.endswith("0"):
            for end in (3, 5):
                on_draft(text[:end])
                await asyncio.sleep(0.5)
        return TurnResult("answer", Reply(text, rateable=given.message.text.endswith(("1", "0"))))

    def holding(self, given: TurnInput) -> Reply:
        return Reply("正在处理，请稍候。")


@asynccontextmanager
async def answering(folder: Path, at: SimulatedFeishu, **changes: Any) -> AsyncIterator[Feishu]:
    """A channel with the real pipeline behind it, over SQLite."""
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=CLOCK) as stores:
        told = settings(base_url=at.base_url, messages_per_minute=950 * RAISED, **changes)
        pace = Pace(backoff_base_s=0.2, fell_cap_s=0.5)
        channel = Feishu("desk", told, clock=CLOCK, store=stores.channels, pace=pace)
        events = EventBus()
        delivery = Delivery(
            stores.pipeline,
            deliverers={"desk": channel},
            governor=Governor(stores.channels),
            events=events,
            clock=CLOCK,
            owner="run-1",
        )
        runner = Runner(
            stores.pipeline,
            turns=Echo(),
            worker_of=lambda _: "xiaozhi",
            pushes=lambda _: True,
            delivery=delivery,
            board=Board(),
            drafts=Drafts({"desk": channel}),
            events=events,
            clock=CLOCK,
            owner="run-1",
            max_concurrent=200,
            crowded=lambda: False,
        )
        inbox = Inbox(stores.pipeline, worker_of=lambda _: "xiaozhi", events=events, clock=CLOCK, wake=runner.wake)
        await stores.pipeline.recover(owner="run-1")
        running = [asyncio.create_task(runner.run()), asyncio.create_task(delivery.run())]
        await channel.start(inbox.accept, _rated, connects=True)
        yield channel
        await runner.drain(10)
        await delivery.drain(10)
        await channel.stop()
        await asyncio.gather(*running)


async def _rated(_: Rating) -> bool:
    return True


@asynccontextmanager
async def served(channel: Feishu) -> AsyncIterator[str]:
    """The channel's callback address over HTTP."""

    async def serve(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await channel.callback(CallbackRequest("POST", {}, headers, await request.read()))
        return web.Response(status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type})

    application = web.Application()
    application.router.add_post("/callback", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    finally:
        await runner.cleanup()


async def everything_said(at: SimulatedFeishu, *, cut_every: int = 0, forge: bool = False) -> tuple[int, list[int]]:
    """Say everything, a tenth of it twice; return how many were given up, and what forgeries were answered."""
    rng = random.Random(4)
    saying: list[asyncio.Task[Any]] = []
    forging: list[asyncio.Task[int]] = []
    async with aiohttp.ClientSession() as http:
        for number in range(MESSAGES):
            user, message_id = f"ou_{number % PEOPLE:03}", f"om_{number:05}"
            times = 2 if rng.random() < 0.1 else 1
            said_so = [at.say(user, f"问题 {number:05}", message_id=message_id) for _ in range(times)]
            saying += [asyncio.create_task(each) for each in said_so]
            if forge and number % 20 == 0:
                forging.append(asyncio.create_task(forged(http, at.callback_url, number)))
            if cut_every and number % cut_every == cut_every - 1:
                at.gateway.cut()
            await asyncio.sleep(1 / A_SECOND)
        said = await asyncio.gather(*saying)
        answers = list(await asyncio.gather(*forging))
    return sum(not each.acknowledged for each in said), answers


async def forged(http: aiohttp.ClientSession, url: str, number: int) -> int:
    """Push a message that the platform never sent, in one of three ways."""
    event = msgspec.json.encode(message_event(f"伪造 {number}", message_id=f"om_forged_{number}"))
    headers = signed_headers("another key" if number % 40 else KEY, event, timestamp=int(CLOCK.now().timestamp()))
    async with http.post(url, data=event, headers={} if number % 60 == 0 else headers) as response:
        return response.status


async def everything_answered(at: SimulatedFeishu) -> None:
    """Every message has one answer, every person's in order, and the platform has nothing to complain of."""
    async with asyncio.timeout(60):
        while at.counts.shown < MESSAGES:
            await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)  # what comes twice comes now
    replies: Counter[str] = Counter()
    for number in range(PEOPLE):
        user = f"ou_{number:03}"
        answers = [shown.text.partition("答：")[2] for shown in at.shown_to(user)]
        assert answers == sorted(answers)
        assert not any(shown.streaming for shown in at.shown_to(user))
        replies.update(answers)
    assert replies == Counter(f"问题 {number:05}" for number in range(MESSAGES))
    assert list(at.counts.violations) == []


async def test_over_the_long_connection_cut_every_two_hundred_messages(tmp_path: Path) -> None:
    async with platform(repush_s=1.0, per_minute=1_000 * RAISED) as at, answering(tmp_path, at):
        await at.gateway.until_pinged()
        given_up, _ = await everything_said(at, cut_every=200)
        await everything_answered(at)
        assert (given_up, at.counts.missed_deadlines) == (0, 0)
        assert at.counts.connections >= 10


async def test_over_callbacks_with_forged_ones_among_them(tmp_path: Path) -> None:
    async with platform(per_minute=1_000 * RAISED) as at, answering(tmp_path, at, mode="webhook") as channel:
        async with served(channel) as url:
            at.callback_url = url
            assert await at.verify_url()
            given_up, answers = await everything_said(at, forge=True)
            await everything_answered(at)
        assert (given_up, at.counts.missed_deadlines, at.counts.refused_pushes) == (0, 0, 0)
        assert answers == [403] * (MESSAGES // 20)


async def test_three_hundred_alerts_at_once_reach_the_group_within_the_robots_limits(tmp_path: Path) -> None:
    alerts = [f"告警 {number:03}：磁盘使用率超过九成" for number in range(300)]
    async with platform() as at, open_stores("sqlite:///store.db", data_dir=tmp_path, clock=CLOCK) as stores:
        told = FeishuGroupSettings.model_validate({"kind": "feishu-group", "webhook_url": at.webhook_url})
        robot = FeishuGroup("alerts", told, clock=CLOCK)
        delivery = Delivery(
            stores.pipeline,
            deliverers={"alerts": robot},
            governor=Governor(stores.channels),
            events=EventBus(),
            clock=CLOCK,
            owner="run-1",
        )
        await robot.start(_never, _rated, connects=False)
        running = asyncio.create_task(delivery.run())
        pusher = Pusher(stores.pipeline, deliverers={"alerts": robot}, clock=CLOCK, wake=delivery.wake)
        await asyncio.gather(*(pusher.push("alerts", "", alert) for alert in alerts))
        async with asyncio.timeout(60):
            while sum(shown.text.count("告警") for shown in at.shown_by_robot()) < len(alerts):
                await asyncio.sleep(0.1)
        await delivery.drain(5)
        await running
        await robot.stop()
        lines = Counter(line for shown in at.shown_by_robot() for line in shown.text.splitlines() if line)
        assert lines.keys() >= set(alerts)
        assert [lines[alert] for alert in alerts] == [1] * len(alerts)
        assert list(at.counts.violations) == []


async def _never(message: InboundMessage) -> Accepted:
    raise AssertionError(f"a group robot hears nothing: {message.text}")
