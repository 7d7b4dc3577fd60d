"""A whole API door on loopback: real sockets, real SQLite, the real runner; only the turns are told what to say."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx

from ai_worker.api.app import Api, create_api
from ai_worker.api.limits import Limits
from ai_worker.api.server import DoorServer, make_server
from ai_worker.api.settings import ApiSettings
from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Rate,
    Receive,
)
from ai_worker.channels.web.adapter import WebChannel, WebSettings
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.network import Networks
from ai_worker.knowledge.archive import NoSuchThing, Thing
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.retrieve import Retriever
from ai_worker.notify.webhook import CallbackSender
from ai_worker.ops.health import Check, Readiness
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.drafts import Drafts
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.runner import Runner
from ai_worker.pipeline.sending import Sent
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.skills.tool import Toolbox
from ai_worker.storage.sqlite.answers import SqliteFirstAnswerStore
from ai_worker.storage.sqlite.channels import SqliteChannelStore
from ai_worker.storage.sqlite.conversation import SqliteConversationStore
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.feedback import SqliteFeedbackStore
from ai_worker.storage.sqlite.files import SqliteFileStore
from ai_worker.storage.sqlite.gaps import SqliteGapStore
from ai_worker.storage.sqlite.keys import SqliteKeyStore
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
from tests.api.turns import ToldTurns

PEPPER = bytes(range(32))
STAFF = Staff([Worker("xiaozhi", "小智"), Worker("xiaohui", "小慧")])


class Platform(Channel):
    """A channel whose callback repeats what it was asked, to show what the door hands over."""

    kind: ClassVar[str] = "test"
    pull: ClassVar[bool] = False

    def __init__(self) -> None:
        self.name = "service-desk"
        self.asked: list[CallbackRequest] = []

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        return

    async def stop(self) -> None:
        return

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        self.asked.append(request)
        if request.query.get("signature") != "good":
            return REFUSED
        return CallbackResponse(body=request.query.get("echostr", "success").encode())

    async def deliver(self, message: OutboundMessage) -> Sent:
        return Sent()

    def health(self) -> ChannelHealth:
        return ChannelHealth("ready")


@dataclass(frozen=True, slots=True)
class Taken:
    documents: int
    passages: int
    failed: tuple["NotTaken", ...] = ()


@dataclass(frozen=True, slots=True)
class NotTaken:
    document: str
    code: str
    reason: str


@dataclass(slots=True)
class Shelf:
    """A desk that remembers what was handed in."""

    uploads: list[tuple[str, bytes, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    removed: list[Thing] = field(default_factory=list)

    async def add_upload(
        self, name: str, content: bytes, *, base: str, keeping: Keeping | None = None, by: str = ""
    ) -> Taken:
        if content.startswith(b"broken"):
            return Taken(0, 0, (NotTaken(name, "knowledge.unreadable", "文件损坏，读不出来。"),))
        self.uploads.append((name, content, base))
        return Taken(1, 2)

    async def put_entries(self, entries: Sequence[Entry], *, base: str, by: str = "") -> Taken:
        self.entries.extend(entries)
        return Taken(1, len(entries))

    async def remove(self, thing: Thing, *, by: str) -> int | None:
        if thing.id == "没有":
            raise NoSuchThing("There is no such thing.")
        self.removed.append(thing)
        return 7


@dataclass(slots=True, kw_only=True)
class World:
    """One running door and everything behind it."""

    api: Api
    server: DoorServer
    keyring: Keyring
    turns: ToldTurns
    runner: Runner
    board: Board
    inbox: Inbox
    conversations: SqliteConversationStore
    platform: Platform
    shelf: Shelf
    feedback: SqliteFeedbackStore
    files: SqliteFileStore
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    async def another_key(self, name: str, *scopes: str) -> str:
        _, secret = await self.keyring.create(name, scopes=scopes)
        return secret.reveal()


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    limits: Limits | None = None,
    settings: ApiSettings | None = None,
    allowed_origins: tuple[str, ...] = (),
    patience_s: float = 100.0,
    metrics_allow: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    clock: Clock | None = None,
    retriever: Retriever | None = None,
    toolbox: Toolbox | None = None,
) -> AsyncIterator[World]:
    clock, events, board = clock or SystemClock(), EventBus(), Board()
    database = SqliteDatabase.open(folder / "ai-worker.db", clock=clock)
    store, conversations = SqlitePipelineStore(database, clock), SqliteConversationStore(database, clock)
    keyring = Keyring(SqliteKeyStore(database, clock), pepper=PEPPER, clock=clock)
    told = settings or ApiSettings()
    sender = CallbackSender(
        hosts=told.callback_hosts, secret_of=keyring.callback_secret, turn=conversations.turn, clock=clock
    )
    governor = Governor(SqliteChannelStore(database, clock))
    delivery = Delivery(store, deliverers={"api": sender}, governor=governor, events=events, clock=clock, owner="test")
    turns = ToldTurns()
    runner = Runner(
        store,
        turns=turns,
        worker_of=lambda claim: claim.message.worker or STAFF.default.name,
        pushes=lambda claim: "callback_url" in claim.message.address,
        delivery=delivery,
        board=board,
        drafts=Drafts({}),
        events=events,
        clock=clock,
        owner="test",
        max_concurrent=100,
    )
    inbox = Inbox(
        store,
        worker_of=lambda _: STAFF.default.name,
        events=events,
        clock=clock,
        wake=runner.wake,
    )
    web = WebChannel(
        "site",
        WebSettings(kind="web", allowed_origins=allowed_origins),
        clock=clock,
        store=SqliteChannelStore(database, clock),
    )
    platform, shelf = Platform(), Shelf()
    channels: dict[str, Channel] = {"site": web, "service-desk": platform}

    async def readiness() -> Readiness:
        return Readiness.of([Check("store", True), Check("model", False, "没有回应", required=False)])

    feedback, files = SqliteFeedbackStore(database), SqliteFileStore(database)
    api = create_api(
        inbox=inbox,
        board=board,
        conversations=conversations,
        library=shelf,
        remover=shelf,
        gaps=SqliteGapStore(database),
        answers=SqliteFirstAnswerStore(database),
        feedback=feedback,
        files=files,
        keyring=keyring,
        staff=STAFF,
        channels=channels,
        readiness=readiness,
        metrics_text=lambda: b"ai_worker_up 1\n",
        settings=told,
        metrics_allow=Networks.parse(metrics_allow),
        clock=clock,
        limits=limits,
        patience_s=patience_s,
        retriever=retriever,
        toolbox=toolbox,
        version="0.0.1",
    )
    server = make_server(api, host=host, port=0, limits=limits, drain_s=5)
    await sender.start()
    await web.start(inbox.accept, feedback.record, connects=True)
    running = [asyncio.create_task(each) for each in (runner.run(), delivery.run(), server.serve())]
    await server.accepting()
    world = World(
        api=api,
        server=server,
        keyring=keyring,
        turns=turns,
        runner=runner,
        board=board,
        inbox=inbox,
        conversations=conversations,
        platform=platform,
        shelf=shelf,
        feedback=feedback,
        files=files,
    )
    world.key = await world.another_key("erp", "chat", "knowledge", "feedback")
    try:
        yield world
    finally:
        api.close()
        server.drain()
        turns.gate.set()
        await runner.drain(5)
        await delivery.drain(5)
        await asyncio.gather(*running)
        await web.stop()
        await sender.stop()
        await database.close()
