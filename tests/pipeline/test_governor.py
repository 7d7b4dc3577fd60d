"""Limits of platforms: what has to wait waits, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.delivery import MAX_ATTEMPTS, PATIENCE_S, Delivery
from ai_worker.pipeline.facts import ReplySettled
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.outbox import outbound
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.sending import Deliverer, Limit, Need, SendFailed, Sent
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage.opening import Stores, open_stores
from ai_worker.storage.sqlite.channels import SqliteChannelStore
from tests.channels.store import temporary_store
from tests.pipeline.waiting import at_rest

OWNER = "run-1"


class Robot(Deliverer):
    """A platform that takes everything, and says what that takes of its limits."""

    def __init__(self, *limits: Limit, clock: Clock) -> None:
        self.limits = limits
        self.clock = clock
        self.taken: list[OutboundMessage] = []
        self.answers: list[SendFailed] = []
        self.here = True

    async def deliver(self, message: OutboundMessage) -> Sent:
        if self.answers:
            raise self.answers.pop(0)
        self.taken.append(message)
        return Sent()

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        return [Need(limit) for limit in self.limits]

    def sends_here(self) -> bool:
        return self.here

    @property
    def texts(self) -> list[str]:
        return [message.reply.text for message in self.taken]


class Desk:
    """A store, a delivery that runs over it, and a platform with limits."""

    def __init__(self, stores: Stores, delivery: Delivery, robot: Robot, clock: Clock) -> None:
        self.stores, self.delivery, self.robot, self.clock = stores, delivery, robot, clock
        self.pusher = Pusher(stores.pipeline, deliverers={"desk": robot}, clock=clock, wake=delivery.wake)
        self.settled: list[ReplySettled] = []

    async def answer(self, text: str, *, who: str = "lin") -> None:
        """Accept a message, answer it with `text`, and hand the reply to the delivery."""
        store, now = self.stores.pipeline, self.clock.now()
        await store.accept(InboundMessage("desk", text, who, Contact(who), text, now, address={"user": who}))
        (claim,) = await store.claim(owner=OWNER, limit=1, now=now)
        reply = outbound(claim, Reply(text), "reply", now=now)
        result = TurnResult("answer", reply.reply)
        self.delivery.begin(await store.finish(claim, result, [reply], now=now, response_ms=1.0))

    async def until(self, texts: int) -> None:
        async with asyncio.timeout(20):
            while len(self.robot.taken) < texts:
                await asyncio.sleep(0.01)

    async def idle(self) -> None:
        """Return once nothing is due: all that was is sent, or waits for a later moment."""
        await at_rest(self.stores.pipeline, [self.delivery], self.clock)


@asynccontextmanager
async def desk(folder: Path, *limits: Limit, clock: Clock | None = None, refusals: int = 0) -> AsyncIterator[Desk]:
    clock = clock or SystemClock()
    events, robot = EventBus(), Robot(*limits, clock=clock)
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
        delivery = Delivery(
            stores.pipeline,
            deliverers={"desk": robot},
            governor=Governor(Flaky(stores.channels, refusals)),
            events=events,
            clock=clock,
            owner=OWNER,
            patience_s=PATIENCE_S if isinstance(clock, SystemClock) else 0.0,
        )
        at = Desk(stores, delivery, robot, clock)
        events.subscribe(ReplySettled, at.settled.append)
        running = asyncio.create_task(delivery.run())
        yield at
        await delivery.drain(5)
        await running


async def test_what_a_platform_does_not_limit_is_not_counted() -> None:
    assert await Governor(Refusing()).admit("desk", []) == 0.0


async def test_many_that_ask_at_once_are_counted_together() -> None:
    counted = Counting()
    governor = Governor(counted)
    needs = [[Need(Limit(f"member:{n}", 1, 60.0))] for n in range(100)]
    waits = await asyncio.gather(*(governor.admit("desk", each) for each in [*needs, *needs]))
    assert (waits.count(0.0), waits.count(60.0)) == (100, 100)
    assert counted.calls == 1


class Refusing(SqliteChannelStore):
    """A store that cannot be asked."""

    def __init__(self) -> None:
        pass

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        raise Busy("the disk is slow", retry_after=0.05)


class Flaky(Refusing):
    """A store that refuses so many times, and works then."""

    def __init__(self, store: ChannelStore, refusals: int) -> None:
        self.store, self.refusals = store, refusals

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        self.refusals -= 1
        return await super().spend(channel, needs) if self.refusals >= 0 else await self.store.spend(channel, needs)

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        await self.store.block(channel, key, seconds=seconds)


class Counting(Refusing):
    """A real store, and how often it was asked."""

    def __init__(self) -> None:
        self.calls, self.store = 0, temporary_store()

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        self.calls += 1
        return await self.store.spend(channel, needs)


async def test_a_short_wait_is_waited_out(tmp_path: Path) -> None:
    async with desk(tmp_path, Limit("chat:lin", 1, 0.3)) as at:
        for text in ("一", "二", "三"):
            await at.answer(text)
        await at.until(3)
        assert at.robot.texts == ["一", "二", "三"]
        assert [message.attempt for message in at.robot.taken] == [1, 1, 1]


async def test_a_long_wait_is_no_attempt_and_holds_nothing(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, Limit("robot", 1, 60.0), clock=clock) as at:
        await at.answer("一")
        await at.until(1)
        await at.answer("二", who="wang")
        await at.idle()
        for _ in range(MAX_ATTEMPTS + 3):
            await at.stores.channels.block("desk", "robot", seconds=120)
            clock.advance(timedelta(seconds=60))
            at.delivery.wake()
            await at.idle()
        assert at.robot.texts == ["一"]
        clock.advance(timedelta(seconds=120))
        at.delivery.wake()
        await at.until(2)
        assert [(message.attempt, message.unsure) for message in at.robot.taken] == [(1, False)] * 2


async def test_order_within_a_conversation_stays_and_others_do_not_wait(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, clock=clock) as at:
        at.robot.limits = (Limit("member:lin", 1, 60.0),)
        await at.answer("一")
        await at.until(1)
        await at.answer("二")
        await at.answer("三")
        await at.idle()
        at.robot.limits = (Limit("member:wang", 1, 60.0),)
        await at.answer("王", who="wang")
        await at.until(2)
        at.robot.limits = (Limit("member:lin", 1, 60.0),)
        for sent in (3, 4):
            clock.advance(timedelta(seconds=60))
            at.delivery.wake()
            await at.until(sent)
        assert at.robot.texts == ["一", "王", "二", "三"]


async def test_a_reply_that_waits_too_long_expires_and_a_proactive_message_does_not(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, Limit("member:lin", 1, 2 * 86_400.0), clock=clock) as at:
        await at.answer("一")
        await at.until(1)
        await at.answer("二")
        await at.pusher.push("desk", "lin", "通知")
        await at.idle()
        clock.advance(timedelta(days=4))  # it waits behind the reply
        at.delivery.wake()
        await at.until(2)
        await at.idle()
        assert at.robot.texts == ["一", "通知"]
        assert {fact.state for fact in at.settled} == {"delivered", "expired"}


async def test_what_the_platform_blocks_stays_away_and_is_no_attempt(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, Limit("robot", 18, 61.0), clock=clock) as at:
        at.robot.answers = [SendFailed("desk", "130101", retry_after=600.0, blocks="robot")] * (MAX_ATTEMPTS + 1)
        await at.answer("一")
        for left in range(MAX_ATTEMPTS, -1, -1):
            await at.idle()
            assert (len(at.robot.answers), at.robot.texts) == (left, [])
            clock.advance(timedelta(seconds=599))
            at.delivery.wake()
            await at.idle()
            assert len(at.robot.answers) == left, "for ten minutes nobody tries"
            clock.advance(timedelta(seconds=1))
            at.delivery.wake()
        await at.until(1)
        assert at.robot.taken[0].attempt == 1


async def test_a_block_holds_for_everybody_who_counts_to_it(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, Limit("robot", 18, 61.0), clock=clock) as at:
        at.robot.answers = [SendFailed("desk", "130101", retry_after=600.0, blocks="robot")]
        await at.answer("一")
        await at.idle()
        await at.answer("二", who="wang")
        clock.advance(timedelta(seconds=599))
        await at.answer("三", who="zhao")
        await at.idle()
        assert at.robot.texts == []
        clock.advance(timedelta(seconds=1))
        at.delivery.wake()
        await at.until(3)


async def test_a_busy_store_delays_a_message_and_makes_nothing_unsure(tmp_path: Path) -> None:
    async with desk(tmp_path, Limit("robot", 18, 61.0), refusals=5) as at:
        await at.answer("一")
        await at.until(1)
        assert not at.robot.taken[0].unsure


async def test_a_defect_in_counting_is_heard_by_those_who_wait() -> None:
    class Broken(Refusing):
        async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
            raise ZeroDivisionError

    governor = Governor(Broken())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await governor.admit("desk", [Need(Limit("robot", 1, 1.0))])


async def test_what_is_connected_elsewhere_is_given_back_at_once(tmp_path: Path) -> None:
    clock = FixedClock()
    async with desk(tmp_path, clock=clock) as at:
        at.robot.here = False
        await at.answer("一")
        await asyncio.sleep(0.1)
        (row,) = await at.stores.pipeline.claim_outbound(owner="another", limit=9, now=clock.now())
        assert (row.reply.text, row.attempt, row.unsure) == ("一", 1, False)
        await at.stores.pipeline.postpone(row, until=clock.now(), error="", unsure=False, counts=False)
        at.robot.here = True
        at.delivery.wake()
        await at.until(1)
