"""A console over a real database, on a clock that stands still: what the tests and the screenshots look at."""

import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import httpx

from ai_worker import __version__
from ai_worker.channels.contract import (
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Probe,
    Rate,
    Receive,
    Sent,
)
from ai_worker.channels.manifest import SetupGuide, guides_in, guides_of
from ai_worker.connectors.editing import Workbench
from ai_worker.connectors.folder import ConnectorsFolder
from ai_worker.connectors.health import Health
from ai_worker.connectors.kind import Parts
from ai_worker.console.app import Console, create_console
from ai_worker.console.settings import ConsoleSettings
from ai_worker.console.shelf import Shelf
from ai_worker.console.skills import SkillDesk
from ai_worker.console.systems import SystemDesk
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.evaluator import golden_evaluator
from ai_worker.conversation.gap_desk import GapDesk
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.links import ConsoleLinks
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.library import Library
from ai_worker.ops.host import HostSample
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.facts import MessageReceived
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.sending import Limit
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.settings import edit
from ai_worker.settings.references import resolver
from ai_worker.skills.scores import Scores
from ai_worker.skills.shelf import SkillShelf
from ai_worker.skills.tool import Tool
from ai_worker.storage.opening import Stores, open_stores
from tests.console.sample import furnish

GB = 1024**3
CALM = HostSample(41, 4, 1.62, 5 * GB, 8 * GB, 250 * GB, 500 * GB)
NEARLY_FULL_DISK = HostSample(41, 4, 1.62, 5 * GB, 8 * GB, 390 * GB, 500 * GB)
FULL_DISK = HostSample(41, 4, 1.62, 5 * GB, 8 * GB, 410 * GB, 500 * GB)

NOBODY = Duty([], hours=OfficeHours(None, ZoneInfo("Asia/Shanghai")), remind_after=timedelta(minutes=10))

SKILL_TOOLS = [Tool("erp.get_refund", "erp", "查退款", {"type": "object"})]

MANIFEST = Path(__file__).parents[1] / "channels" / "manifest.toml"


def sample_guides() -> dict[str, SetupGuide]:
    """Return how the kinds of the sample's channels are connected."""
    return {**guides_of(tomllib.loads(MANIFEST.read_text("utf-8"))), **guides_in("web")}


class DeskChannel(Channel):
    """A channel that only tells how it is doing."""

    kind: ClassVar[str] = "wecom-app"
    pull: ClassVar[bool] = False

    def __init__(self, name: str, health: ChannelHealth) -> None:
        self.name = name
        self.state = health
        self.probed = Probe(ok=True)
        self.resumed = 0

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Receives nothing."""

    async def stop(self) -> None:
        """Has nothing to close."""

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        return CallbackResponse(403)

    async def deliver(self, message: OutboundMessage) -> Sent:
        return Sent()

    async def probe(self) -> Probe:
        return self.probed

    async def resume(self) -> None:
        self.resumed += 1

    def health(self) -> ChannelHealth:
        return self.state


ROBOT = Limit("robot", 18, 61.0)


class GroupRobot(DeskChannel):
    """A robot that only sends into its group."""

    kind: ClassVar[str] = "wecom-group"

    def limits(self) -> Sequence[Limit]:
        return (ROBOT,)


class WebChannel(DeskChannel):
    """The web chat."""

    kind: ClassVar[str] = "web"
    pull: ClassVar[bool] = True


class Machine:
    """A machine that is as the test says."""

    def __init__(self, sample: HostSample) -> None:
        self.now = sample

    async def sample(self) -> HostSample:
        return self.now


@dataclass
class World:
    """A console and everything around it."""

    console: Console
    stores: Stores
    clock: FixedClock
    events: EventBus
    board: Board
    links: ConsoleLinks
    machine: Machine
    channels: dict[str, DeskChannel]
    concurrency: list[int]
    shelf: Shelf
    systems: SystemDesk
    woken: list[datetime] = field(default_factory=list)

    async def link(self) -> str:
        """Return the path of a fresh one-time link."""
        return f"/start?t={(await self.links.issue()).reveal()}"

    def client(self, *, address: str = "127.0.0.1", host: str = "127.0.0.1:8080") -> httpx.AsyncClient:
        """Return a client whose connection comes from `address`."""
        transport = httpx.ASGITransport(self.console, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", follow_redirects=False)

    async def signed_in(self) -> httpx.AsyncClient:
        """Return a client with a session."""
        client = self.client()
        assert (await client.get(await self.link())).status_code == 303
        return client


def system_desk(folder: Path, stores: Stores, clock: FixedClock) -> SystemDesk:
    """Return what looks after the business systems that `folder/connectors` describes."""
    resolve, parts = resolver(folder, {}), Parts(clock)
    systems = ConnectorsFolder(folder / "connectors", resolve=resolve, parts=parts)
    return SystemDesk(
        systems,
        Health(systems.hub.connectors, stores.calls, every_s=0, clock=clock),
        stores.calls,
        bench=Workbench(folder / "connectors", resolve, parts),
        keep_secret=lambda name, secret: edit.keep_secret(folder / "ai-worker.toml", name, "secret", secret),
        clock=clock,
    )


def sample_channels(now: datetime) -> dict[str, DeskChannel]:
    def heard(seconds: float) -> datetime:
        return now - timedelta(seconds=seconds)

    return {
        "service-desk": DeskChannel("service-desk", ChannelHealth("ready", "回调正常", heard(12), heard(14))),
        "procurement": DeskChannel("procurement", ChannelHealth("ready", "回调正常", heard(372), heard(371))),
        "website": WebChannel("website", ChannelHealth("ready", "3 人在线", heard(65), heard(64))),
    }


@asynccontextmanager
async def world(
    folder: Path,
    *,
    language: str = "zh-CN",
    filled: bool = True,
    share: float = 0.05,
    settings: ConsoleSettings | None = None,
    holds: bool = True,
    alone: bool = False,
    duty: Duty | None = None,
) -> AsyncIterator[World]:
    """Yield a console over a database in `folder`: the sample day, or an installation without a message.

    Args:
        folder: Where the database goes.
        language: Of a reader who has not chosen one.
        filled: Whether it is the sample day.
        share: How much of the sample day's traffic there is.
        settings: Section `[console]`.
        holds: Whether the console's process holds the long connections.
        duty: The duty roster; `None`: nobody is on it, and there are no office hours.
        alone: Whether turns are worked on in other processes only.
    """
    clock, events, board = FixedClock(), EventBus(), Board()
    now = clock.now()
    channels = sample_channels(now) if filled else {}
    machine, concurrency, woken = Machine(NEARLY_FULL_DISK if filled else CALM), [0, 50, 0], list[datetime]()
    async with open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=clock) as stores:
        if filled:
            await furnish(stores, now=now, share=share)
        staff = Staff([Worker("xiaozhi", "小智")])
        morning = FixedClock(now - timedelta(hours=23)) if filled else clock
        library = Library(stores.knowledge, clock=morning, index_folder=folder / "index")
        evaluator = golden_evaluator(
            stores.evaluation,
            library=library,
            staff=staff,
            default=Bars(ANSWER_AT, CLARIFY_AT),
            version=__version__,
            clock=clock,
        )
        links = ConsoleLinks(stores.keys, clock=clock)
        curator = Curator(
            stores.archive, store=stores.knowledge, library=library, clock=morning, time_zone="Asia/Shanghai"
        )
        shelf = Shelf(
            library=library,
            curator=curator,
            sources=stores.sources,
            source_names=["handbook", "portal"] if filled else [],
            store=stores.knowledge,
            thresholds=Thresholds(Bars(ANSWER_AT, CLARIFY_AT)),
        )
        systems = system_desk(folder, stores, morning)
        await systems.folder.hub.start()
        console = create_console(
            conversations=stores.conversations,
            stats=stores.stats,
            knowledge=stores.knowledge,
            shelf=shelf,
            gaps=stores.gaps,
            approvals=stores.approvals,
            gap_desk=GapDesk(
                stores.gaps, knowledge=library, evaluation=stores.evaluation, evaluator=evaluator, clock=clock
            ),
            evaluation=stores.evaluation,
            evaluator=evaluator,
            skills=SkillDesk(SkillShelf(folder / "skills"), scores=Scores(folder), staff=staff, tools=SKILL_TOOLS.copy),
            systems=systems,
            dead_letters=stores.dead_letters,
            contacts=stores.contacts,
            files=stores.files,
            channels=channels,
            guides=sample_guides(),
            memory=stores.channels,
            duty=duty or NOBODY,
            pusher=Pusher(stores.pipeline, deliverers=channels, clock=clock, wake=lambda: woken.append(clock.now())),
            patience_s=0.0,
            holds=holds,
            api_port=18789,
            staff=staff,
            board=board,
            events=events,
            wake=lambda: woken.append(clock.now()),
            links=links,
            session_secret=b"0123456789abcdef0123456789abcdef",
            settings=settings or ConsoleSettings(),
            concurrency=None if alone else lambda: (concurrency[0], concurrency[1], concurrency[2]),
            host=machine,
            version=__version__,
            node="cn-north-1",
            started_at=now - timedelta(days=18, hours=4, minutes=7),
            clock=morning,
            time_zone="Asia/Shanghai",
            language=language,
        )
        if filled:
            _live_through_the_day(morning, events, concurrency)
        try:
            yield World(
                console, stores, morning, events, board, links, machine, channels, concurrency, shelf, systems, woken
            )
        finally:
            await systems.folder.hub.close()
            console.close_streams()


def _live_through_the_day(clock: FixedClock, events: EventBus, concurrency: list[int]) -> None:
    """Let the console see how many turns were in progress in each hour, until now."""
    for hour, active in enumerate(
        (22, 19, 17, 12, 9, 6, 3, 4, 2, 4, 7, 11, 18, 24, 27, 30, 36, 44, 41, 40, 43, 37, 39, 37)
    ):
        concurrency[0] = active
        events.publish(MessageReceived("service-desk", 1, "t-sample", clock.now()))
        if hour < 23:
            clock.advance(timedelta(hours=1))
