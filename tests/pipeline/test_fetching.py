"""Fetching what messages name: in the background, again while that helps, and never silently lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from ai_worker.conversation.message import Contact, InboundMessage, Part
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import ConversationChanged
from ai_worker.pipeline.fetching import AT_ONCE, Fetching
from ai_worker.pipeline.files import Fetched, FileTooLarge, KeptFile
from ai_worker.pipeline.sending import SendFailed
from ai_worker.storage.opening import Stores, open_stores
from tests.channels.files import PDF, png


class Platform:
    """Gives out files as the test says, one answer a fetch; then pictures."""

    def __init__(self, *answers: Exception | Fetched) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []
        self.now = self.most = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        self.asked.append((message.message_id, part.media_id))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.hold.wait()
        finally:
            self.now -= 1
        answer = self.answers.pop(0) if self.answers else Fetched(png(), "现场.png", "image/png")
        if isinstance(answer, Exception):
            raise answer
        return answer


class Room:
    """A store, a fetching that runs, and what was told."""

    def __init__(self, stores: Stores, clock: FixedClock) -> None:
        self.stores, self.clock, self.told = stores, clock, list[ConversationChanged]()
        self.turns: list[str] = []

    async def bring(self, *parts: Part, id: str = "m1") -> None:
        message = InboundMessage("desk", id, id, Contact("lin"), "看", self.clock.now(), parts)
        self.turns.append((await self.stores.pipeline.accept(message)).turn_id)

    async def files(self) -> list[KeptFile]:
        return await self.stores.files.said_in(self.turns)

    async def until(self, true: Callable[[list[KeptFile]], bool]) -> list[KeptFile]:
        async with asyncio.timeout(20):
            while not true(found := await self.files()):
                await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def room(folder: Path, platform: Platform) -> AsyncIterator[Room]:
    clock, events = FixedClock(), EventBus()
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
        made = Room(stores, clock)
        events.subscribe(ConversationChanged, made.told.append)
        fetching = Fetching(
            lambda name: platform.fetch if name == "desk" else None,
            store=stores.files,
            events=events,
            clock=clock,
            poll_s=0.01,
        )
        running = asyncio.create_task(fetching.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


PICTURE = Part("image", media_id="M1")


async def test_a_picture_is_brought_home_and_the_page_is_told(tmp_path: Path) -> None:
    async with room(tmp_path, Platform()) as at:
        await at.bring(PICTURE)
        (kept,) = await at.until(lambda found: found[0].state == "kept")
        assert (kept.attachment.name, kept.attachment.media_type) == ("现场.png", "image/png")
        assert await at.stores.files.read(kept.attachment.id) == png()
        assert at.told == [ConversationChanged(kept.conversation_id)]


async def test_what_the_platform_does_not_name_has_the_name_in_the_message(tmp_path: Path) -> None:
    async with room(tmp_path, Platform(Fetched(PDF))) as at:
        await at.bring(Part("file", text="报价单.pdf", media_id="M2"))
        (kept,) = await at.until(lambda found: found[0].state == "kept")
        assert (kept.attachment.name, kept.attachment.media_type) == ("报价单.pdf", "application/pdf")


async def test_a_platform_in_trouble_is_asked_again_later(tmp_path: Path) -> None:
    platform = Platform(SendFailed("desk", "busy", retry_after=5.0))
    async with room(tmp_path, platform) as at:
        await at.bring(PICTURE)
        (waiting,) = await at.until(lambda found: bool(found[0].error))
        assert (waiting.state, waiting.error) == ("waiting", "desk: busy")
        at.clock.advance(timedelta(minutes=1))
        await at.until(lambda found: found[0].state == "kept")
        assert len(platform.asked) == 2


async def test_what_cannot_be_had_says_why_and_is_left(tmp_path: Path) -> None:
    answers = (SendFailed("desk", "40007", retry_after=None), FileTooLarge("25 MB"), Fetched(b""))
    platform = Platform(*answers)
    async with room(tmp_path, platform) as at:
        for number in range(3):
            await at.bring(PICTURE, id=f"m{number}")
        found = await at.until(lambda found: all(file.state == "failed" for file in found))
        assert {file.error for file in found} == {"desk: 40007", "25 MB", "the file is empty"}
        at.clock.advance(timedelta(days=1))
        assert len(platform.asked) == 3
        assert len(at.told) == 3


async def test_after_three_days_nobody_asks_any_more(tmp_path: Path) -> None:
    platform = Platform(*[SendFailed("desk", "busy", retry_after=5.0)] * 2)
    async with room(tmp_path, platform) as at:
        await at.bring(PICTURE)
        await at.until(lambda found: bool(found[0].error))
        at.clock.advance(timedelta(days=3, minutes=5))
        (failed,) = await at.until(lambda found: found[0].state == "failed")
        assert failed.error == "desk: busy"


async def test_a_defect_of_a_channel_stops_no_other_file(tmp_path: Path) -> None:
    async with room(tmp_path, Platform(ZeroDivisionError())) as at:
        await at.bring(PICTURE, id="m1")
        await at.until(lambda found: found[0].error == "ZeroDivisionError")
        await at.bring(PICTURE, id="m2")
        await at.until(lambda found: any(file.state == "kept" for file in found))


async def test_a_channel_that_is_gone_cannot_be_asked(tmp_path: Path) -> None:
    async with room(tmp_path, Platform()) as at:
        message = InboundMessage("gone", "m", "lin", Contact("lin"), "看", at.clock.now(), (PICTURE,))
        at.turns.append((await at.stores.pipeline.accept(message)).turn_id)
        (failed,) = await at.until(lambda found: found[0].state == "failed")
        assert "no longer configured" in failed.error


async def test_one_that_comes_later_does_not_wait_for_a_slow_one(tmp_path: Path) -> None:
    platform = Platform()
    platform.hold.clear()
    async with room(tmp_path, platform) as at:
        for number in range(AT_ONCE):
            await at.bring(PICTURE, id=f"m{number}")
            async with asyncio.timeout(20):
                while platform.now <= number:
                    await asyncio.sleep(0.01)
        platform.hold.set()
        await at.until(lambda found: all(file.state == "kept" for file in found))


async def test_a_crowd_of_pictures_is_fetched_a_few_at_a_time(tmp_path: Path) -> None:
    platform = Platform()
    platform.hold.clear()
    async with room(tmp_path, platform) as at:
        for number in range(8):
            await at.bring(PICTURE, id=f"m{number}")
        async with asyncio.timeout(20):
            while platform.now < AT_ONCE:
                await asyncio.sleep(0.01)
        platform.hold.set()
        await at.until(lambda found: all(file.state == "kept" for file in found))
        assert platform.most <= AT_ONCE
        assert sorted(id for id, _ in platform.asked) == [f"m{number}" for number in range(8)]
