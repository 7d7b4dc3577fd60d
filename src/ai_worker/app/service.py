"""Wires the rooms to the sockets from the settings; starts and stops them in order. No logic."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from ai_worker import __version__
from ai_worker.api.app import create_api, create_watch
from ai_worker.api.server import DoorServer
from ai_worker.app.chores import (
    CALL_S,
    GAUGES_S,
    NOTED_S,
    REFRESH_S,
    REVIEWS_S,
    SWEEP_S,
    SYNC_S,
    TUNED_S,
    Chore,
    every,
    gauging,
    reloading,
    sweeping,
    tuning,
    watching,
)
from ai_worker.app.doors import make_doors, url_of
from ai_worker.app.handing_over import HandingOver
from ai_worker.app.line import Line, fetch_of, look_up_of, make_line, nobody, open_callbacks
from ai_worker.app.parts import Role, comfortable, make_queue, open_meanings, open_model
from ai_worker.app.readiness import count, make_readiness
from ai_worker.app.systems import open_systems
from ai_worker.app.trials import make_trials
from ai_worker.app.work import at_work, spare_the_collector
from ai_worker.channels import registry
from ai_worker.channels.roster import Roster
from ai_worker.channels.sightings import Sightings
from ai_worker.connectors.contract import Connector
from ai_worker.console.app import create_console
from ai_worker.console.shelf import Shelf
from ai_worker.console.skills import SkillDesk
from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.evaluator import golden_evaluator
from ai_worker.conversation.gap_desk import GapDesk
from ai_worker.conversation.skill_trial import SkillTrials
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.links import ConsoleLinks
from ai_worker.keys.network import Networks
from ai_worker.keys.pepper import load_pepper
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.library import Library
from ai_worker.ops.host import HostMetrics
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.directory import Directory
from ai_worker.pipeline.fetching import Fetching
from ai_worker.pipeline.inbox import Inbox, Intake
from ai_worker.pipeline.introduction import IntroducedTurns
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.relay import Relay
from ai_worker.settings import Settings
from ai_worker.settings.watch import SettingsWatch
from ai_worker.skills.scores import Scores
from ai_worker.skills.shelf import SkillShelf
from ai_worker.sources.opening import open_sync
from ai_worker.storage.folder import held
from ai_worker.storage.opening import open_stores

log = structlog.get_logger(__name__)


class Service:
    """A running installation, or a part of one."""

    def __init__(
        self, *, api: DoorServer | None, console: DoorServer | None, links: ConsoleLinks, events: EventBus
    ) -> None:
        self.events = events
        """Facts as they happen, for who runs the service in its own process."""

        self._api, self._console, self._links = api, console, links
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises if a part that must never end has ended."""

    @property
    def api_url(self) -> str:
        """Where the API can be reached from this machine; empty if this process does not serve it."""
        return url_of(self._api) if self._api else ""

    @property
    def console_url(self) -> str:
        """Where the console can be reached from this machine; empty if this process does not serve it."""
        return url_of(self._console) if self._console else ""

    async def console_link(self) -> str:
        """Return a fresh link into the console that works once, for ten minutes."""
        return f"{self.console_url}/start?t={(await self._links.issue()).reveal()}"


async def serve(
    settings: Settings,
    *,
    role: Role | None = None,
    ready: Callable[[Service], None] | None = None,
    connectors: Sequence[Connector] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then drain for at most 30 seconds.

    Args:
        settings: What to serve.
        role: Which part of it; `None` means all of it.
        ready: Called once connections are accepted.
        connectors: More business systems than the connectors folder describes.

    Raises:
        Misconfigured: It could not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, role=role, connectors=connectors) as service:
        log.info("app.ready", role=role, api=service.api_url, console=service.console_url, version=__version__)
        spare_the_collector()
        if ready is not None:
            ready(service)
        service.failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
        log.info("app.draining")
    if not service.failed.cancelled():
        service.failed.result()
    log.info("app.stopped")


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    role: Role | None = None,
    clock: Clock | None = None,
    connectors: Sequence[Connector] = (),
) -> AsyncIterator[Service]:
    """Run an installation, or one part of it, until the block ends; then drain it.

    Raises:
        Misconfigured: A setting, the data folder, a port or a connector is not as it must be.
    """
    clock = clock or SystemClock()
    events, board, metrics = EventBus(), Board(), Metrics()
    count(events, metrics)
    embedded, staff = settings.database_file is not None, settings.staff()
    async with AsyncExitStack() as stack:
        stack.enter_context(held(settings.data_dir, role=role))
        opened = open_stores(settings.storage.url, data_dir=settings.data_dir, clock=clock)
        stores = await stack.enter_async_context(opened)
        keyring = Keyring(stores.keys, pepper=load_pepper(settings.data_dir), clock=clock)
        if settings.api_key is not None:
            await keyring.adopt(settings.api_key)
        meanings = await stack.enter_async_context(open_meanings(settings, stores, clock, role))
        library = Library(
            stores.knowledge,
            clock=clock,
            index_folder=settings.data_dir / "index",
            nearness=meanings.keeper,
            learns=role in (None, "runner"),
        )
        stack.push_async_callback(library.close)
        await library.refresh()
        curator = Curator(
            stores.archive, store=stores.knowledge, library=library, clock=clock, time_zone=settings.time_zone
        )
        channels = Roster(settings.channels, clock=clock, store=stores.channels)
        changes = SettingsWatch(settings, environ=os.environ)
        systems = await stack.enter_async_context(open_systems(settings, stores, metrics, clock, connectors, role))
        directory = Directory(partial(look_up_of, channels), store=stores.contacts, events=events, clock=clock)
        model = await stack.enter_async_context(open_model(settings, clock)) if role in (None, "runner") else None
        line: Line | None = None
        direct = Inbox(
            stores.pipeline,
            worker_of=lambda channel: staff.of_channel(channel).name,
            events=events,
            clock=clock,
            wake=lambda: line.runner.wake() if line else None,
        )
        thresholds = Thresholds(Bars(ANSWER_AT, CLARIFY_AT))
        skills = SkillShelf(settings.skills_folder)
        trials: SkillTrials | None = None
        handing_over = HandingOver(settings, stores.handoffs, clock=clock)
        if role in (None, "runner"):
            thresholds.replace(await stores.evaluation.thresholds())
            turns = TurnEngine(
                staff=staff,
                retriever=library,
                records=library,
                toolbox=systems.hub,
                model=model,
                feedback=stores.feedback,
                clock=clock,
                rules=handing_over.rules,
                outlook=handing_over.foresight.foresee,
                thresholds=thresholds,
                meanings=meanings.embeddings,
                comfortable=partial(comfortable, channels),
                approvals=stores.approvals,
                skills=skills,
            )
            trials = make_trials(systems, staff=staff, library=library, model=model, thresholds=thresholds, clock=clock)
            callbacks = await stack.enter_async_context(open_callbacks(settings, stores, keyring, clock))
            known = IntroducedTurns(
                turns,
                directory=directory,
                contacts=stores.contacts,
                matters=lambda: library.restricted or systems.hub.minds_departments(),
            )
            line = make_line(
                *(settings, stores, known, direct, channels, callbacks),
                duty=handing_over.duty,
                board=board,
                events=events,
                clock=clock,
            )
        queue = make_queue(settings, direct, alone=embedded and role is None, events=events, clock=clock)
        inbox: Intake = queue.inbox if queue else direct
        host = HostMetrics(settings.data_dir, clock=clock)
        links = ConsoleLinks(stores.keys, clock=clock)
        readiness = make_readiness(stores, channels, model, [meanings.checks, systems.checks], queue, changes, clock)
        metrics_allow = Networks.parse([str(network) for network in settings.console.allow])
        api = console = None
        if role in (None, "api"):
            api = create_api(
                inbox=inbox,
                board=board,
                conversations=stores.conversations,
                library=library,
                remover=curator,
                gaps=stores.gaps,
                answers=stores.answers,
                feedback=stores.feedback,
                files=stores.files,
                keyring=keyring,
                staff=staff,
                channels=channels,
                readiness=readiness,
                metrics_text=metrics.render,
                metrics_allow=metrics_allow,
                settings=settings.api,
                clock=clock,
                retriever=library,
                toolbox=systems.toolbox,
                version=__version__,
            )
        if role in (None, "console"):
            evaluator = golden_evaluator(
                stores.evaluation,
                library=library,
                records=library,
                staff=staff,
                default=thresholds.default,
                version=__version__,
                clock=clock,
            )
            console = create_console(
                conversations=stores.conversations,
                stats=stores.stats,
                knowledge=stores.knowledge,
                shelf=Shelf(
                    library=library,
                    curator=curator,
                    sources=stores.sources,
                    source_names=list(settings.knowledge.sources),
                    store=stores.knowledge,
                    thresholds=thresholds,
                ),
                gaps=stores.gaps,
                approvals=stores.approvals,
                gap_desk=GapDesk(
                    stores.gaps,
                    knowledge=library,
                    evaluation=stores.evaluation,
                    evaluator=evaluator,
                    clock=clock,
                ),
                evaluation=stores.evaluation,
                evaluator=evaluator,
                skills=SkillDesk(
                    skills, scores=Scores(settings.data_dir), staff=staff, tools=systems.hub.tools, trials=trials
                ),
                systems=systems.desk(settings, stores),
                dead_letters=stores.dead_letters,
                contacts=stores.contacts,
                files=stores.files,
                channels=channels,
                guides=registry.setup_guides(),
                memory=stores.channels,
                duty=handing_over.duty,
                pusher=Pusher(
                    stores.pipeline, deliverers=channels, clock=clock, wake=line.delivery.wake if line else nobody
                ),
                holds=role is None,
                api_port=settings.api.port,
                staff=staff,
                board=board,
                events=events,
                wake=line.delivery.wake if line else nobody,
                links=links,
                session_secret=keyring.subkey("console.session"),
                settings=settings.console,
                concurrency=line.concurrency if line else None,
                host=host,
                version=__version__,
                node=socket.gethostname(),
                started_at=clock.now(),
                clock=clock,
                time_zone=settings.time_zone,
                language=settings.language,
            )
        watch = create_watch(
            keyring=keyring,
            readiness=readiness,
            metrics_text=metrics.render,
            settings=settings.api,
            metrics_allow=metrics_allow,
        )
        doors = make_doors(settings, api=api, console=console, watch=watch)
        service = Service(api=doors.api_server, console=doors.console_server, links=links, events=events)
        chores: list[Chore] = [
            partial(every, GAUGES_S, gauging(metrics, line, host, queue, channels, clock), "ops.gauges")
        ]
        chores.append(
            partial(every, REFRESH_S, reloading(changes, settings, channels, handing_over), "settings.reload")
        )
        chores.append(partial(every, REFRESH_S, library.refresh, "knowledge.refresh"))
        chores.append(partial(every, REFRESH_S, skills.refresh, "skills.refresh"))
        if role != "console":
            sightings = Sightings(channels, stores.channels, holds=line is not None, clock=clock)
            chores.append(partial(every, NOTED_S, sightings.note, "channels.sightings"))
            chores.append(directory.run)
        chores += meanings.chores()
        chores += systems.chores(role)
        if line is not None:
            sync = open_sync(
                settings.knowledge.sources,
                store=stores.sources,
                library=library,
                curator=curator,
                leases=stores.channels,
                owner=line.owner,
                clock=clock,
            )
            chores.append(partial(every, SYNC_S, sync.look, "knowledge.sync"))
            chores.append(partial(every, SWEEP_S, sweeping(stores, clock), "storage.sweep"))
            chores.append(partial(every, CALL_S, line.caller.look, "handoff.call"))
            chores.append(partial(every, CALL_S, line.approvals.look, "approval.call"))
            fetched_by = partial(fetch_of, channels)
            chores.append(Fetching(fetched_by, store=stores.files, events=events, clock=clock).run)
            kept = timedelta(days=settings.knowledge.removed_days)
            chores.append(partial(every, SWEEP_S, partial(curator.purge_over, kept), "knowledge.purge"))
        chores.append(partial(every, REVIEWS_S, watching(metrics, curator, stores), "knowledge.reviews"))
        chores.append(partial(every, TUNED_S, tuning(stores, thresholds), "eval.thresholds"))
        if role is not None or not embedded:
            relay = Relay(
                stores.pipeline,
                conversations=stores.conversations,
                board=board,
                clock=clock,
                wake_runner=line.runner.wake if line else nobody,
                wake_delivery=line.delivery.wake if line else nobody,
            )
            chores.append(relay.run)
        if queue is not None and role in (None, "api"):
            chores.append(queue.inbox.run)
        if queue is not None and role in (None, "runner"):
            chores.append(queue.reader.run)
        doors.bind()
        if line is not None:  # the folder's lock says that no other runner of this node lives
            line.backlog.unfinished = await stores.pipeline.recover(owner=line.owner)
            if line.backlog.unfinished:
                line.runner.begin_carefully()
        async with at_work(line, inbox.accept, stores.feedback.record, doors, channels, chores, service.failed):
            yield service
