"""The console, with the desks at which its readers work."""

import socket

from ai_worker import __version__
from ai_worker.app.knowledge import Knowledge
from ai_worker.app.line import Line, nobody
from ai_worker.app.parts import Role
from ai_worker.app.systems import Systems
from ai_worker.channels import registry
from ai_worker.channels.roster import Roster
from ai_worker.console.app import Console, create_console
from ai_worker.console.shelf import Shelf
from ai_worker.console.skills import SkillDesk
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.evaluator import golden_evaluator
from ai_worker.conversation.gap_desk import GapDesk
from ai_worker.conversation.skill_trial import SkillTrials
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.links import ConsoleLinks
from ai_worker.ops.host import HostMetrics
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.push import Pusher
from ai_worker.settings import Settings
from ai_worker.skills.scores import Scores
from ai_worker.skills.shelf import SkillShelf
from ai_worker.storage.opening import Stores


def make_console(
    settings: Settings,
    stores: Stores,
    knowledge: Knowledge,
    systems: Systems,
    channels: Roster,
    skills: SkillShelf,
    *,
    trials: SkillTrials | None,
    thresholds: Thresholds,
    duty: Duty,
    line: Line | None,
    board: Board,
    events: EventBus,
    links: ConsoleLinks,
    session_secret: bytes,
    host: HostMetrics,
    clock: Clock,
    role: Role | None,
) -> Console:
    """Put the console together; without a `line` in this process others deliver what is said there."""
    library, staff = knowledge.library, settings.staff()
    wake = line.delivery.wake if line else nobody
    evaluator = golden_evaluator(
        stores.evaluation,
        library=library,
        records=library,
        staff=staff,
        default=thresholds.default,
        version=__version__,
        clock=clock,
    )
    return create_console(
        conversations=stores.conversations,
        stats=stores.stats,
        knowledge=stores.knowledge,
        shelf=Shelf(
            library=library,
            curator=knowledge.curator,
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
        skills=SkillDesk(skills, scores=Scores(settings.data_dir), staff=staff, tools=systems.hub.tools, trials=trials),
        systems=systems.desk(settings, stores),
        dead_letters=stores.dead_letters,
        contacts=stores.contacts,
        files=stores.files,
        channels=channels,
        guides=registry.setup_guides(),
        memory=stores.channels,
        duty=duty,
        pusher=Pusher(stores.pipeline, deliverers=channels, clock=clock, wake=wake),
        holds=role is None,
        api_port=settings.api.port,
        staff=staff,
        board=board,
        events=events,
        wake=wake,
        links=links,
        session_secret=session_secret,
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
