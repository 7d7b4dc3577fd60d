"""The whole pipeline over a real store, with a turn engine that does what the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.backlog import Backlog
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.drafts import Drafts
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.runner import Runner
from ai_worker.pipeline.sending import Deliverer, Sent
from ai_worker.pipeline.store import Accepted, OutboundMessage
from ai_worker.storage.opening import Stores, open_stores

CLOCK = SystemClock()
SQLITE = "sqlite:///store.db"
Answer = Callable[[TurnInput], Awaitable[TurnResult]]


class Channel(Deliverer):
    """A channel that takes everything and remembers it."""

    def __init__(self) -> None:
        self.shown: list[OutboundMessage] = []

    async def deliver(self, message: OutboundMessage) -> Sent:
        self.shown.append(message)
        return Sent()


class Scripted:
    """A turn engine that does what the test says."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.given: list[TurnInput] = []

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: OnDelta | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        self.given.append(given)
        if on_delta is not None:
            on_delta("订单")
        return await self._answer(given)

    def holding(self, given: TurnInput) -> Reply:
        return Reply("正在处理，请稍候。")


class Desk:
    """The whole pipeline over a real store."""

    def __init__(
        self, stores: Stores, folder: Path, answer: Answer, *, limit: int = 100, window: timedelta = timedelta(0)
    ) -> None:
        self.stores, self.channel, self.turns = stores, Channel(), Scripted(answer)
        self.events, self.board = EventBus(), Board()
        self.delivery = Delivery(
            stores.pipeline,
            deliverers={"desk": self.channel},
            governor=Governor(stores.channels),
            events=self.events,
            clock=CLOCK,
            owner="run-1",
        )
        self.runner = Runner(
            stores.pipeline,
            turns=self.turns,
            worker_of=lambda _: "xiaozhi",
            pushes=lambda _: True,
            delivery=self.delivery,
            board=self.board,
            drafts=Drafts({}),
            events=self.events,
            clock=CLOCK,
            owner="run-1",
            max_concurrent=limit,
            crowded=lambda: self.crowded,
            window_of=lambda _: window,
        )
        self.crowded = False
        self.backlog = Backlog(self.events)
        self.inbox = Inbox(
            stores.pipeline, worker_of=lambda _: "xiaozhi", events=self.events, clock=CLOCK, wake=self.runner.wake
        )

    async def say(self, text: str, *, who: str = "lin") -> Accepted:
        message = InboundMessage("desk", f"{who}/{text}", who, Contact(who), text, CLOCK.now(), address={"user": who})
        return await self.inbox.accept(message)

    def shown(self) -> list[str]:
        return [message.reply.text for message in self.channel.shown]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def desk(
    folder: Path, answer: Answer, *, limit: int = 100, drain_s: float = 5.0, window: timedelta = timedelta(0)
) -> AsyncIterator[Desk]:
    """Open a store in `folder` and work on it until the block ends."""
    async with open_stores(SQLITE, data_dir=folder, clock=CLOCK) as stores:
        at = Desk(stores, folder, answer, limit=limit, window=window)
        await stores.pipeline.recover(owner="run-1")
        running = [asyncio.create_task(at.runner.run()), asyncio.create_task(at.delivery.run())]
        yield at
        await at.runner.drain(drain_s)
        await at.delivery.drain(drain_s)
        await asyncio.gather(*running)
