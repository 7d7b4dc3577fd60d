"""What is done again and again beside the messages."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog

from ai_worker.channels.contract import Channel
from ai_worker.channels.roster import Roster
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.events import EventBus
from ai_worker.knowledge.curator import Curator
from ai_worker.ops.host import HostMetrics
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.fetching import Fetching
from ai_worker.settings import Settings
from ai_worker.settings.watch import SettingsWatch
from ai_worker.storage.opening import Stores

if TYPE_CHECKING:
    from ai_worker.queue.opening import Queue

from ai_worker.app.handing_over import HandingOver
from ai_worker.app.line import Line, fetch_of

log = structlog.get_logger(__name__)

Chore = Callable[[], Coroutine[None, None, None]]
"""Something that runs for as long as the service does."""


TUNED_S = 3.0
"""How often thresholds that somebody has tuned are looked for."""


REFRESH_S = 1.0
"""How often knowledge that another process has added is looked for."""


SYNC_S = 5.0
"""How often is looked whether a source of knowledge is due."""


REVIEWS_S = 60.0


NOTED_S = 2.0
"""How often what the channels have seen is kept where other processes find it."""


CALL_S = 1.0
"""How often the queue of those who wait for a person is looked through; in SQLite that is one index read."""


SWEEP_S = 3600.0


MOST_SWEEPS = 10_000


GAUGES_S = 5.0


async def every(seconds: float, work: Callable[[], Awaitable[object]], name: str) -> None:
    """Do `work` again and again; a failure is told in the log and does not end it."""
    while True:
        try:
            await work()
        except AiWorkerError as error:
            log.warning("app.chore_failed", chore=name, code=error.code, error=str(error))
        await asyncio.sleep(seconds)


def reloading(
    watch: SettingsWatch, running: Settings, channels: Roster, handing_over: HandingOver
) -> Callable[[], Awaitable[None]]:
    """Let channels and handing over take effect when their settings change; everything else waits for a restart."""

    async def reload() -> None:
        former = watch.refused
        settings = await asyncio.to_thread(watch.changed)
        if settings is not None:
            changed = await channels.change(settings.channels)
            handoff = handing_over.change(settings)
            waiting = watch.waits_for_restart(settings, running)
            log.info("settings.reloaded", channels=changed, handoff=handoff, wait_for_restart=waiting)
        elif watch.refused is not None and watch.refused is not former:
            log.error("settings.refused", problems=str(watch.refused))

    return reload


def tuning(stores: Stores, thresholds: Thresholds) -> Callable[[], Awaitable[None]]:
    """Return what takes over the thresholds that somebody has tuned."""

    async def look() -> None:
        thresholds.replace(await stores.evaluation.thresholds())

    return look


def sweeping(stores: Stores, clock: Clock) -> Callable[[], Awaitable[None]]:
    """Return what deletes whatever is past its retention."""

    async def sweep() -> None:
        for _ in range(MOST_SWEEPS):
            if not await stores.sweep(clock.now()):
                break

    return sweep


def watching(metrics: Metrics, curator: Curator, stores: Stores) -> Callable[[], Awaitable[None]]:
    """Return what counts the knowledge that is to be looked through, and the sources that fail."""

    async def watch() -> None:
        sources = await stores.sources.sources()
        failing = sum(bool(state.report.code or state.report.failed) for state in sources.values())
        metrics.knowledge(due=len(await curator.due()), failing=failing)

    return watch


def gauging(
    metrics: Metrics,
    line: Line | None,
    host: HostMetrics,
    queue: "Queue | None",
    channels: Mapping[str, Channel],
    clock: Clock,
) -> Callable[[], Awaitable[None]]:
    """Return what keeps the gauges up to date."""

    async def gauge() -> None:
        if line is not None:
            metrics.concurrency(*line.concurrency())
        metrics.host(await host.sample())
        metrics.channels(
            {
                name: (health.state == "ready", health.connected_at)
                for name, health in ((name, channel.health()) for name, channel in channels.items())
            },
            now=clock.now(),
        )
        if queue is not None:
            metrics.queue(up=queue.inbox.healthy, unread=queue.reader.unread)

    return gauge


def line_chores(line: Line, stores: Stores, channels: Roster, events: EventBus, clock: Clock) -> list[Chore]:
    """Return what is done where messages are answered: calling colleagues, fetching files, deleting what is old."""
    return [
        partial(every, SWEEP_S, sweeping(stores, clock), "storage.sweep"),
        partial(every, CALL_S, line.caller.look, "handoff.call"),
        partial(every, CALL_S, line.approvals.look, "approval.call"),
        Fetching(partial(fetch_of, channels), store=stores.files, events=events, clock=clock).run,
    ]
