"""How soon the long connections stand again after their platforms were away: at the real pace, nothing scaled.

    python -m benchmarks.reconnect [--outage 120] [--times 3]

WeCom's AI bot, Feishu and DingTalk, each against its simulated platform, all at once: the connection is cut,
the gateway stays away for so many seconds, comes back, and the time until the channel is connected again is
measured. Backoff is capped at 30 s, so 35 s is the bound.
"""

import argparse
import asyncio
import logging
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from ai_worker.channels import registry
from ai_worker.channels.contract import Channel
from ai_worker.conversation.message import InboundMessage
from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.wecom_bot import SimulatedBotGateway
from ai_worker.foundation.clock import SystemClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.store import Accepted
from ai_worker.storage.opening import Stores, open_stores

BOUND_S = 35.0
LOOK_S = 0.02
SECRET = "benchmark"
FEISHU_APP = "cli_a1b2c3d4e5f60718"


@dataclass(frozen=True)
class Subject:
    """One channel, and how its platform goes away and comes back."""

    name: str
    channel: Channel
    leave: Callable[[], Awaitable[None]]
    come_back: Callable[[], Awaitable[None]]

    def stands(self) -> bool:
        """Return whether the channel has a connection now."""
        return self.channel.health().connected_at is not None


async def _receive(_: InboundMessage) -> Accepted:
    return Accepted("turn", 1, duplicate=False)


async def _rate(_: Rating) -> bool:
    return True


async def _subjects(stack: AsyncExitStack, stores: Stores) -> list[Subject]:
    bot = await stack.enter_async_context(SimulatedBotGateway(bot_id="aib-benchmark", secret=SECRET))
    feishu = await stack.enter_async_context(
        SimulatedFeishu(app_id=FEISHU_APP, app_secret=SECRET, encrypt_key=SECRET, verification_token=SECRET)
    )
    dingtalk = await stack.enter_async_context(SimulatedDingtalk(client_id="dingbenchmark", client_secret=SECRET))

    async def feishu_leaves() -> None:
        feishu.gateway.down = True
        feishu.gateway.cut()

    async def feishu_returns() -> None:
        feishu.gateway.down = False

    async def dingtalk_leaves() -> None:
        dingtalk.gateway.down = True
        dingtalk.gateway.cut()

    async def dingtalk_returns() -> None:
        dingtalk.gateway.down = False

    told = {
        "wecom-bot": {"bot_id": "aib-benchmark", "secret": SECRET, "ws_url": bot.ws_url},
        "feishu": {
            "app_id": FEISHU_APP,
            "app_secret": SECRET,
            "encrypt_key": SECRET,
            "verification_token": SECRET,
            "base_url": feishu.base_url,
        },
        "dingtalk": {
            "client_id": "dingbenchmark",
            "client_secret": SECRET,
            "api_base": dingtalk.base,
            "oapi_base": dingtalk.base,
        },
    }
    ways = {
        "wecom-bot": (bot.down, bot.up),
        "feishu": (feishu_leaves, feishu_returns),
        "dingtalk": (dingtalk_leaves, dingtalk_returns),
    }
    subjects = []
    for kind, values in told.items():
        settings = registry.settings_class(kind).model_validate({"kind": kind, **values})
        channel = registry.build(kind, settings, clock=SystemClock(), store=stores.channels)
        await channel.start(_receive, _rate, connects=True)
        stack.push_async_callback(channel.stop)
        subjects.append(Subject(kind, channel, *ways[kind]))
    return subjects


async def _until(true: Callable[[], bool], seconds: float) -> float:
    """Return after how many seconds it became true; infinity if it did not."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            return float("inf")
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - began


async def _away(subject: Subject, outage_s: float) -> tuple[float, float]:
    """Return how long the channel took to notice the outage, and to be back after it."""
    await _until(subject.stands, 60)
    await subject.leave()
    noticed = await _until(lambda: not subject.stands(), outage_s)
    await asyncio.sleep(max(0.0, outage_s - noticed))
    await subject.come_back()
    return noticed, await _until(subject.stands, 4 * BOUND_S)


async def measure(outage_s: float, times: int) -> bool:
    """Measure and print; return whether every return was within the bound."""
    within = True
    with TemporaryDirectory(prefix="aiw-reconnect-") as folder:
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(
                open_stores("sqlite:///store.db", data_dir=Path(folder), clock=SystemClock())
            )
            subjects = await _subjects(stack, stores)
            runs = [await asyncio.gather(*(_away(subject, outage_s) for subject in subjects)) for _ in range(times)]
    print(f"gateway away for {outage_s:.0f} s, {times} times; seconds until the connection stands again\n")
    for at, subject in enumerate(subjects):
        back = [run[at][1] for run in runs]
        within = within and max(back) <= BOUND_S
        print(
            f"  {subject.name:<12} median {statistics.median(back):5.1f}   worst {max(back):5.1f}   bound {BOUND_S:.0f}"
        )
    return within


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outage", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    raise SystemExit(0 if asyncio.run(measure(arguments.outage, arguments.times)) else 1)


if __name__ == "__main__":
    main()
