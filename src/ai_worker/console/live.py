"""Live pages: one stream a tab that names what has changed, so that the page asks for it anew.

The stream carries names, never content: what a tab may see is decided when it asks.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import (
    ConversationChanged,
    MessageReceived,
    ReplySettled,
    TurnCompleted,
    TurnGivenUp,
)

MAX_STREAMS = 64
"""Open tabs in all. One costs about 30 kB; more than this is not a team but a fault."""

TICK_S = 5.0
"""Whatever the news, pages are told to refresh everything this often: waiting times grow, and what
happened while a page was being drawn was told to nobody."""

PACE_S = 0.5
"""News within this time of one another is told together."""

MAX_NEWS = 200
"""Names that one stream keeps; beyond, the page is told to refresh everything."""

Fact = ConversationChanged | MessageReceived | ReplySettled | TurnCompleted | TurnGivenUp


class TooManyStreams(Busy):
    """More tabs are open than the console serves; the page works, it just does not refresh itself."""

    code = "console.too_many_streams"


class _Tab:
    """What one stream has still to tell."""

    def __init__(self) -> None:
        self.news: dict[str, None] = {}
        self.woken = asyncio.Event()

    def tell(self, name: str) -> None:
        if len(self.news) >= MAX_NEWS:
            self.news = {"refresh": None}
        elif "refresh" not in self.news:
            self.news[name] = None
        self.woken.set()

    def take(self) -> list[str]:
        news, self.news = list(self.news), {}
        self.woken.clear()
        return news


class Live:
    """Hears facts on the event bus and passes their names on to the open streams."""

    def __init__(self, *, events: EventBus, clock: Clock) -> None:
        self._clock = clock
        self._tabs: set[_Tab] = set()
        self._closing = False
        events.subscribe(ConversationChanged, self._hear)
        events.subscribe(MessageReceived, self._hear)
        events.subscribe(ReplySettled, self._hear)
        events.subscribe(TurnCompleted, self._hear)
        events.subscribe(TurnGivenUp, self._hear)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._tabs)

    def open(self, until: datetime) -> AsyncGenerator[bytes, None]:
        """Return a stream of server-sent events that ends at `until` or when `close` is called.

        Raises:
            TooManyStreams: There are `MAX_STREAMS` already.
        """
        if len(self._tabs) >= MAX_STREAMS:
            raise TooManyStreams(f"{MAX_STREAMS} tabs are open already", retry_after=30)
        return self._stream(until)

    def close(self) -> None:
        """End all streams at once, and any that is opened later; called when draining begins."""
        self._closing = True
        for tab in self._tabs:
            tab.woken.set()

    def _hear(self, fact: Fact) -> None:
        for tab in self._tabs:
            tab.tell(f"conversation:{fact.conversation_id}")

    async def _stream(self, until: datetime) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        with self._tab() as tab:
            tick_at = loop.time() + TICK_S
            yield b"retry: 2000\n\n"
            while not self._closing and self._clock.now() < until:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(tick_at):
                        await tab.woken.wait()
                if self._closing:
                    break
                names = ["metrics", "conversations", *tab.take()]
                if loop.time() >= tick_at:
                    names.append("tick")
                    tick_at = loop.time() + TICK_S
                yield "".join(f"event: {name}\ndata:\n\n" for name in names).encode()
                await asyncio.sleep(PACE_S)

    @contextlib.contextmanager
    def _tab(self) -> Iterator[_Tab]:
        tab = _Tab()
        self._tabs.add(tab)
        try:
            yield tab
        finally:
            self._tabs.discard(tab)
