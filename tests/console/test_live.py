import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from ai_worker.api.server import DoorServer, make_server
from ai_worker.console.live import MAX_NEWS, MAX_STREAMS, Live, TooManyStreams
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import ConversationChanged
from tests.console.world import World


@asynccontextmanager
async def serving(site: World) -> AsyncIterator[tuple[DoorServer, str, aiohttp.ClientSession]]:
    """Serve the console on a socket; yield the server, its address and a signed-in client."""
    server = make_server(site.console, host="127.0.0.1", port=0)
    base = f"http://127.0.0.1:{server.bind()}"
    task = asyncio.create_task(server.serve())
    await server.accepting()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            await browser.get(base + await site.link())
            yield server, base, browser
    finally:
        site.console.close_streams()
        server.drain()
        await task


async def names_of(response: aiohttp.ClientResponse, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        line = (await response.content.readline()).decode().strip()
        if line.startswith("event: "):
            found.append(line.removeprefix("event: "))
    return found


async def test_a_changed_conversation_is_named_to_every_open_tab(new_site: World) -> None:
    async with (
        serving(new_site) as (_, base, browser),
        browser.get(f"{base}/events") as one,
        browser.get(f"{base}/events") as other,
    ):
        assert one.content_type == "text/event-stream"
        new_site.events.publish(ConversationChanged(2041))
        for tab in (one, other):
            assert await names_of(tab, 3) == ["metrics", "conversations", "conversation:2041"]


async def test_streams_end_within_a_second_when_draining_begins(new_site: World) -> None:
    async with serving(new_site) as (_, base, browser), browser.get(f"{base}/events") as tab:
        new_site.console.close_streams()
        async with asyncio.timeout(1):
            assert await tab.content.read() == b"retry: 2000\n\n"


async def test_the_number_of_streams_is_bounded() -> None:
    live = Live(events=EventBus(), clock=FixedClock())
    until = FixedClock().now() + timedelta(hours=12)
    streams = [live.open(until) for _ in range(MAX_STREAMS)]
    for stream in streams:
        await anext(stream)

    with pytest.raises(TooManyStreams):
        live.open(until)

    live.close()
    for stream in streams:
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert live.streams == 0


async def test_a_tab_that_was_closed_is_forgotten(new_site: World) -> None:
    live = Live(events=EventBus(), clock=FixedClock())
    stream = live.open(FixedClock().now() + timedelta(hours=12))
    await anext(stream)
    assert live.streams == 1

    await stream.aclose()

    assert live.streams == 0


async def test_more_news_than_a_tab_can_keep_becomes_one_refresh() -> None:
    events = EventBus()
    live = Live(events=events, clock=FixedClock())
    stream = live.open(FixedClock().now() + timedelta(hours=12))
    await anext(stream)

    for number in range(MAX_NEWS + 50):
        events.publish(ConversationChanged(number))

    assert await anext(stream) == (b"event: metrics\ndata:\n\nevent: conversations\ndata:\n\nevent: refresh\ndata:\n\n")
    live.close()


async def test_a_stream_ends_with_its_session() -> None:
    clock = FixedClock()
    live = Live(events=EventBus(), clock=clock)
    stream = live.open(clock.now() + timedelta(hours=12))
    await anext(stream)

    clock.advance(timedelta(hours=12))

    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_without_a_session_there_is_no_stream(new_site: World) -> None:
    async with new_site.client() as stranger:
        response = await stranger.get("/events")

    assert response.status_code == 401
    assert response.headers["content-type"].startswith("text/html")


async def test_with_too_many_tabs_the_next_one_opens_and_does_not_refresh_itself(new_site: World) -> None:
    async with serving(new_site) as (_, base, browser), AsyncExitStack() as tabs:
        for _ in range(MAX_STREAMS):
            tab = await tabs.enter_async_context(browser.get(f"{base}/events"))
            assert (await tab.content.readline()) == b"retry: 2000\n"

        async with browser.get(f"{base}/events") as refused, browser.get(base) as page:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
            assert page.status == 200
