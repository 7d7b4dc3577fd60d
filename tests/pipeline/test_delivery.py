"""Replies on their way out: tried again, in order, and settled with what is really known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import Clock, FixedClock, SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.delivery import MAX_ATTEMPTS, Delivery
from ai_worker.pipeline.facts import ReplySettled
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.outbox import outbound
from ai_worker.pipeline.sending import Deliverer, SendFailed, Sent
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage.opening import Stores, open_stores

CLOCK = SystemClock()
OWNER = "run-1"


class Platform(Deliverer):
    """A channel whose platform behaves as the test says, one answer a send."""

    def __init__(self, *answers: SendFailed | Exception | None) -> None:
        self.answers = list(answers)
        self.taken: list[OutboundMessage] = []
        self.tried: list[OutboundMessage] = []

    async def deliver(self, message: OutboundMessage) -> Sent:
        self.tried.append(message)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append(message)
        return Sent("p-1")


class Desk:
    """A store, a delivery that runs, and what became of each reply."""

    def __init__(self, stores: Stores, delivery: Delivery, settled: list[ReplySettled], clock: Clock) -> None:
        self.stores, self.delivery, self.settled, self.clock = stores, delivery, settled, clock

    async def answer(self, text: str, **changes: object) -> None:
        """Accept a message, answer it with `text`, and hand the reply to the delivery."""
        await self.ask(text)
        await self.reply(text, **changes)

    async def ask(self, text: str, *, sent_at: datetime | None = None) -> None:
        at = self.clock.now()
        message = InboundMessage(
            "desk", text, "lin", Contact("lin"), text, at, sent_at=sent_at, address={"user": "lin"}
        )
        self.conversation_id = (await self.stores.pipeline.accept(message)).conversation_id

    async def reply(self, text: str, **changes: object) -> None:
        store, now = self.stores.pipeline, self.clock.now()
        (claim,) = await store.claim(owner=OWNER, limit=1, now=now)
        reply = replace(outbound(claim, Reply(text), "reply", now=now), **changes)  # type: ignore[arg-type]
        due = await store.finish(claim, TurnResult("answer", reply.reply), [reply], now=now, response_ms=1.0)
        self.delivery.begin(due)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0.01)

    async def fates(self) -> list[tuple[str, str | None]]:
        """Return what the thread says was said in reply, and how it fared."""
        thread = await self.stores.conversations.thread(self.conversation_id)
        return [(item.text, item.delivery) for item in thread if item.author == "worker"]

    def states(self) -> list[str]:
        return [fact.state for fact in self.settled]


@asynccontextmanager
async def desk(folder: Path, platform: Platform, clock: Clock = CLOCK) -> AsyncIterator[Desk]:
    events, settled = EventBus(), list[ReplySettled]()
    events.subscribe(ReplySettled, settled.append)
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
        delivery = Delivery(
            stores.pipeline,
            deliverers={"desk": platform},
            governor=Governor(stores.channels),
            events=events,
            clock=clock,
            owner=OWNER,
            apology=lambda text: f"抱歉回复晚了：{text}",
        )
        running = asyncio.create_task(delivery.run())
        yield Desk(stores, delivery, settled, clock)
        await delivery.drain(5)
        await running


def busy(*, unsure: bool = False) -> SendFailed:
    return SendFailed("desk", "45009", retry_after=0.05, unsure=unsure)


async def test_a_reply_that_was_taken_is_delivered_once(tmp_path: Path) -> None:
    platform = Platform()
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["delivered"]
    assert [one.reply.text for one in platform.tried] == ["订单已发货。"]


async def test_a_busy_platform_is_asked_again_with_the_same_id(tmp_path: Path) -> None:
    platform = Platform(busy())
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["delivered"]
    assert len({one.id for one in platform.tried}) == 1
    assert [one.attempt for one in platform.tried] == [1, 2]
    assert [one.unsure for one in platform.tried] == [False, False]


async def test_after_a_lost_answer_the_channel_is_told_that_it_may_be_a_repeat(tmp_path: Path) -> None:
    platform = Platform(busy(unsure=True), busy())
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert [one.unsure for one in platform.tried] == [False, True, True]


async def test_a_later_reply_never_overtakes_one_that_has_to_wait(tmp_path: Path) -> None:
    platform = Platform(busy())
    async with desk(tmp_path, platform) as at:
        for text in ("第一句。", "第二句。", "第三句。"):
            await at.answer(text)
        await at.until(lambda: len(at.settled) == 3)

    assert [one.reply.text for one in platform.taken] == ["第一句。", "第二句。", "第三句。"]


@pytest.mark.parametrize(("unsure", "state"), [(False, "failed"), (True, "unknown")])
async def test_what_can_never_be_sent_ends_with_what_is_known(tmp_path: Path, unsure: bool, state: str) -> None:
    platform = Platform(SendFailed("desk", "81013", retry_after=None, unsure=unsure))
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert at.states() == [state]
    assert len(platform.tried) == 1


async def test_the_last_attempt_is_the_last(tmp_path: Path) -> None:
    platform = Platform(*[busy()] * 20)
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。", attempt=MAX_ATTEMPTS)
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["failed"]


async def test_an_old_reply_is_not_sent_hours_later(tmp_path: Path) -> None:
    platform = Platform()
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。", expires_at=CLOCK.now() - timedelta(seconds=1))
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["expired"]
    assert platform.tried == []


async def test_an_old_reply_that_may_have_arrived_is_not_said_to_have_expired(tmp_path: Path) -> None:
    platform = Platform()
    async with desk(tmp_path, platform) as at:
        message = await _leased(at, 5)
        at.delivery.begin([replace(message, unsure=True, expires_at=CLOCK.now() - timedelta(seconds=1))])
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["unknown"]
    assert platform.tried == []


async def test_a_defect_in_a_channel_is_tried_again_as_an_unknown_outcome(tmp_path: Path) -> None:
    platform = Platform(ZeroDivisionError("a defect"))
    async with desk(tmp_path, platform) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: len(platform.tried) == 1)
        await asyncio.sleep(0.2)
        due = await at.stores.pipeline.next_due(now=CLOCK.now())

    assert due is not None
    assert at.states() == []


async def test_a_channel_that_is_no_longer_configured_fails_visibly(tmp_path: Path) -> None:
    async with desk(tmp_path, Platform()) as at:
        await at.answer("订单已发货。", channel="gone")
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["failed"]


class SlowPlatform(Platform):
    """A platform that takes its time over every message."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def deliver(self, message: OutboundMessage) -> Sent:
        self.tried.append(message)
        await asyncio.sleep(self.seconds)
        self.taken.append(message)
        return Sent("p-1")


async def _leased(at: Desk, seconds: float) -> OutboundMessage:
    """Answer a message, and return its reply with a lease of `seconds`; nobody sends it yet."""
    store, now = at.stores.pipeline, CLOCK.now()
    await store.accept(InboundMessage("desk", "m", "lin", Contact("lin"), "在吗", now, address={"user": "lin"}))
    (claim,) = await store.claim(owner=OWNER, limit=1, now=CLOCK.now())
    reply = outbound(claim, Reply("在的。"), "reply", now=now)
    (due,) = await store.finish(claim, TurnResult("answer", reply.reply), [reply], now=now, response_ms=1.0)
    return replace(due, send_before=CLOCK.monotonic() + seconds)


async def test_who_wakes_up_after_the_lease_sends_nothing(tmp_path: Path) -> None:
    platform = Platform()
    async with desk(tmp_path, platform) as at:
        at.delivery.begin([await _leased(at, -0.1)])
        await asyncio.sleep(0.2)

    assert (platform.tried, at.settled) == ([], [])


async def test_a_send_ends_with_its_lease_and_nothing_is_recorded(tmp_path: Path) -> None:
    platform = SlowPlatform(30)
    async with desk(tmp_path, platform) as at:
        at.delivery.begin([await _leased(at, 0.1)])
        await asyncio.sleep(0.5)
        line = (await at.stores.conversations.thread(1))[-1]

    assert (len(platform.tried), platform.taken, at.settled) == (1, [], [])
    assert line.delivery == "sending", "it comes back as unsure once the lease has run out"


@pytest.mark.slow
async def test_the_lease_of_a_slow_send_is_renewed(tmp_path: Path) -> None:
    platform = SlowPlatform(6)
    async with desk(tmp_path, platform) as at:
        at.delivery.begin([await _leased(at, 5)])
        await at.until(lambda: bool(at.settled))

    assert at.states() == ["delivered"]
    assert len(platform.tried) == 1


def said(platform: Platform) -> list[str]:
    return [message.reply.text for message in platform.taken]


async def test_after_an_outage_the_old_is_said_to_have_expired_and_only_the_new_is_sent(tmp_path: Path) -> None:
    platform, clock = Platform(busy()), FixedClock()
    async with desk(tmp_path, platform, clock) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: len(platform.tried) == 1)
        clock.advance(timedelta(hours=3))
        await at.answer("包裹在成都。")
        await at.until(lambda: len(at.settled) == 2)
        fates = await at.fates()
        letters = await at.stores.dead_letters.dead_letters()

    assert said(platform) == ["包裹在成都。"]
    assert fates == [("订单已发货。", "expired"), ("包裹在成都。", "delivered")]
    assert [(letter.text, letter.state) for letter in letters] == [("订单已发货。", "expired")]


async def test_a_late_reply_begins_with_an_apology_and_is_kept_without_it(tmp_path: Path) -> None:
    platform, clock = Platform(busy()), FixedClock()
    async with desk(tmp_path, platform, clock) as at:
        await at.answer("订单已发货。")
        await at.until(lambda: len(platform.tried) == 1)
        clock.advance(timedelta(minutes=10))
        await at.until(lambda: bool(at.settled))
        fates = await at.fates()

    assert said(platform) == ["抱歉回复晚了：订单已发货。"]
    assert fates == [("订单已发货。", "delivered")]


async def test_a_question_that_waited_long_for_its_turn_is_answered_late_too(tmp_path: Path) -> None:
    platform, clock = Platform(), FixedClock()
    async with desk(tmp_path, platform, clock) as at:
        await at.ask("我的订单呢？")
        clock.advance(timedelta(minutes=30))
        await at.reply("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert said(platform) == ["抱歉回复晚了：订单已发货。"]


async def test_what_the_platform_kept_for_us_while_we_were_away_is_answered_late_too(tmp_path: Path) -> None:
    platform, clock = Platform(), FixedClock()
    async with desk(tmp_path, platform, clock) as at:
        await at.ask("我的订单呢？", sent_at=clock.now() - timedelta(hours=2))
        await at.reply("订单已发货。")
        await at.until(lambda: bool(at.settled))

    assert said(platform) == ["抱歉回复晚了：订单已发货。"]


@pytest.mark.parametrize(
    ("minutes", "unsure", "kind"), [(9, False, "reply"), (30, True, "reply"), (30, False, "holding")]
)
async def test_what_is_in_time_may_be_a_repeat_or_is_no_answer_keeps_its_words(
    tmp_path: Path, minutes: int, unsure: bool, kind: str
) -> None:
    platform, clock = Platform(), FixedClock()
    async with desk(tmp_path, platform, clock) as at:
        await at.ask("我的订单呢？")
        clock.advance(timedelta(minutes=minutes))
        await at.reply("订单已发货。", unsure=unsure, kind=kind)
        await at.until(lambda: bool(at.settled))

    assert said(platform) == ["订单已发货。"]
