"""The overview: how the worker is doing, and what waits for a person."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ai_worker.channels.contract import Channel, ChannelHealth
from ai_worker.console.channels import ChannelNames
from ai_worker.console.concerns import concerns, resources, tasks
from ai_worker.console.conditions import condition
from ai_worker.console.figures import WINDOW, Concurrency, chart, figures, hours
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.letters import Letters
from ai_worker.console.session import Session
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.gaps import Gap, GapStore
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.ops.host import HostProbe, HostSample
from ai_worker.ops.peak import HourlyPeak
from ai_worker.ops.stats import ServiceStats, StatsStore
from ai_worker.pipeline.deadletter import DeadLetter

FRESH_S = 1.0
"""Seconds for which one look at the stores serves every open tab."""

MAX_GAPS = 100
MAX_WAITING = 100


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything that the overview shows."""

    stats: ServiceStats
    counts: Mapping[State, int]
    waiting: list[Conversation]
    gaps: list[Gap]
    documents: int
    letters: int
    newest_letter: DeadLetter | None
    sample: HostSample


class OverviewPage:
    """Serves `/` and its parts."""

    def __init__(
        self,
        *,
        frame: Frame,
        conversations: ConversationStore,
        stats: StatsStore,
        knowledge: KnowledgeStore,
        gaps: GapStore,
        letters: Letters,
        channels: Mapping[str, Channel],
        names: ChannelNames,
        concurrency: Callable[[], tuple[int, int, int]] | None,
        peaks: HourlyPeak,
        host: HostProbe,
        clock: Clock,
    ) -> None:
        self._frame = frame
        self._conversations = conversations
        self._stats = stats
        self._knowledge = knowledge
        self._gaps = gaps
        self._letters = letters
        self._channels = channels
        self._names = names
        self._concurrency = concurrency
        self._peaks = peaks
        self._host = host
        self._clock = clock
        self._latest: Look | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [Route("/", guard(self._page)), Route("/parts/overview", guard(self._parts))]

    async def _page(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        return await self._frame.page(request, session, "overview.html", nav="overview", **context)

    async def _parts(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        return self._frame.part(request, session, "parts/overview.html", **context)

    async def _context(self, t: Words) -> dict[str, Any]:
        look = await self._look()
        concurrency = self._busy(look.stats)
        self._peaks.note(concurrency.active)
        health = {name: channel.health() for name, channel in self._channels.items()}
        machine = resources(t, look.sample)
        columns = hours(t, look.stats)
        labelled = {self._names.title(t, name): state for name, state in health.items()}
        waiting = look.counts.get(State.WAITING, 0)
        return {
            "empty": not look.stats.accepted and not any(look.counts.values()),
            "steps": {"channel": bool(self._channels), "knowledge": look.documents > 0},
            "stats": look.stats,
            "waiting": waiting,
            "letters": look.letters,
            "concerns": concerns(t, stats=look.stats, concurrency=concurrency, health=labelled, machine=machine),
            "figures": figures(t, look.stats, concurrency, self._peaks),
            "columns": columns,
            "chart": chart(t, columns),
            "tasks": tasks(
                t,
                waiting=look.waiting,
                count=waiting,
                letters=look.letters,
                newest_letter=look.newest_letter,
                gaps=look.gaps,
                now=self._clock.now(),
            ),
            "channels": [self._channel_row(t, name, state, look.stats) for name, state in health.items()],
            "online": sum(state.state == "ready" for state in health.values()),
            "resources": machine,
        }

    def _busy(self, stats: ServiceStats) -> Concurrency:
        """Return how busy this process is; in a console that runs alone, how busy the others are together."""
        if self._concurrency is None:
            return Concurrency(stats.in_progress, None, stats.waiting - stats.in_progress)
        active, limit, queued = self._concurrency()
        # The store counts what is accepted and unfinished, so it knows of messages no process has taken up.
        return Concurrency(active, limit, max(queued, stats.waiting - active))

    async def _look(self) -> Look:
        """Return a look at most `FRESH_S` old; tabs that ask together share one."""
        async with self._looking:
            if self._latest is None or self._clock.monotonic() - self._looked_at >= FRESH_S:
                now = self._clock.now()
                self._latest = Look(
                    stats=await self._stats.service(since=now - WINDOW, until=now),
                    counts=await self._conversations.counts(),
                    waiting=await self._conversations.conversations(states=[State.WAITING], limit=MAX_WAITING),
                    gaps=await self._gaps.open_gaps(MAX_GAPS),
                    documents=(await self._knowledge.counts())[0],
                    letters=await self._letters.count(),
                    newest_letter=next(iter(await self._letters.newest(1)), None),
                    sample=await self._host.sample(),
                )
                self._looked_at = self._clock.monotonic()
            return self._latest

    def _channel_row(self, t: Words, name: str, health: ChannelHealth, stats: ServiceStats) -> dict[str, object]:
        return {
            "name": name,
            "mark": self._names.mark(t, name),
            "title": self._names.title(t, name),
            "state": health.state,
            "detail": condition(t, health.detail),
            "last_inbound_at": health.last_inbound_at,
            "messages": t.number(stats.by_channel.get(name, 0)),
        }
