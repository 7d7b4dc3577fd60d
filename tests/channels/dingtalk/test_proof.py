"""Thousands of messages, with everything that goes wrong on the way: nothing lost, nothing twice, no limit exceeded."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ai_worker.channels.connection import Pace
from ai_worker.channels.contract import CallbackRequest, Channel, SendFailed
from ai_worker.channels.dingtalk.stream import Pulse
from ai_worker.conversation.message import InboundMessage
from ai_worker.demo.dingtalk import Fault, Said, SimulatedDingtalk
from ai_worker.foundation.clock import SystemClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.store import Accepted
from tests.channels.dingtalk.peer import CLIENT_ID, outbound, platform, sign, started
from tests.channels.store import temporary_store

MESSAGES, PER_SECOND, CHANGE_EVERY = 2_000, 80, 200
PEOPLE, GROUPS = [f"staff{n:03}" for n in range(60)], [f"cidGroup{n}==" for n in range(6)]

SCALED = Pulse(ping_s=1.0, pong_s=1.0)
TEN_TIMES = Pace(backoff_base_s=0.1, backoff_cap_s=3.0, stood_s=1.0, fell_cap_s=0.5, look_s=0.1, rotated_s=3.0)
"""Everything ten times as fast, so that 35 s are 3.5 s."""


@dataclass
class Worker:
    """Answers every message once, as the pipeline does: known by its id, sent when the governor has room."""

    governor: Governor
    channel: Channel | None = None
    known: set[str] = field(default_factory=set)
    duplicates: int = 0
    sends: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, message: InboundMessage) -> Accepted:
        await asyncio.sleep(0.005)  # a flush to disk
        duplicate = message.message_id in self.known
        self.duplicates += duplicate
        if not duplicate:
            self.known.add(message.message_id)
            task = asyncio.create_task(self._answer(message))
            self.sends.add(task)
            task.add_done_callback(self.sends.discard)
        return Accepted(message.message_id, 1, duplicate=duplicate)

    async def rate(self, _: Rating) -> bool:
        return True

    async def _answer(self, message: InboundMessage) -> None:
        assert self.channel is not None
        for attempt in range(1, 9):
            reply = outbound(message.address, f"答：{message.text}", id=f"r-{message.message_id}", attempt=attempt)
            while wait := await self.governor.admit("front-desk", self.channel.needs(reply)):
                await asyncio.sleep(min(wait, 0.5))
            try:
                await self.channel.deliver(reply)
            except SendFailed:
                await asyncio.sleep(0.1)
            else:
                return

    async def finish(self) -> None:
        async with asyncio.timeout(30):
            while self.sends:
                await asyncio.wait(set(self.sends))


def schedule(seed: int) -> list[tuple[str, str, str, str]]:
    """Who says what where, under which id; one in ten comes again soon after."""
    chance = random.Random(seed)
    planned: list[tuple[str, str, str, str]] = []
    for number in range(MESSAGES):
        group = chance.choice(GROUPS) if number % 40 == 0 else ""
        one = (chance.choice(PEOPLE), f"问题{number}", group, f"msg{number:05}==")
        planned.append(one)
        if chance.random() < 0.1:
            planned.insert(max(0, len(planned) - chance.randrange(1, 5)), one)
    return planned


def check(dingtalk: SimulatedDingtalk, worker: Worker, planned: list[tuple[str, str, str, str]]) -> None:
    """Every question was answered exactly once, in its chat."""
    answers = Counter[tuple[str, str]]()
    for chat in [*PEOPLE, *GROUPS]:
        for shown in dingtalk.shown_in(chat):
            answers[chat, shown.text.rpartition("：")[2]] += 1
    asked = {(group or staff, text) for staff, text, group, _ in planned}
    assert set(answers) == asked
    assert set(answers.values()) == {1}
    assert worker.duplicates == len(planned) - MESSAGES
    assert (dingtalk.counts.missed_deadlines, list(dingtalk.counts.violations)) == (0, [])
    assert (dingtalk.counts.lost, dingtalk.counts.ticket_reuses, dingtalk.counts.dropped) == (0, 0, 0)


@pytest.mark.slow
async def test_over_stream_connections_that_are_rotated_and_cut_nothing_is_lost() -> None:
    planned, clock = schedule(1), SystemClock()
    store = temporary_store(clock)
    worker = Worker(Governor(store))
    said: list[asyncio.Task[Said]] = []
    async with (
        platform(robot_deadline_s=3.0, cut_s=1.0, ping_s=0.5) as dingtalk,
        started(dingtalk, worker, store=store, pulse=SCALED, pace=TEN_TIMES, second_s=0.0) as channel,
    ):
        worker.channel = channel
        await dingtalk.connected(2)
        for number, (staff, text, group, msg_id) in enumerate(planned):
            said.append(asyncio.create_task(dingtalk.say(staff, text, group=group, msg_id=msg_id)))
            await asyncio.sleep(1 / PER_SECOND)
            if number % CHANGE_EVERY == CHANGE_EVERY - 1:
                await dingtalk.connected(2)
                if number // CHANGE_EVERY % 2:
                    await dingtalk.gateway.rotate(count=1)  # in full traffic
                else:
                    await asyncio.gather(*said)  # what is on its way when a cable breaks is nobody's to keep
                    dingtalk.gateway.cut(count=1)
        assert all(one.acknowledged for one in await asyncio.gather(*said))
        await worker.finish()
        check(dingtalk, worker, planned)
        assert dingtalk.counts.connections >= 2 + len(planned) // CHANGE_EVERY


@asynccontextmanager
async def door(channel: Channel) -> AsyncIterator[str]:
    """The channel's callback at an address, as the product serves it."""

    async def serve(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await channel.callback(CallbackRequest("POST", dict(request.query), headers, await request.read()))
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    application = web.Application()
    application.router.add_post("/callback", serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    finally:
        await runner.cleanup()


def forgeries(
    dingtalk: SimulatedDingtalk, trap: SimulatedDingtalk, number: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """A message that must not be answered, and its headers."""
    now = round(SystemClock().now().timestamp() * 1000)
    message = dingtalk.message(PEOPLE[0], f"伪造{number}")
    message["sessionWebhook"] = trap.message(PEOPLE[0], "x")["sessionWebhook"]
    kinds: list[tuple[dict[str, Any], dict[str, str]]] = [
        (message, {"timestamp": str(now), "sign": sign(str(now), secret="foreign")}),
        (message, {"timestamp": str(now), "sign": ""}),
        (message, {}),
        (message, {"timestamp": str(now // 1000), "sign": sign(str(now // 1000))}),
        (message, {"timestamp": str(now - 4_000_000), "sign": sign(str(now - 4_000_000))}),
        ({**message, "robotCode": "dingforeign"}, {"timestamp": str(now), "sign": sign(str(now))}),
        ({"robotCode": CLIENT_ID}, {"timestamp": str(now), "sign": sign(str(now))}),
    ]
    return kinds[number % len(kinds)]


@pytest.mark.slow
async def test_over_http_everything_signed_is_answered_once_and_nothing_forged_ever() -> None:
    planned, clock = schedule(2), SystemClock()
    store = temporary_store(clock)
    worker = Worker(Governor(store))
    said: list[asyncio.Task[Said]] = []
    refused: list[int] = []
    async with (
        platform(mode="http") as dingtalk,
        platform() as trap,
        started(dingtalk, worker, store=store, mode="http") as channel,
        door(channel) as address,
        aiohttp.ClientSession() as attacker,
    ):
        worker.channel, dingtalk.callback_url = channel, address
        for number, (staff, text, group, msg_id) in enumerate(planned):
            said.append(asyncio.create_task(dingtalk.say(staff, text, group=group, msg_id=msg_id)))
            if number % 10 == 0:
                body, headers = forgeries(dingtalk, trap, number // 10)
                async with attacker.post(address, json=body, headers=headers) as answer:
                    refused.append(answer.status)
            await asyncio.sleep(1 / PER_SECOND)
        assert all(one.acknowledged for one in await asyncio.gather(*said))
        await worker.finish()
        check(dingtalk, worker, planned)
        assert set(refused) == {403}
        assert trap.counts.shown == 0


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["pong withheld", "half open", "gateway down", "gateway hangs"])
async def test_after_an_outage_it_is_back_in_time(trouble: str) -> None:
    """All times are a tenth of the real ones: 35 s are 3.5 s, an outage of 40 s is 4 s."""
    worker = Worker(Governor(temporary_store(SystemClock())))
    async with (
        platform() as dingtalk,
        started(dingtalk, worker, pulse=SCALED, pace=TEN_TIMES, second_s=0.0, timeout_s=1.0) as channel,
    ):
        worker.channel = channel
        await dingtalk.connected(2)
        if trouble == "pong withheld":
            dingtalk.gateway.pongs = False
        elif trouble == "half open":
            dingtalk.gateway.deafen()
        else:
            dingtalk.gateway.down = trouble == "gateway down"
            dingtalk.fail_next(*[Fault("connections/open", delay_s=2.0)] * (4 if trouble == "gateway hangs" else 0))
            dingtalk.gateway.cut()
        await asyncio.sleep(4.0)
        dingtalk.gateway.pongs, dingtalk.gateway.down = True, False
        async with asyncio.timeout(3.5 + 1.0):
            while not (await dingtalk.say("staff000", "在吗")).acknowledged:
                await asyncio.sleep(0.1)
        await worker.finish()
        assert "答：在吗" in [shown.text for shown in dingtalk.shown_in("staff000")]
        assert dingtalk.counts.ticket_reuses == 0
