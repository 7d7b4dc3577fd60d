"""Contacts are looked up beside the conversation: once a day, one at a time, and whatever fails disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline import directory
from ai_worker.pipeline.directory import STALE, Directory, LookUp
from ai_worker.pipeline.facts import ConversationChanged
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.sending import SendFailed
from ai_worker.storage.opening import Stores, open_stores


class Platform:
    """A platform's directory: knows some, is asked by many, and can be out of order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.failures: list[Exception] = []
        self.members = {"wang": Contact("wang", "王芳", "财务部"), "lin": Contact("lin", "林晓燕", "售后部")}

    async def look_up(self, contact_id: str) -> Contact | None:
        self.asked.append(contact_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        return self.members.get(contact_id)


@dataclass
class Scene:
    """An inbox over a real store, with directories beside it."""

    stores: Stores
    clock: FixedClock
    events: EventBus
    platforms: dict[str, Platform]
    inbox: Inbox
    changed: list[int] = field(default_factory=list)
    sent: int = 0

    async def write(self, who: str, *, channel: str = "desk") -> int:
        self.sent += 1
        message = InboundMessage(channel, new_id("m"), who, Contact(who), "在吗", self.clock.now())
        return (await self.inbox.accept(message)).conversation_id

    async def name(self, who: str, *, channel: str = "desk") -> str | None:
        found = await self.stores.contacts.known(ContactKey(channel, who))
        return None if found is None else found.name


@asynccontextmanager
async def scene(folder: Path, *, channels: tuple[str, ...] = ("desk",)) -> AsyncIterator[Scene]:
    clock, events = FixedClock(), EventBus()
    async with open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=clock) as stores:
        inbox = Inbox(stores.pipeline, worker_of=lambda _: "xiaozhi", events=events, clock=clock, wake=lambda: None)
        platforms = {name: Platform() for name in channels}
        made = Scene(stores, clock, events, platforms, inbox)
        events.subscribe(ConversationChanged, lambda fact: made.changed.append(fact.conversation_id))
        async with at_work(made):
            yield made


@asynccontextmanager
async def at_work(made: Scene) -> AsyncIterator[None]:
    def look_up_of(channel: str) -> LookUp | None:
        platform = made.platforms.get(channel)
        return platform.look_up if platform else None

    desks = Directory(look_up_of, store=made.stores.contacts, events=made.events, clock=made.clock, pause_s=0)
    running = asyncio.create_task(desks.run())
    try:
        yield
        assert not running.done(), "it never ends by itself"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


async def settled(made: Scene) -> None:
    """Let a contact whom nobody knows be asked for: all before that are done with then."""
    who = f"nobody-{made.sent}"
    for channel, platform in made.platforms.items():
        await made.write(who, channel=channel)
        await until(lambda platform=platform: who in platform.asked)  # type: ignore[misc]


async def test_a_new_contact_gets_a_name_after_the_message_was_accepted(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        number = await made.write("wang")
        await until(lambda: made.changed == [number])
        (listed,) = await made.stores.conversations.conversations()
        assert (listed.contact_name, listed.department) == ("王芳", "财务部")


async def test_a_known_contact_is_asked_for_once_a_day(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        platform = made.platforms["desk"]
        for _ in range(3):
            await made.write("wang")
            await settled(made)
        assert platform.asked.count("wang") == 1

        made.clock.advance(STALE + timedelta(seconds=1))
        platform.members["wang"] = Contact("wang", "王芳", "采购部")
        await made.write("wang")
        await settled(made)
        assert platform.asked.count("wang") == 2
        found = await made.stores.contacts.known(ContactKey("desk", "wang"))
        assert found is not None
        assert found.department == "采购部"


async def test_after_a_restart_the_store_is_asked_and_not_the_platform(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.write("wang")
        await settled(made)
    async with scene(tmp_path) as made:
        await made.write("wang")
        await settled(made)
        assert made.platforms["desk"].asked.count("wang") == 0


async def test_whom_the_platform_does_not_know_is_not_stored_and_not_asked_for_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.write("stranger")
        await settled(made)
        await made.write("stranger")
        await settled(made)
        assert made.platforms["desk"].asked.count("stranger") == 1
        (row,) = await made.stores.contacts.search("stranger")
        assert row.looked_up_at is None


async def test_a_platform_is_asked_one_thing_at_a_time_and_others_do_not_wait_for_it(tmp_path: Path) -> None:
    async with scene(tmp_path, channels=("desk", "feishu")) as made:
        made.platforms["desk"].failures = [SendFailed("wecom", "errcode 45009", retry_after=3_600)]
        await made.write("wang")
        await until(lambda: made.platforms["desk"].asked == ["wang"])
        for n in range(20):
            await made.write(f"ou_{n}", channel="feishu")
        await until(lambda: len(made.platforms["feishu"].asked) == 20)
        assert made.platforms["feishu"].most_at_once == 1
        await made.write("lin")
        assert made.platforms["desk"].asked == ["wang"], "it said when it wants to be asked again"


async def test_a_platform_that_cannot_be_reached_is_asked_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "RETRY_BASE_S", 0.01)
    async with scene(tmp_path) as made:
        platform = made.platforms["desk"]
        platform.failures = [SendFailed("wecom", "down", retry_after=0.01), TimeoutError()]
        await made.write("wang")
        await made.write("lin")
        await until(lambda: len(made.changed) == 2)
        assert (len(platform.asked), platform.asked[0]) == (4, "wang")
        assert (await made.name("wang"), await made.name("lin")) == ("王芳", "林晓燕")


async def test_a_final_refusal_and_a_defect_end_with_the_contact_they_are_about(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        platform = made.platforms["desk"]
        platform.failures = [SendFailed("wecom", "errcode 48002", retry_after=None), ValueError("a defect")]
        await made.write("a")
        await made.write("b")
        await made.write("wang")
        await until(lambda: bool(made.changed))
        assert platform.asked == ["a", "b", "wang"]
        await made.write("a")
        await settled(made)
        assert platform.asked.count("a") == 1


async def test_a_channel_without_a_directory_costs_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.write("wang", channel="website")
        await settled(made)
        assert "wang" not in made.platforms["desk"].asked


async def test_a_channel_that_comes_later_is_asked_too_and_one_that_changed_by_its_new_settings(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        made.platforms["feishu"] = Platform()
        await made.write("wang", channel="feishu")
        await until(lambda: len(made.changed) == 1)
        former, made.platforms["feishu"] = made.platforms["feishu"], Platform()
        await made.write("lin", channel="feishu")
        await until(lambda: len(made.changed) == 2)
        assert (former.asked, made.platforms["feishu"].asked) == (["wang"], ["lin"])


async def test_no_more_is_remembered_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "REMEMBERED", 3)
    monkeypatch.setattr(directory, "WAITING", 5)
    async with scene(tmp_path) as made:
        platform = made.platforms["desk"]
        for n in range(4):
            await made.write(f"s-{n}")
            await until(lambda n=n: f"s-{n}" in platform.asked)  # type: ignore[misc]
        await made.write("s-0")
        await settled(made)
        assert platform.asked.count("s-0") == 2, "it was forgotten, and is asked for again"
        platform.failures = [SendFailed("wecom", "down", retry_after=3_600)]
        for n in range(20):
            await made.write(f"t-{n}")
        await until(lambda: not platform.failures)
        assert sum(asked.startswith("t-") for asked in platform.asked) == 1
