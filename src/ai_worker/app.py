"""Wires the rooms to the sockets from the settings; starts and stops them in order. No logic."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ai_worker import __version__
from ai_worker.api.app import Api, create_api
from ai_worker.api.server import DoorServer, make_server
from ai_worker.channels import registry
from ai_worker.channels.contract import Channel, Receive
from ai_worker.connectors.registry import ConnectorHub, load_connectors
from ai_worker.console.app import Console, create_console
from ai_worker.conversation.engine import TurnEngine
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.errors import AiWorkerError, Busy, Misconfigured
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.ids import new_id
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.links import ConsoleLinks
from ai_worker.keys.network import Networks
from ai_worker.keys.pepper import load_pepper
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library
from ai_worker.llm.ladder import Ladder, build_model
from ai_worker.notify.webhook import CallbackSender
from ai_worker.ops.health import Check, Readiness
from ai_worker.ops.host import HostMetrics
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.backlog import Backlog
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived, ReplySettled, TurnCompleted, TurnGivenUp
from ai_worker.pipeline.inbox import Inbox, Intake
from ai_worker.pipeline.runner import Runner
from ai_worker.pipeline.sending import Deliverer
from ai_worker.pipeline.store import Claim
from ai_worker.queue.aside import RecordSetAside
from ai_worker.settings import Settings
from ai_worker.settings.references import resolver
from ai_worker.storage.opening import FolderUnusable, Stores, open_stores

if TYPE_CHECKING:
    from ai_worker.queue.opening import Queue

log = structlog.get_logger(__name__)

API_CHANNEL = "api"
"""The name under which messages of the API are kept; no configured channel may have it."""

TURNS_END_S = 20.0
SENDS_END_S = 5.0
REQUESTS_END_S = 5.0
"""How long turns, sends and requests in progress may take at a stop: 30 seconds together."""

REFRESH_S = 1.0
"""How often knowledge that another process has added is looked for."""

SWEEP_S = 3600.0
MOST_SWEEPS = 10_000
GAUGES_S = 5.0


class AlreadyRunning(Misconfigured):
    """Another process serves this data folder."""

    code = "app.already_running"
    hint = "Stop the other `ai-worker run`, or give this one another data_dir."


class Service:
    """A running installation."""

    def __init__(self, *, api: DoorServer, console: DoorServer, links: ConsoleLinks, events: EventBus) -> None:
        self.events = events
        """Facts as they happen, for who runs the service in its own process."""

        self._api, self._console, self._links = api, console, links
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises if a part that must never end has ended."""

    @property
    def api_url(self) -> str:
        """Where the API can be reached from this machine."""
        return _url(self._api)

    @property
    def console_url(self) -> str:
        """Where the console can be reached from this machine."""
        return _url(self._console)

    async def console_link(self) -> str:
        """Return a fresh link into the console that works once, for ten minutes."""
        return f"{self.console_url}/start?t={(await self._links.issue()).reveal()}"


async def serve(settings: Settings, *, ready: Callable[[Service], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain for at most 30 seconds.

    Args:
        settings: What to serve.
        ready: Called once connections are accepted.

    Raises:
        Misconfigured: It could not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as service:
        log.info("app.ready", api=service.api_url, console=service.console_url, version=__version__)
        if ready is not None:
            ready(service)
        service.failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
        log.info("app.draining")
    if not service.failed.cancelled():
        service.failed.result()
    log.info("app.stopped")


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Service]:
    """Run an installation until the block ends; then drain it.

    Raises:
        Misconfigured: A setting, the data folder, a port or a connector is not as it must be.
    """
    clock = clock or SystemClock()
    events, board, metrics = EventBus(), Board(), Metrics()
    _count(events, metrics)
    async with AsyncExitStack() as stack:
        stack.enter_context(_hold(settings.data_dir))
        stores = await stack.enter_async_context(open_stores(settings.database_file, clock=clock))
        keyring = Keyring(stores.keys, pepper=load_pepper(settings.data_dir), clock=clock)
        if settings.api_key is not None:
            await keyring.adopt(settings.api_key)
        library = Library(stores.knowledge, clock=clock, index_folder=settings.data_dir / "index")
        await library.refresh()
        tools = await stack.enter_async_context(_tools(settings))
        model = await stack.enter_async_context(_model(settings, clock))
        callbacks = await stack.enter_async_context(_callbacks(settings, stores, keyring, clock))
        channels = {name: registry.build(name, chosen, clock) for name, chosen in settings.channels.items()}
        turns = TurnEngine(
            staff=settings.staff(),
            retriever=library,
            toolbox=tools,
            model=model,
            clock=clock,
            answer_at=ANSWER_AT,
            clarify_at=CLARIFY_AT,
        )
        line = _line(settings, stores, turns, channels, callbacks, board=board, events=events, clock=clock)
        queue = _queue(settings, line.inbox, events=events, clock=clock)
        inbox: Intake = queue.inbox if queue else line.inbox
        host = HostMetrics(settings.data_dir, clock=clock)
        links = ConsoleLinks(stores.keys, clock=clock)
        api = create_api(
            inbox=inbox,
            board=board,
            conversations=stores.conversations,
            library=library,
            knowledge_store=stores.knowledge,
            keyring=keyring,
            staff=settings.staff(),
            channels=channels,
            readiness=_readiness(stores, channels, model, queue),
            metrics_text=metrics.render,
            metrics_allow=Networks.parse([str(network) for network in settings.console.allow]),
            settings=settings.api,
            clock=clock,
        )
        console = create_console(
            conversations=stores.conversations,
            stats=stores.stats,
            knowledge=stores.knowledge,
            channels=channels,
            kind_names=registry.kind_names(),
            staff=settings.staff(),
            board=board,
            events=events,
            wake=line.delivery.wake,
            links=links,
            session_secret=keyring.subkey("console.session"),
            settings=settings.console,
            concurrency=line.concurrency,
            host=host,
            version=__version__,
            node=socket.gethostname(),
            started_at=clock.now(),
            clock=clock,
            time_zone=settings.time_zone,
            language=settings.language,
        )
        doors = _Doors(
            api,
            make_server(api, host=settings.api.host, port=settings.api.port),
            console,
            make_server(console, host=settings.console.host, port=settings.console.port),
        )
        service = Service(api=doors.api_server, console=doors.console_server, links=links, events=events)
        chores = [
            _every(REFRESH_S, library.refresh, "knowledge.refresh"),
            _every(SWEEP_S, _sweeping(stores, clock), "storage.sweep"),
            _every(GAUGES_S, _gauging(metrics, line, host, queue), "ops.gauges"),
            *(queue.chores() if queue else ()),
        ]
        doors.bind()
        line.backlog.unfinished = await stores.pipeline.recover(owner=line.owner)
        async with _at_work(line, inbox.accept, doors, channels, chores, service.failed):
            yield service


@dataclass(frozen=True, slots=True)
class _Line:
    """The pipeline's parts, and how busy they are."""

    owner: str
    inbox: Inbox
    runner: Runner
    delivery: Delivery
    backlog: Backlog

    def concurrency(self) -> tuple[int, int, int]:
        """Return turns in progress, how many may be, and how many messages wait."""
        active = self.runner.active
        return active, self.runner.limit, max(0, self.backlog.unfinished - active)


def _line(
    settings: Settings,
    stores: Stores,
    turns: TurnEngine,
    channels: Mapping[str, Channel],
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

    deliverers: dict[str, Deliverer] = {**channels, API_CHANNEL: callbacks}
    delivery = Delivery(stores.pipeline, deliverers=deliverers, events=events, clock=clock, owner=owner)
    runner = Runner(
        stores.pipeline,
        turns=turns,
        worker_of=worker_of,
        pushes=pushes,
        delivery=delivery,
        board=board,
        events=events,
        clock=clock,
        owner=owner,
        max_concurrent=settings.max_concurrent,
    )
    inbox = Inbox(
        stores.pipeline,
        worker_of=lambda channel: staff.of_channel(channel).name,
        events=events,
        clock=clock,
        wake=runner.wake,
    )
    return _Line(owner, inbox, runner, delivery, Backlog(events))


def _queue(settings: Settings, inbox: Intake, *, events: EventBus, clock: Clock) -> "Queue | None":
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
        alone=settings.database_file is not None,  # its folder's lock keeps other processes out
        publish=events.publish,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class _Doors:
    """Both doors with the servers before them."""

    api: Api
    api_server: DoorServer
    console: Console
    console_server: DoorServer

    def bind(self) -> None:
        """Take both ports before anything is served, so that a taken one stops the start."""
        self.api_server.bind()
        self.console_server.bind()

    async def serve(self) -> None:
        """Serve until `close`, and until what was in work is answered."""
        await asyncio.gather(self.api_server.serve(), self.console_server.serve())

    async def accepting(self) -> None:
        """Wait until both accept connections."""
        await asyncio.gather(self.api_server.accepting(), self.console_server.accepting())

    def drain(self) -> None:
        """Accept no new connections; the console's live streams end at once."""
        self.console.close_streams()
        self.api_server.drain()
        self.console_server.drain()


@asynccontextmanager
async def _at_work(
    line: _Line,
    receive: Receive,
    doors: _Doors,
    channels: Mapping[str, Channel],
    chores: Sequence[Coroutine[None, None, None]],
    failed: asyncio.Future[None],
) -> AsyncIterator[None]:
    """Receive, answer and deliver until the block ends; then stop in the order that loses nothing."""

    def ended(task: asyncio.Task[None]) -> None:
        if not failed.done() and not task.cancelled():
            failed.set_exception(task.exception() or RuntimeError("a part that must never end has ended"))

    for channel in channels.values():
        await channel.start(receive)
    serving = asyncio.create_task(doors.serve())
    tasks = [serving, *(asyncio.create_task(work) for work in (line.runner.run(), line.delivery.run(), *chores))]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        await doors.accepting()
        yield
    finally:
        failed.cancel()  # from here on parts may end; without effect if one had failed before
        doors.drain()
        await line.runner.drain(TURNS_END_S)
        doors.api.close()  # whoever still waits for an answer is told to come again
        await line.delivery.drain(SENDS_END_S)
        await asyncio.wait({serving}, timeout=REQUESTS_END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in channels.values():
            await channel.stop()


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Make the data folder and keep other services out of it until the block ends.

    The lock is the kernel's: it ends with the process, however that ends.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderUnusable(f"The data folder {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise AlreadyRunning(f"Another process serves the data folder {folder}") from None
    try:
        yield
    finally:
        os.close(handle)


@asynccontextmanager
async def _tools(settings: Settings) -> AsyncIterator[ConnectorHub]:
    folder = settings.connectors_folder
    hub = load_connectors(folder, resolve=resolver(folder.parent, os.environ))
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
    events.subscribe(TurnGivenUp, lambda fact: metrics.turn_given_up(fact.channel))
    events.subscribe(RecordSetAside, lambda _: metrics.record_set_aside())
    events.subscribe(ReplySettled, lambda fact: metrics.delivery_settled(fact.channel, fact.state))
    events.subscribe(
        TurnCompleted,
        lambda fact: metrics.turn_completed(fact.channel, fact.result.decision, fact.response_ms / 1000),
    )


def _readiness(
    stores: Stores, channels: Mapping[str, Channel], model: Ladder | None, queue: "Queue | None"
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
        for name, channel in channels.items():
            health = channel.health()
            good = health.state in ("ready", "connecting")
            checks.append(Check(f"channel.{name}", ok=good, detail=health.detail, required=False))
        return Readiness.of(checks)

    return readiness


async def _every(seconds: float, work: Callable[[], Awaitable[object]], name: str) -> None:
    """Do `work` again and again; a failure is told in the log and does not end it."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except AiWorkerError as error:
            log.warning("app.chore_failed", chore=name, code=error.code, error=str(error))


def _sweeping(stores: Stores, clock: Clock) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        for _ in range(MOST_SWEEPS):
            if not await stores.sweep(clock.now()):
                break

    return sweep


def _gauging(metrics: Metrics, line: _Line, host: HostMetrics, queue: "Queue | None") -> Callable[[], Awaitable[None]]:
    async def gauge() -> None:
        metrics.concurrency(*line.concurrency())
        metrics.host(await host.sample())
        if queue is not None:
            metrics.queue(up=queue.inbox.healthy, unread=queue.reader.unread)

    return gauge


def _url(server: DoorServer) -> str:
    host = server.config.host
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  (compared with, not bound to)
        host = "127.0.0.1"
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
