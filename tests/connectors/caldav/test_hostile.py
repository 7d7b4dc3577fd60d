"""A calendar server that answers as no server should."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from ai_worker.connectors.caldav.events import busy_times, events_of
from ai_worker.connectors.caldav.multistatus import NotMultistatus, read
from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ArgumentsRefused, ConnectorRefused
from ai_worker.skills.tool import ToolFailed, ToolUnsure
from tests.connectors.caldav.test_radicale import DAY, ask, connected, settings

HOUR: dict[str, Any] = {"start": "2026-03-02T10:00", "end": "2026-03-02T11:00"}
SHANGHAI = ZoneInfo("Asia/Shanghai")
EMPTY = b'<d:multistatus xmlns:d="DAV:"/>'
BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<multistatus><response><href>&b;</href></response></multistatus>"""


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        BOMB.decode().encode("utf-16"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><multistatus/>',
        b"<multistatus>" + b"<a>" * 100_000,
        b"<html>login</html>",
        b"{}",
        b"",
        b"\xff\xfe\x00",
    ],
    ids=["entities", "entities-utf16", "file", "deep", "html", "json", "nothing", "bytes"],
)
def test_what_is_no_plain_multistatus_is_not_read(content: bytes) -> None:
    with pytest.raises(NotMultistatus):
        read(content)


@pytest.mark.parametrize(
    "data",
    ["", "BEGIN:VEVENT", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:gestern\r\nEND:VEVENT\r\nEND:VCALENDAR", "\x00"],
)
def test_what_is_no_calendar_is_refused_without_its_words(data: str) -> None:
    with pytest.raises(ValueError, match="no iCalendar") as refused:
        events_of(data, SHANGHAI)
    assert "gestern" not in str(refused.value)


def test_an_event_that_repeats_unknown_takes_the_whole_span_and_one_that_ends_before_it_begins_none() -> None:
    start, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    text = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260302T090000Z\r\n"
        "DTEND:20260302T080000Z\r\n{}END:VEVENT\r\nEND:VCALENDAR"
    )
    assert busy_times(events_of(text.format(""), SHANGHAI), start, end) == []
    repeating = events_of(text.format("RRULE:FREQ=SECONDLY\r\n"), SHANGHAI)
    assert busy_times(repeating, start, end) == [(start, end)]


@asynccontextmanager
async def answering(
    folder: Path, status: int, content: bytes, **headers: str
) -> AsyncIterator[tuple[Connection, list[str]]]:
    """Run a server that answers everything the same, but the first REPORT, which finds nothing."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.method)
        if request.method == "REPORT" and "PUT" in headers.get("only", ""):
            return web.Response(status=207, body=EMPTY)
        return web.Response(status=status, body=content, headers={k: v for k, v in headers.items() if k != "only"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with connected(folder, settings(f"http://127.0.0.1:{port}", "/rooms/3f/")) as connection:
            yield connection, asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "content"),
    [(207, BOMB), (207, b"<html/>"), (200, EMPTY), (500, b""), (401, b""), (207, b"x" * 9_000_000)],
    ids=["bomb", "html", "not-207", "broken", "who", "huge"],
)
async def test_a_booking_never_begins_where_it_cannot_be_seen_what_is_on(
    tmp_path: Path, status: int, content: bytes
) -> None:
    async with answering(tmp_path, status, content) as (connection, asked):
        with pytest.raises(ToolFailed) as failed:
            await ask(connection, "book", title="评审", **HOUR)
        assert not isinstance(failed.value, ToolUnsure | ArgumentsRefused)
        assert "PUT" not in asked


async def test_nobody_knows_of_a_booking_that_the_server_failed_at(tmp_path: Path) -> None:
    async with answering(tmp_path, 500, b"", only="PUT") as (connection, asked):
        with pytest.raises(ToolUnsure):
            await ask(connection, "book", title="评审", **HOUR)
        assert asked.count("PUT") == 1


async def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path) -> None:
    async with answering(tmp_path, 302, b"", location="http://169.254.169.254/") as (connection, _):
        with pytest.raises(ToolFailed, match="elsewhere"):
            await connection.check()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("morgen", "2026-03-02T10:00"),
        ("2026-03-02T10:00", "2026-03-02T09:00"),
        ("2026-01-01T00:00", "2026-12-31T00:00"),
    ],
)
async def test_times_that_make_no_span_never_leave(tmp_path: Path, start: str, end: str) -> None:
    async with answering(tmp_path, 500, b"") as (connection, asked):
        with pytest.raises(ArgumentsRefused):
            await ask(connection, "list_events", start=start, end=end)
        with pytest.raises(ArgumentsRefused):
            await ask(connection, "list_events", calendar="别的日历", **DAY)
        assert asked == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/rooms/3f/", "rooms", "calendars"),
        ("[options]", '[options]\ntimezone = "Mars/Olympus"', "time zone"),
        ('kind = "basic"\nusername = "worker"', 'kind = "oauth2"\ntoken_url = "http://x"\nclient_id = "x"', "takes"),
    ],
)
async def test_settings_that_cannot_be_right_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = settings("http://127.0.0.1:9", "/rooms/3f/").replace(old, new)
    with pytest.raises(ConnectorRefused, match=words):
        async with connected(tmp_path, text):
            pass
