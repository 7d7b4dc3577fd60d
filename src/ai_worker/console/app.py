"""The console, put together: who may come in, the pages, the live stream."""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from ai_worker.channels.contract import Channel
from ai_worker.channels.manifest import SetupGuide
from ai_worker.console.assets import Assets
from ai_worker.console.attaching import Attaching
from ai_worker.console.catalogue import CatalogueDesk
from ai_worker.console.channels import ChannelNames
from ai_worker.console.connections import Connections
from ai_worker.console.frame import Frame
from ai_worker.console.gate import Gate
from ai_worker.console.guard import Guard
from ai_worker.console.identity import Identities
from ai_worker.console.imports import Imports
from ai_worker.console.letters import Letters
from ai_worker.console.live import Live
from ai_worker.console.mishaps import Mishaps
from ai_worker.console.pages.approvals import ApprovalsPage
from ai_worker.console.pages.channels import ChannelsPage
from ai_worker.console.pages.connector_catalogue import ConnectorCataloguePage
from ai_worker.console.pages.connector_imports import ConnectorImportsPage
from ai_worker.console.pages.connectors import ConnectorsPage
from ai_worker.console.pages.conversations import ConversationsPage
from ai_worker.console.pages.deadletters import DeadLettersPage
from ai_worker.console.pages.gaps import GapsPage
from ai_worker.console.pages.knowledge import KnowledgePage
from ai_worker.console.pages.knowledge_things import KnowledgeThingsPage
from ai_worker.console.pages.overview import OverviewPage
from ai_worker.console.pages.sign_in import LoginLinks, SignInPage
from ai_worker.console.pages.skills import SkillsPage
from ai_worker.console.session import Session, Sessions
from ai_worker.console.settings import ConsoleSettings
from ai_worker.console.shelf import Shelf
from ai_worker.console.skills import SkillDesk
from ai_worker.console.systems import SystemDesk
from ai_worker.conversation.contacts import ContactStore
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.evaluation import EvaluationStore
from ai_worker.conversation.evaluator import Evaluator
from ai_worker.conversation.gap_desk import GapDesk
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.events import EventBus
from ai_worker.knowledge.gaps import GapStore
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.ops.host import HostProbe
from ai_worker.ops.peak import HourlyPeak
from ai_worker.ops.stats import StatsStore
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.deadletter import DeadLetterStore
from ai_worker.pipeline.facts import MessageReceived, TurnCompleted
from ai_worker.pipeline.files import FileStore
from ai_worker.pipeline.push import Pusher
from ai_worker.skills.approval import ApprovalStore

log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024
"""Bytes of one request: the longest thing that is sent here is a reply to a contact."""


class Console:
    """The console as an ASGI app. The server in front must not rewrite the client's address."""

    def __init__(self, app: Gate, live: Live, imports: Imports) -> None:
        self._app = app
        self._live = live
        self._imports = imports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app(scope, receive, send)

    def close_streams(self) -> None:
        """End the live streams within a second; call it when draining begins, or they hold the server open.

        Uploads that nobody has decided about are let go with them.
        """
        self._live.close()
        self._imports.close()


def create_console(
    *,
    conversations: ConversationStore,
    stats: StatsStore,
    knowledge: KnowledgeStore,
    shelf: Shelf,
    gaps: GapStore,
    approvals: ApprovalStore,
    gap_desk: GapDesk,
    evaluation: EvaluationStore,
    evaluator: Evaluator,
    skills: SkillDesk,
    systems: SystemDesk,
    dead_letters: DeadLetterStore,
    contacts: ContactStore,
    files: FileStore,
    channels: Mapping[str, Channel],
    guides: Mapping[str, SetupGuide],
    memory: ChannelStore,
    duty: Duty,
    pusher: Pusher,
    holds: bool,
    api_port: int,
    staff: Staff,
    board: Board,
    events: EventBus,
    wake: Callable[[], None],
    links: LoginLinks,
    session_secret: bytes,
    settings: ConsoleSettings,
    concurrency: Callable[[], tuple[int, int, int]] | None,
    host: HostProbe,
    version: str,
    node: str,
    started_at: datetime,
    clock: Clock,
    time_zone: str,
    language: str,
    patience_s: float = 8.0,
) -> Console:
    """Return the console.

    Args:
        conversations: Read, and changed when a person takes over.
        stats: What the overview counts.
        shelf: The knowledge, to look after it.
        knowledge: What the overview counts.
        gaps: Asked for unanswered questions.
        approvals: Keeps what waits for somebody's word.
        gap_desk: Where people answer them.
        evaluation: Golden questions, and what runs over them gave.
        evaluator: Asks them.
        skills: What the worker knows how to deal with.
        systems: The business systems.
        dead_letters: What was given up, for a person to decide about.
        files: Pictures and files of conversations.
        contacts: Who contacts are, and which of them are one person.
        channels: By configured name; they may change while the console runs.
        guides: How each kind of channel is connected, and what it is called.
        memory: Where the processes of this installation keep what their channels have seen.
        duty: Who sees to contacts, and when.
        pusher: Sends test messages, as all proactive ones go.
        holds: Whether this process holds the channels' long connections.
        api_port: Of the API, where platforms call.
        staff: The first worker names the console.
        board: Told when a person said something, for those who wait for it in this process.
        events: Heard for live pages; told when a person changed a conversation.
        wake: Wakes the delivery after a person's reply was made durable.
        links: One-time links that open a session.
        session_secret: At least 32 bytes; whoever has them can make sessions.
        settings: Section `[console]`.
        concurrency: Returns turns in progress, how many may be, and how many messages wait. `None` if no
            turns are worked on in this process: then the store is asked, which knows no limit.
        host: Looks at the machine.
        version: Of the product.
        node: Name of this machine or region.
        started_at: When this process started, aware and in UTC.
        clock: Tells the time.
        time_zone: IANA name of the zone in which times are shown.
        language: Used until the reader chooses another.
        patience_s: How long somebody waits to hear what came of a test message.
    """
    sessions = Sessions(session_secret, clock=clock)
    live = Live(events=events, clock=clock)
    peaks = HourlyPeak(clock=clock)
    names = ChannelNames(channels, {kind: guide.name for kind, guide in guides.items()})
    letters = Letters(dead_letters, events=events, wake=wake, clock=clock)
    frame = Frame(
        sessions=sessions,
        conversations=conversations,
        dead_letters=dead_letters,
        staff=staff,
        version=version,
        node=node,
        started_at=started_at,
        clock=clock,
        time_zone=time_zone,
        language=language,
    )
    sign_in = SignInPage(frame=frame, sessions=sessions, links=links)
    guard = Guard(sessions, sign_in=sign_in.ask)
    overview = OverviewPage(
        frame=frame,
        conversations=conversations,
        stats=stats,
        knowledge=knowledge,
        gaps=gaps,
        letters=letters,
        channels=channels,
        names=names,
        concurrency=concurrency,
        peaks=peaks,
        host=host,
        clock=clock,
    )
    inbox = ConversationsPage(
        frame=frame,
        conversations=conversations,
        letters=letters,
        staff=staff,
        names=names,
        attaching=Attaching(files, clock=clock),
        identities=Identities(contacts, conversations=conversations, names=names, clock=clock),
        board=board,
        events=events,
        duty=duty,
        wake=wake,
        clock=clock,
    )

    given_up = DeadLettersPage(frame=frame, desk=letters, conversations=conversations, names=names, clock=clock)
    gap_page = GapsPage(
        frame=frame, desk=gap_desk, evaluator=evaluator, evaluation=evaluation, knowledge=knowledge, clock=clock
    )
    asked_for = ApprovalsPage(frame=frame, store=approvals, names=names, duty=duty, clock=clock)
    connections = ChannelsPage(
        frame=frame,
        connections=Connections(
            *(channels, memory, names),
            pusher=pusher,
            letters=dead_letters,
            patience_s=patience_s,
            holds=holds,
            clock=clock,
        ),
        conversations=conversations,
        setup=guides,
        names=names,
        api_port=api_port,
        clock=clock,
    )

    imports = Imports()
    known = CatalogueDesk(clock)
    importing = ConnectorImportsPage(
        frame=frame, desk=systems, imports=imports, catalogue=known, conversations=conversations
    )
    catalogue = ConnectorCataloguePage(frame=frame, desk=known)
    connectors = ConnectorsPage(frame=frame, desk=systems, conversations=conversations, clock=clock)
    shelves = [page(frame=frame, shelf=shelf, clock=clock) for page in (KnowledgePage, KnowledgeThingsPage)]
    if concurrency is not None:
        _note_peaks(peaks, concurrency, events)

    async def stream(_request: Request, session: Session) -> Response:
        return StreamingResponse(live.open(session.ends_at), media_type="text/event-stream")

    mishaps = Mishaps(frame=frame, sessions=sessions)
    app = Starlette(
        routes=[
            *overview.routes(guard),
            *inbox.routes(guard),
            *given_up.routes(guard),
            *connections.routes(guard),
            *(route for page in shelves for route in page.routes(guard)),
            *gap_page.routes(guard),
            *importing.routes(guard),
            *catalogue.routes(guard),
            *connectors.routes(guard),
            *SkillsPage(frame=frame, desk=skills).routes(guard),
            *asked_for.routes(guard),
            *sign_in.routes(guard),
            Route("/events", guard(stream), methods=["GET"]),
            Mount("/static", Assets(packages=[("ai_worker.console", "static")])),
        ],
        exception_handlers={AiWorkerError: mishaps.foreseen, HTTPException: mishaps.http, Exception: mishaps.defect},
        max_body_size=MAX_BODY,
    )
    return Console(
        Gate(GZipMiddleware(app), allow=settings.allow, names=(settings.host, *settings.names)), live, imports
    )


def _note_peaks(peaks: HourlyPeak, concurrency: Callable[[], tuple[int, int, int]], events: EventBus) -> None:
    """Look how many turns are in progress whenever that may have changed."""

    def note(_fact: object) -> None:
        peaks.note(concurrency()[0])

    events.subscribe(MessageReceived, note)
    events.subscribe(TurnCompleted, note)
