"""Who says something for the first time is looked up before they are answered, where a department decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline import introduction
from ai_worker.pipeline.directory import Directory, LookUp
from ai_worker.pipeline.introduction import IntroducedTurns
from ai_worker.pipeline.sending import SendFailed
from ai_worker.storage.opening import open_stores
from tests.pipeline.desk import Scripted

CLOCK = FixedClock()


@dataclass
class Office:
    """Turns that remember in whose name they were run, behind a platform with a directory."""

    turns: IntroducedTurns
    engine: Scripted
    asked: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    restricted: bool = True

    async def say(self, who: str = "wang", *, channel: str = "desk", department: str | None = None) -> Contact:
        """Run a turn; return the contact that it was run for."""
        message = InboundMessage(channel, "m", who, Contact(who, None, department), "返点多少", CLOCK.now())
        await self.turns.run(TurnInput("t-1", message, (), "xiaozhi"))
        return self.engine.given[-1].message.contact

    async def look_up(self, contact_id: str) -> Contact | None:
        self.asked.append(contact_id)
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return Contact("wang", "王芳", "采购部") if contact_id == "wang" else None


async def answer(given: TurnInput) -> TurnResult:
    return TurnResult("answer", Reply("好的"))


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    async with open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=CLOCK) as stores:

        def look_up_of(channel: str) -> LookUp | None:
            return made.look_up if channel == "desk" else None

        directory = Directory(look_up_of, store=stores.contacts, events=EventBus(), clock=CLOCK, pause_s=0)
        engine = Scripted(answer)
        turns = IntroducedTurns(engine, directory=directory, contacts=stores.contacts, matters=lambda: made.restricted)
        made = Office(turns, engine)
        made.may_answer.set()
        running = asyncio.create_task(directory.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_the_first_turn_of_a_contact_has_the_rights_of_their_department(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        assert await at.say() == Contact("wang", "王芳", "采购部")
        assert await at.say() == Contact("wang", "王芳", "采购部"), "also where the claim was older than the answer"
        assert at.asked == ["wang"]


@pytest.mark.parametrize("reason", ["nothing is restricted", "it is known", "no directory"])
async def test_nobody_waits_where_it_decides_nothing(tmp_path: Path, reason: str) -> None:
    async with office(tmp_path) as at:
        at.may_answer.clear()
        at.restricted = reason != "nothing is restricted"
        department = "客服部" if reason == "it is known" else None
        contact = await at.say(department=department, channel="web" if reason == "no directory" else "desk")

        assert (contact.department, at.asked) == (department, [])


async def test_a_directory_that_takes_too_long_leaves_the_turn_nobodys_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introduction, "WITHIN_S", 0.05)
    async with office(tmp_path) as at:
        at.may_answer.clear()

        assert (await at.say()).department is None
        at.may_answer.set()
        async with asyncio.timeout(20):
            while (await at.say()).department != "采购部":
                await asyncio.sleep(0.01)


async def test_who_the_directory_does_not_know_is_asked_for_once(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        for _ in range(3):
            assert (await at.say("niemand")).department is None

        assert at.asked == ["niemand"]


async def test_a_directory_that_is_down_is_not_waited_for_again(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        at.failure = SendFailed("down", "the platform is down", retry_after=60.0)
        assert (await at.say()).department is None
        at.may_answer.clear()

        assert (await at.say("lin")).department is None

        assert at.asked == ["wang"]


async def test_a_crowd_of_new_contacts_does_not_wait_in_a_row(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        at.may_answer.clear()
        crowd = [asyncio.create_task(at.say(f"neu-{number}")) for number in range(20)]
        done, _ = await asyncio.wait(crowd, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        assert done
        at.may_answer.set()
        await asyncio.gather(*crowd)
