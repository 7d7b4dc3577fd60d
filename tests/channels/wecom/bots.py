"""What the bot's tests share: a gateway, a bot at it, and somebody who answers what comes in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ai_worker.channels.connection import Pace
from ai_worker.channels.wecom.bot import WecomBot
from ai_worker.conversation.message import Choice, InboundMessage, Reply
from ai_worker.demo.wecom_bot import SimulatedBotGateway
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.ids import derived_id
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft
from ai_worker.pipeline.store import Accepted, OutboundMessage, StoreBusy
from tests.channels.store import temporary_store
from tests.channels.wecom.peer import BOT, SECRET, bot_settings

QUICK = Pace(
    dial_s=1.0,
    backoff_base_s=0.05,
    backoff_cap_s=0.4,
    refused_pause_s=0.5,
    stood_s=0.3,
    fell_cap_s=0.2,
    lease_s=2.0,
    renew_s=0.2,
    look_s=0.02,
    close_s=0.5,
)
"""The real figures by about seventy-five."""


@dataclass
class Desk:
    """Takes messages as the pipeline does; `busy` makes it refuse the next ones."""

    messages: list[InboundMessage] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    busy: int = 0
    seen: set[str] = field(default_factory=set)
    answer: Callable[[InboundMessage], Awaitable[None]] | None = None
    _answering: set[asyncio.Task[None]] = field(default_factory=set)

    async def receive(self, message: InboundMessage) -> Accepted:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("the disk is slow", retry_after=0.02)
        duplicate = message.message_id in self.seen
        if not duplicate:
            self.seen.add(message.message_id)
            self.messages.append(message)
            if self.answer is not None:
                task = asyncio.ensure_future(self.answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        return Accepted(turn_of(message), 1, duplicate=duplicate)

    async def rate(self, rating: Rating) -> bool:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("the disk is slow", retry_after=0.02)
        self.ratings.append(rating)
        return True

    async def until(self, count: int, *, within_s: float = 10.0) -> list[InboundMessage]:
        """Return the messages once there are `count`."""
        await eventually(lambda: len(self.messages) >= count, within_s=within_s)
        return self.messages

    async def settled(self) -> None:
        """Return once everything has been answered."""
        while self._answering:
            await asyncio.gather(*self._answering)


async def eventually(holds: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return once `holds` is true."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


def turn_of(message: InboundMessage) -> str:
    return derived_id("turn", message.message_id)


def answer_to(
    message: InboundMessage,
    text: str = "年假按入职年限计算。",
    *,
    clock: Clock | None = None,
    choices: tuple[Choice, ...] = (),
    rateable: bool = True,
    **changes: Any,
) -> OutboundMessage:
    now = (clock or SystemClock()).now()
    told: dict[str, Any] = {
        "id": derived_id("r", turn_of(message)),
        "turn_id": turn_of(message),
        "conversation_id": 1,
        "channel": "assistant",
        "address": message.address,
        "kind": "reply",
        "reply": Reply(text, choices, rateable=rateable),
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
        **changes,
    }
    return OutboundMessage(**told)


def draft_of(message: InboundMessage, text: str, *, holding: bool = False) -> Draft:
    turn = turn_of(message)
    return Draft(derived_id("r", turn), turn, 1, "assistant", message.address, text, holding)


@asynccontextmanager
async def gateway(**changes: Any) -> AsyncIterator[SimulatedBotGateway]:
    async with SimulatedBotGateway(bot_id=BOT, secret=SECRET, **changes) as platform:
        yield platform


@asynccontextmanager
async def bot_at(
    platform: SimulatedBotGateway,
    *,
    desk: Desk | None = None,
    store: ChannelStore | None = None,
    clock: Clock | None = None,
    connected: bool = True,
    ping_s: float = 0.4,
    answer_s: float = 0.3,
    stream_s: float = 330.0,
    **changes: Any,
) -> AsyncIterator[tuple[WecomBot, Desk]]:
    """A started bot; by default it is connected when this begins."""
    clock, desk = clock or SystemClock(), desk or Desk()
    bot = WecomBot(
        "assistant",
        bot_settings(**{"ws_url": platform.ws_url, **changes}),
        clock=clock,
        store=store or temporary_store(clock),
        pace=QUICK,
        ping_s=ping_s,
        answer_s=answer_s,
        stream_s=stream_s,
    )
    await bot.start(desk.receive, desk.rate, connects=True)
    try:
        if connected:
            await platform.connected()
            await eventually(bot.sends_here)
        yield bot, desk
    finally:
        await bot.stop()
