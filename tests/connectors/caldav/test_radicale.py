"""Meeting rooms on a real calendar server: what is on, what is free, booked once, and cancelled by whose it is."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.caldav.caller import AlreadyTaken
from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused
from tests.connectors.caldav.radicale import PASSWORD, Radicale, shared_radicale

ZHANG, LI = Asker("wecom", "zhangsan", member=True), Asker("wecom", "lisi", member=True)
_numbers = itertools.count(1)

EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//test//ZH\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20260301T000000Z\r
{lines}\r
END:VEVENT\r
END:VCALENDAR\r
"""


@pytest.fixture(scope="module")
def radicale() -> Radicale:
    return shared_radicale()


@pytest.fixture
def room(radicale: Radicale) -> str:
    return radicale.calendar(f"room{next(_numbers)}")


def settings(base: str, room: str, password: str = PASSWORD, options: str = "") -> str:
    return f"""
kind = "caldav"
name = "会议室"
base_url = "{base}"
operations = ["**"]
[auth]
kind = "basic"
username = "worker"
secret = "{password}"
[options]
{options}
[options.calendars]
"三楼会议室" = "{room}"
"""


@asynccontextmanager
async def connected(folder: Path, text: str) -> AsyncIterator[Connection]:
    file = folder / "rooms" / "connector.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    connection = load_connector(file, resolve=str, parts=Parts(clock=SystemClock()))
    assert connection is not None
    await connection.start()
    try:
        yield connection
    finally:
        await connection.close()


async def ask(connection: Connection, name: str, /, asker: Asker | None = None, key: str = "", **arguments: Any) -> Any:
    arguments = {"calendar": "三楼会议室", **arguments} if name != "list_calendars" else arguments
    return (await connection.call(f"rooms.{name}", arguments, idempotency_key=key, asker=asker)).data


def add(radicale: Radicale, room: str, uid: str, *lines: str) -> None:
    assert radicale.put(f"{room}{uid}.ics", EVENT.format(uid=uid, lines="\r\n".join(lines)).encode()) == 201


DAY: dict[str, Any] = {"start": "2026-03-02T08:00", "end": "2026-03-02T18:00"}


async def test_what_is_on_and_what_is_free_is_told_in_the_rooms_own_time(
    radicale: Radicale, room: str, tmp_path: Path
) -> None:
    add(radicale, room, "a", "DTSTART:20260302T010000Z", "DTEND:20260302T020000Z", "SUMMARY:周会")
    add(radicale, room, "b", "DTSTART:20260302T060000Z", "DURATION:PT30M", "SUMMARY:面试", "CLASS:PRIVATE")
    add(radicale, room, "c", "DTSTART:20260302T070000Z", "DTEND:20260302T080000Z", "STATUS:CANCELLED", "SUMMARY:取消")
    weekly = ("RRULE:FREQ=WEEKLY;COUNT=4", "SUMMARY:每周例会")
    add(radicale, room, "d", "DTSTART:20260223T013000Z", "DTEND:20260223T023000Z", *weekly)
    async with connected(tmp_path, settings(radicale.base, room)) as connection:
        assert (await ask(connection, "list_calendars"))["calendars"] == [{"calendar": "三楼会议室"}]
        events = (await ask(connection, "list_events", **DAY))["events"]
        assert [(event["start"], event.get("title", "")) for event in events] == [
            ("2026-03-02T09:00+08:00", "周会"),
            ("2026-03-02T09:30+08:00", "每周例会"),
            ("2026-03-02T14:00+08:00", ""),
            ("2026-03-02T15:00+08:00", "取消"),
        ]
        found = await ask(connection, "free_busy", **DAY)
        assert [(span["start"][11:16], span["end"][11:16]) for span in found["busy"]] == [
            ("09:00", "10:30"),
            ("14:00", "14:30"),
        ]
        assert [span["start"][11:16] for span in found["free"]] == ["08:00", "10:30", "14:30"]
        assert await connection.check() == "PROPFIND list_calendars: 1 fields"


async def test_a_booking_is_made_once_read_back_and_cancelled_by_whose_it_is(
    radicale: Radicale, room: str, tmp_path: Path
) -> None:
    times: dict[str, Any] = {
        "start": "2026-03-02T10:00",
        "end": "2026-03-02T11:00",
        "title": "评审；第一次, 全员\n参加",
    }
    async with connected(tmp_path, settings(radicale.base, room)) as connection:
        booked = await ask(connection, "book", ZHANG, "key-1", **times)
        assert booked == await ask(connection, "book", ZHANG, "key-1", **times)
        assert (await ask(connection, "list_events", **DAY))["count"] == 1
        with pytest.raises(AlreadyTaken):
            await ask(connection, "book", LI, "key-2", **{**times, "start": "2026-03-02T10:30"})
        back = await ask(connection, "get_booking", event=booked["event"])
        assert (back["start"], back["title"]) == ("2026-03-02T10:00+08:00", "评审；第一次, 全员 参加")
        for name in ("get_booking", "cancel"):
            with pytest.raises(ToolRefused, match="somebody else"):
                await ask(connection, name, LI, event=booked["event"])
        assert (await ask(connection, "cancel", ZHANG, event=booked["event"]))["cancelled"] is True
        with pytest.raises(ToolRefused):
            await ask(connection, "cancel", ZHANG, event=booked["event"])
        assert (await ask(connection, "list_events", **DAY))["count"] == 0


async def test_of_many_who_book_at_the_same_moment_at_most_one_has_the_room(
    radicale: Radicale, room: str, tmp_path: Path
) -> None:
    times: dict[str, Any] = {"start": "2026-03-02T10:00", "end": "2026-03-02T11:00", "title": "抢会议室"}
    async with connected(tmp_path, settings(radicale.base, room)) as connection:
        tries = (ask(connection, "book", Asker("wecom", f"u{n}", member=True), f"key-{n}", **times) for n in range(6))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(one) for one in results if isinstance(one, BaseException)].count(AlreadyTaken) >= 5
        left = (await ask(connection, "list_events", **DAY))["count"]
    assert left == sum(isinstance(one, dict) for one in results) <= 1


async def test_wrong_credentials_and_a_calendar_that_is_none_are_told(
    radicale: Radicale, room: str, tmp_path: Path
) -> None:
    async with connected(tmp_path, settings(radicale.base, room, "falsch-falsch")) as connection:
        with pytest.raises(ToolFailed) as failed:
            await connection.check()
        assert "falsch" not in str(failed.value)
    async with connected(tmp_path, settings(radicale.base, "/worker/")) as connection:
        with pytest.raises(ToolFailed, match="is no calendar"):
            await connection.check()


async def test_another_persons_event_is_none_of_ours_to_cancel(radicale: Radicale, room: str, tmp_path: Path) -> None:
    uid = f"{'a' * 32}"
    add(radicale, room, uid, "DTSTART:20260302T010000Z", "DTEND:20260302T020000Z", "SUMMARY:董事会")
    async with connected(tmp_path, settings(radicale.base, room)) as connection:
        for event in (f"{uid}@ai-worker", "../other/x@ai-worker", f"{'b' * 32}@ai-worker"):
            with pytest.raises((ToolRefused, ArgumentsRefused)):
                await ask(connection, "cancel", ZHANG, event=event)
        assert (await ask(connection, "list_events", **DAY))["count"] == 1
