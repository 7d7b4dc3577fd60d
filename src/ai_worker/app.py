"""Wires the rooms to the sockets from the settings; starts and stops them in order. No logic."""

import asyncio
import gc
import os
import signal
import socket
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import structlog

from ai_worker import __version__
from ai_worker.api.app import Api, create_api, create_watch
from ai_worker.api.server import DoorServer, make_server
from ai_worker.channels import registry
from ai_worker.channels.contract import Channel, ChannelHealth, Rate, Receive
from ai_worker.channels.roster import Roster
from ai_worker.channels.sightings import Sightings
from ai_worker.connectors.contract import Connector
from ai_worker.connectors.registry import ConnectorHub, load_connectors
from ai_worker.console.app import Console, create_console
from ai_worker.console.shelf import Shelf
from ai_worker.conversation.desk_words import DeskWords
from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.evaluator import golden_evaluator
from ai_worker.conversation.foresight import Foresight
from ai_worker.conversation.gap_desk import GapDesk
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.phrases import language_of, phrases
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.errors import AiWorkerError, Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.ids import new_id
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.links import ConsoleLinks
from ai_worker.keys.network import Networks
from ai_worker.keys.pepper import load_pepper
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.embedding import VectorKeeper
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.vectors import available
from ai_worker.llm.embeddings import Embeddings
from ai_worker.llm.ladder import Ladder, build_model
from ai_worker.notify.webhook import CallbackSender
from ai_worker.ops.health import Check, Readiness
from ai_worker.ops.host import HostMetrics
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.backlog import Backlog
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.desk import Desk, DeskTurns
from ai_worker.pipeline.directory import Directory, LookUp
from ai_worker.pipeline.drafts import Drafts
from ai_worker.pipeline.duty_caller import DutyCaller
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived, ReplySettled, TurnCompleted, TurnGivenUp
from ai_worker.pipeline.fetching import Fetch, Fetching
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.inbox import Inbox, Intake
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.relay import Relay
from ai_worker.pipeline.runner import Runner
from ai_worker.pipeline.sending import Deliverer
from ai_worker.pipeline.store import Claim
from ai_worker.queue.aside import RecordSetAside
from ai_worker.settings import Settings
from ai_worker.settings.references import resolver
from ai_worker.settings.watch import SettingsWatch
from ai_worker.sources.opening import open_sync
from ai_worker.storage.folder import held
from ai_worker.storage.opening import Stores, open_stores

if TYPE_CHECKING:
    from ai_worker.queue.opening import Queue

log = structlog.get_logger(__name__)

API_CHANNEL = "api"
"""The name under which messages of the API are kept; no configured channel may have it."""

TURNS_END_S = 20.0
SENDS_END_S = 5.0
REQUESTS_END_S = 5.0
"""How long turns, sends and requests in progress may take at a stop: 30 seconds together."""

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


Chore = Callable[[], Coroutine[None, None, None]]
"""Something that runs for as long as the service does."""

Role = Literal["api", "runner", "console"]
"""A part of the whole that runs as a process of its own, beside others over the same store."""


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
        return _url(self._api) if self._api else ""

    @property
    def console_url(self) -> str:
        """Where the console can be reached from this machine; empty if this process does not serve it."""
        return _url(self._console) if self._console else ""

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
        _spare_the_collector()
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
    _count(events, metrics)
    embedded, staff = settings.database_file is not None, settings.staff()
    async with AsyncExitStack() as stack:
        stack.enter_context(held(settings.data_dir, role=role))
        opened = open_stores(settings.storage.url, data_dir=settings.data_dir, clock=clock)
        stores = await stack.enter_async_context(opened)
        keyring = Keyring(stores.keys, pepper=load_pepper(settings.data_dir), clock=clock)
        if settings.api_key is not None:
            await keyring.adopt(settings.api_key)
        meanings = await stack.enter_async_context(_meanings(settings, stores, clock, role))
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
        model = await stack.enter_async_context(_model(settings, clock)) if role in (None, "runner") else None
        line: _Line | None = None
        direct = Inbox(
            stores.pipeline,
            worker_of=lambda channel: staff.of_channel(channel).name,
            events=events,
            clock=clock,
            wake=lambda: line.runner.wake() if line else None,
        )
        thresholds = Thresholds(Bars(ANSWER_AT, CLARIFY_AT))
        if role in (None, "runner"):
            hours = settings.handoff.office_hours(settings.time_zone)
            thresholds.replace(await stores.evaluation.thresholds())
            turns = TurnEngine(
                staff=staff,
                retriever=library,
                records=library,
                toolbox=await stack.enter_async_context(_tools(settings, connectors)),
                model=model,
                feedback=stores.feedback,
                clock=clock,
                rules=settings.handoff.rules(),
                outlook=Foresight(hours, stores.handoffs, clock=clock).foresee,
                thresholds=thresholds,
                meanings=meanings.embeddings,
                comfortable=partial(_comfortable, channels),
            )
            callbacks = await stack.enter_async_context(_callbacks(settings, stores, keyring, clock))
            line = _line(settings, stores, turns, direct, channels, callbacks, board=board, events=events, clock=clock)
        queue = _queue(settings, direct, alone=embedded and role is None, events=events, clock=clock)
        inbox: Intake = queue.inbox if queue else direct
        host = HostMetrics(settings.data_dir, clock=clock)
        links = ConsoleLinks(stores.keys, clock=clock)
        readiness = _readiness(stores, channels, model, meanings, queue, changes, clock)
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
                gap_desk=GapDesk(
                    stores.gaps,
                    knowledge=library,
                    evaluation=stores.evaluation,
                    evaluator=evaluator,
                    clock=clock,
                ),
                evaluation=stores.evaluation,
                evaluator=evaluator,
                dead_letters=stores.dead_letters,
                contacts=stores.contacts,
                files=stores.files,
                channels=channels,
                guides=registry.setup_guides(),
                memory=stores.channels,
                duty=settings.handoff.duty(settings.time_zone),
                pusher=Pusher(
                    stores.pipeline, deliverers=channels, clock=clock, wake=line.delivery.wake if line else _nobody
                ),
                holds=role is None,
                api_port=settings.api.port,
                staff=staff,
                board=board,
                events=events,
                wake=line.delivery.wake if line else _nobody,
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
        doors = _doors(settings, api=api, console=console, watch=watch)
        service = Service(api=doors.api_server, console=doors.console_server, links=links, events=events)
        chores: list[Chore] = [
            partial(_every, GAUGES_S, _gauging(metrics, line, host, queue, channels, clock), "ops.gauges")
        ]
        chores.append(partial(_every, REFRESH_S, _reloading(changes, settings, channels), "settings.reload"))
        chores.append(partial(_every, REFRESH_S, library.refresh, "knowledge.refresh"))
        if role != "console":
            sightings = Sightings(channels, stores.channels, holds=line is not None, clock=clock)
            chores.append(partial(_every, NOTED_S, sightings.note, "channels.sightings"))
            look_up_of = partial(_look_up_of, channels)
            chores.append(Directory(look_up_of, store=stores.contacts, events=events, clock=clock).run)
        chores += meanings.chores()
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
            chores.append(partial(_every, SYNC_S, sync.look, "knowledge.sync"))
            chores.append(partial(_every, SWEEP_S, _sweeping(stores, clock), "storage.sweep"))
            chores.append(partial(_every, CALL_S, line.caller.look, "handoff.call"))
            fetch_of = partial(_fetch_of, channels)
            chores.append(Fetching(fetch_of, store=stores.files, events=events, clock=clock).run)
            kept = timedelta(days=settings.knowledge.removed_days)
            chores.append(partial(_every, SWEEP_S, partial(curator.purge_over, kept), "knowledge.purge"))
        chores.append(partial(_every, REVIEWS_S, _watching(metrics, curator, stores), "knowledge.reviews"))
        chores.append(partial(_every, TUNED_S, _tuning(stores, thresholds), "eval.thresholds"))
        if role is not None or not embedded:
            relay = Relay(
                stores.pipeline,
                conversations=stores.conversations,
                board=board,
                clock=clock,
                wake_runner=line.runner.wake if line else _nobody,
                wake_delivery=line.delivery.wake if line else _nobody,
            )
            chores.append(relay.run)
        if queue is not None and role in (None, "api"):
            chores.append(queue.inbox.run)
        if queue is not None and role in (None, "runner"):
            chores.append(queue.reader.run)
        doors.bind()
        if line is not None:  # the folder's lock says that no other runner of this node lives
            line.backlog.unfinished = await stores.pipeline.recover(owner=line.owner)
        async with _at_work(line, inbox.accept, stores.feedback.record, doors, channels, chores, service.failed):
            yield service


def _look_up_of(channels: Mapping[str, Channel], name: str) -> LookUp | None:
    """Return how a channel's platform is asked who somebody is; `None` where nobody could say."""
    channel = channels.get(name)
    return None if channel is None or type(channel).look_up is Channel.look_up else channel.look_up


def _fetch_of(channels: Mapping[str, Channel], name: str) -> Fetch | None:
    """Return how a channel's files are fetched; `None` for one that is not configured."""
    channel = channels.get(name)
    return None if channel is None else channel.fetch


@dataclass(frozen=True, slots=True)
class _Line:
    """The pipeline's parts, and how busy they are."""

    owner: str
    runner: Runner
    delivery: Delivery
    backlog: Backlog
    caller: DutyCaller

    def concurrency(self) -> tuple[int, int, int]:
        """Return turns in progress, how many may be, and how many messages wait."""
        active = self.runner.active
        return active, self.runner.limit, max(0, self.backlog.unfinished - active)


def _line(
    settings: Settings,
    stores: Stores,
    turns: TurnEngine,
    inbox: Inbox,
    channels: Roster,
    callbacks: CallbackSender,
    *,
    board: Board,
    events: EventBus,
    clock: Clock,
) -> _Line:
    owner = new_id("run")
    staff = settings.staff()
    names = {worker.name for worker in staff.workers}

    def worker_of(claim: Claim) -> str:
        """Who was asked; the channel's own worker if that one is no longer on the staff."""
        asked = claim.message.worker
        return asked if asked in names else staff.of_channel(claim.message.channel).name

    def pushes(claim: Claim) -> bool:
        """Whether a reply has to be carried out; contacts of web chat and most API callers fetch theirs."""
        channel = channels.get(claim.message.channel)
        return bool(claim.message.address.get("callback_url")) if channel is None else not channel.pull

    duty, words = settings.handoff.duty(settings.time_zone), DeskWords(phrases(settings.language))
    windows = {name: timedelta(milliseconds=told.merge_window_ms) for name, told in settings.workers.items()}

    def window_of(claim: Claim) -> timedelta:
        """How long to wait for more of a burst; a caller of the API says all that it has to say at once.

        What a colleague on duty writes is an order, or one message to a contact.
        """
        message = claim.message
        alone = message.channel == API_CHANNEL or duty.colleague(message.channel, message.contact.id) is not None
        return timedelta(0) if alone else windows[worker_of(claim)]

    def apology(text: str) -> str:
        language = language_of(text, history=(), default=settings.language)
        return phrases(language).say("late", text=text)

    def uncarried(text: str, names: Sequence[str]) -> str:
        language = language_of(text, history=(), default=settings.language)
        return f"{text}\n\n{phrases(language).say('uncarried', names='、'.join(names))}".strip()

    pusher = Pusher(stores.pipeline, deliverers=channels, clock=clock, wake=lambda: delivery.wake())
    desk = Desk(
        duty=duty,
        handoffs=stores.handoffs,
        conversations=stores.conversations,
        pusher=pusher,
        words=words,
        board=board,
        events=events,
        clock=clock,
        wake=lambda: delivery.wake(),
    )
    of_channels: Any = channels  # a ChainMap wants to be able to write; nobody does
    deliverers: Mapping[str, Deliverer] = ChainMap({API_CHANNEL: callbacks}, of_channels)
    delivery = Delivery(
        stores.pipeline,
        deliverers=deliverers,
        governor=Governor(stores.channels),
        events=events,
        clock=clock,
        owner=owner,
        apology=apology,
        files=stores.files,
        uncarried=uncarried,
    )
    runner = Runner(
        stores.pipeline,
        turns=DeskTurns(turns, desk) if duty.people else turns,
        worker_of=worker_of,
        pushes=pushes,
        delivery=delivery,
        board=board,
        drafts=Drafts(channels.growing()),
        events=events,
        clock=clock,
        owner=owner,
        max_concurrent=settings.max_concurrent,
        crowded=lambda: inbox.crowded,
        window_of=window_of,
    )
    caller = DutyCaller(
        duty=duty,
        handoffs=stores.handoffs,
        conversations=stores.conversations,
        pusher=pusher,
        words=words,
        clock=clock,
    )
    return _Line(owner, runner, delivery, Backlog(events), caller)


def _queue(settings: Settings, inbox: Intake, *, alone: bool, events: EventBus, clock: Clock) -> "Queue | None":
    """Put Kafka before the inbox, if the settings name servers."""
    if not settings.queue.kafka:
        return None
    from ai_worker.queue.opening import open_queue  # the client is an extra

    return open_queue(
        settings.queue.kafka,
        topic=settings.queue.kafka_topic,
        options=settings.queue.kafka_options,
        inbox=inbox,
        folder=settings.data_dir,
        alone=alone,  # the folder's lock keeps other processes out
        publish=events.publish,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class _Doors:
    """The doors that this process has, with the servers before them."""

    api: Api | None
    api_server: DoorServer | None
    console: Console | None
    console_server: DoorServer | None
    watch_server: DoorServer | None

    @property
    def servers(self) -> list[DoorServer]:
        """The servers that there are; none in a process that is a runner alone and is not watched."""
        return [server for server in (self.api_server, self.console_server, self.watch_server) if server is not None]

    def bind(self) -> None:
        """Take the ports before anything is served, so that a taken one stops the start."""
        for server in self.servers:
            server.bind()

    async def serve(self) -> None:
        """Serve until `close`, and until what was in work is answered."""
        await asyncio.gather(*(server.serve() for server in self.servers))

    async def accepting(self) -> None:
        """Wait until all accept connections."""
        await asyncio.gather(*(server.accepting() for server in self.servers))

    def drain(self) -> None:
        """Accept no new connections; the console's live streams end at once."""
        if self.console is not None:
            self.console.close_streams()
        for server in self.servers:
            server.drain()

    def close(self) -> None:
        """Send away whoever still waits for an answer: to come again, or to another process."""
        if self.api is not None:
            self.api.close()


def _doors(settings: Settings, *, api: Api | None, console: Console | None, watch: Api) -> _Doors:
    """Put a server before each door. Where the API is served, it has what `watch` has."""
    watched = settings.api.metrics_port if api is None else None
    return _Doors(
        api,
        make_server(api, host=settings.api.host, port=settings.api.port) if api else None,
        console,
        make_server(console, host=settings.console.host, port=settings.console.port) if console else None,
        make_server(watch, host=settings.api.host, port=watched) if watched is not None else None,
    )


@asynccontextmanager
async def _at_work(
    line: _Line | None,
    receive: Receive,
    rate: Rate,
    doors: _Doors,
    channels: Roster,
    chores: Sequence[Chore],
    failed: asyncio.Future[None],
) -> AsyncIterator[None]:
    """Receive, answer and deliver until the block ends; then stop in the order that loses nothing."""

    def ended(task: asyncio.Task[None]) -> None:
        if not failed.done() and not task.cancelled():
            failed.set_exception(task.exception() or RuntimeError("a part that must never end has ended"))

    await channels.start(receive, rate, connects=line is not None)
    serving = [asyncio.create_task(doors.serve())] if doors.servers else []
    lasting: Sequence[Chore] = [line.runner.run, line.delivery.run, *chores] if line else chores
    tasks = [*serving, *(asyncio.create_task(work()) for work in lasting)]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        await doors.accepting()
        yield
    finally:
        failed.cancel()  # from here on parts may end; without effect if one had failed before
        doors.drain()
        if line is not None:
            await line.runner.drain(TURNS_END_S)
        doors.close()
        if line is not None:
            await line.delivery.drain(SENDS_END_S)
        if serving:
            await asyncio.wait(serving, timeout=REQUESTS_END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await channels.stop()


@asynccontextmanager
async def _tools(settings: Settings, more: Sequence[Connector]) -> AsyncIterator[ConnectorHub]:
    folder = settings.connectors_folder
    hub = load_connectors(folder, resolve=resolver(folder.parent, os.environ), more=more)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


@asynccontextmanager
async def _model(settings: Settings, clock: Clock) -> AsyncIterator[Ladder | None]:
    if settings.model is None:
        yield None
        return
    model = build_model(settings.model, max_concurrent=settings.max_concurrent, clock=clock)
    await model.start()
    try:
        yield model
    finally:
        await model.close()


GROUP_SHARE = 0.5
"""Of the length that is comfortable in private, what is in a group, where everybody has to read it."""


def _comfortable(channels: Mapping[str, Channel], message: InboundMessage) -> int:
    """Return how many characters of an answer read well where a message came from; 0: any number."""
    channel = channels.get(message.channel)
    length = type(channel).comfortable if channel is not None else 0
    return int(length * GROUP_SHARE) if message.group else length


@dataclass(frozen=True, slots=True)
class _Meanings:
    """What finds by meaning; nothing does where no endpoint for embeddings is configured."""

    embeddings: Embeddings | None = None
    keeper: VectorKeeper | None = None

    def chores(self) -> list[Chore]:
        """Return what keeps the vectors up to date."""
        return [partial(_every, REFRESH_S, self.keeper.refresh, "knowledge.vectors")] if self.keeper else []

    def checks(self) -> list[Check]:
        """Return how it does."""
        if self.embeddings is None or self.keeper is None:
            return []
        held, of = self.keeper.progress
        well = self.embeddings.healthy and not self.keeper.failing
        detail = f"{held} of {of} passages have a vector"
        if not well:
            detail += "; the endpoint is down, search goes on by words alone"
        return [Check("embeddings", ok=well, detail=detail, required=False)]


@asynccontextmanager
async def _meanings(settings: Settings, stores: Stores, clock: Clock, role: Role | None) -> AsyncIterator[_Meanings]:
    """Open what finds by meaning, where turns are taken; a process that takes none needs no vectors."""
    wanted = settings.embeddings is not None and role in (None, "runner")
    if wanted and not available():
        log.warning("embeddings.not_installed", fix="pip install 'ai-worker[vectors]'")
    if not wanted or settings.embeddings is None or not available():
        yield _Meanings()
        return
    embeddings = Embeddings(settings.embeddings, clock=clock)
    keeper = VectorKeeper(stores.knowledge, embeddings, folder=settings.data_dir / "vectors", clock=clock)
    await embeddings.start()
    try:
        yield _Meanings(embeddings, keeper)
    finally:
        keeper.close()
        await embeddings.close()


@asynccontextmanager
async def _callbacks(
    settings: Settings, stores: Stores, keyring: Keyring, clock: Clock
) -> AsyncIterator[CallbackSender]:
    sender = CallbackSender(
        hosts=settings.api.callback_hosts,
        secret_of=keyring.callback_secret,
        turn=stores.conversations.turn,
        clock=clock,
    )
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


def _count(events: EventBus, metrics: Metrics) -> None:
    """Let the metrics hear the facts; they know no pipeline."""
    events.subscribe(MessageReceived, lambda fact: metrics.message_received(fact.channel))
    events.subscribe(DuplicateReceived, lambda fact: metrics.duplicate_received(fact.channel))
    events.subscribe(RecordSetAside, lambda _: metrics.record_set_aside())
    events.subscribe(TurnGivenUp, lambda fact: metrics.turn_given_up(fact.channel))
    events.subscribe(ReplySettled, lambda fact: metrics.delivery_settled(fact.channel, fact.state))
    events.subscribe(
        TurnCompleted,
        lambda fact: metrics.turn_completed(fact.channel, fact.result.decision, fact.response_ms / 1000),
    )


def _readiness(
    stores: Stores,
    channels: Mapping[str, Channel],
    model: Ladder | None,
    meanings: "_Meanings",
    queue: "Queue | None",
    watch: SettingsWatch,
    clock: Clock,
) -> Callable[[], Awaitable[Readiness]]:
    async def readiness() -> Readiness:
        try:
            await stores.check()
            checks = [Check("store", ok=True)]
        except Busy as busy:
            checks = [Check("store", ok=False, detail=str(busy))]
        if queue is not None:
            detail = "" if queue.inbox.healthy else "Kafka cannot be reached"
            checks.append(Check("queue", ok=queue.inbox.healthy, detail=detail, required=not queue.inbox.accepting))
        if model is not None:
            detail = "" if model.healthy else "every configured model is down"
            checks.append(Check("model", ok=model.healthy, detail=detail, required=False))
        checks += meanings.checks()
        detail = "" if watch.refused is None else "the changed settings file is refused; the former settings stay"
        checks.append(Check("settings", ok=watch.refused is None, detail=detail, required=False))
        for name, channel in channels.items():
            checks.append(_channel_check(name, channel.health(), clock))
        return Readiness.of(checks)

    return readiness


def _channel_check(name: str, health: ChannelHealth, clock: Clock) -> Check:
    stood = clock.now() - health.connected_at if health.connected_at else None
    return Check(
        f"channel.{name}",
        ok=health.state in ("ready", "connecting"),
        detail=health.detail,
        required=False,
        state=health.state,
        connected_s=stood.total_seconds() if stood is not None else None,
        last_inbound_at=health.last_inbound_at,
        last_outbound_at=health.last_outbound_at,
        last_error=health.last_error,
    )


def _reloading(watch: SettingsWatch, running: Settings, channels: Roster) -> Callable[[], Awaitable[None]]:
    """Let channels take effect when their settings change; everything else waits for a restart."""

    async def reload() -> None:
        former = watch.refused
        settings = await asyncio.to_thread(watch.changed)
        if settings is not None:
            changed = await channels.change(settings.channels)
            waiting = watch.waits_for_restart(settings, running)
            log.info("settings.reloaded", channels=changed, wait_for_restart=waiting)
        elif watch.refused is not None and watch.refused is not former:
            log.error("settings.refused", problems=str(watch.refused))

    return reload


async def _every(seconds: float, work: Callable[[], Awaitable[object]], name: str) -> None:
    """Do `work` again and again; a failure is told in the log and does not end it."""
    while True:
        try:
            await work()
        except AiWorkerError as error:
            log.warning("app.chore_failed", chore=name, code=error.code, error=str(error))
        await asyncio.sleep(seconds)


def _tuning(stores: Stores, thresholds: Thresholds) -> Callable[[], Awaitable[None]]:
    """Return what takes over the thresholds that somebody has tuned."""

    async def look() -> None:
        thresholds.replace(await stores.evaluation.thresholds())

    return look


def _sweeping(stores: Stores, clock: Clock) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        for _ in range(MOST_SWEEPS):
            if not await stores.sweep(clock.now()):
                break

    return sweep


def _watching(metrics: Metrics, curator: Curator, stores: Stores) -> Callable[[], Awaitable[None]]:
    async def watch() -> None:
        sources = await stores.sources.sources()
        failing = sum(bool(state.report.code or state.report.failed) for state in sources.values())
        metrics.knowledge(due=len(await curator.due()), failing=failing)

    return watch


def _gauging(
    metrics: Metrics,
    line: _Line | None,
    host: HostMetrics,
    queue: "Queue | None",
    channels: Mapping[str, Channel],
    clock: Clock,
) -> Callable[[], Awaitable[None]]:
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


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and look less often.

    Modules, routes and settings are half a million objects that a collection would walk through for
    nothing. What a message makes is freed by reference counting; cycles are rare (one object in ten
    messages), so they may wait. A turn that waits for its model is some 250 objects, which every
    collection would find alive: in a crowd of 10,000 they are to be looked at a dozen times, not a hundred.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def _nobody() -> None:
    """Wake nobody: who is to be woken is in another process, and hears of it through the store."""


def _url(server: DoorServer) -> str:
    host = server.config.host
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  (compared with, not bound to)
        host = "127.0.0.1"
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
