"""Wires the rooms to the sockets from the settings; starts and stops them in order. No logic."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from ai_worker import __version__
from ai_worker.api.app import create_api, create_watch
from ai_worker.app.chores import (
    GAUGES_S,
    NOTED_S,
    REFRESH_S,
    TUNED_S,
    Chore,
    every,
    gauging,
    line_chores,
    reloading,
    tuning,
)
from ai_worker.app.console import make_console
from ai_worker.app.doors import make_doors
from ai_worker.app.handing_over import HandingOver
from ai_worker.app.keyring import open_keyring
from ai_worker.app.knowledge import open_knowledge
from ai_worker.app.line import Line, look_up_of, make_line, nobody, open_callbacks
from ai_worker.app.parts import Role, comfortable, make_queue, open_meanings, open_model
from ai_worker.app.readiness import count, make_readiness
from ai_worker.app.service import Service
from ai_worker.app.systems import open_systems
from ai_worker.app.trials import make_trials
from ai_worker.app.work import at_work
from ai_worker.channels.roster import Roster
from ai_worker.channels.sightings import Sightings
from ai_worker.connectors.contract import Connector
from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.skill_trial import SkillTrials
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.links import ConsoleLinks
from ai_worker.keys.network import Networks
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.ops.host import HostMetrics
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.directory import Directory
from ai_worker.pipeline.inbox import Inbox, Intake
from ai_worker.pipeline.introduction import IntroducedTurns
from ai_worker.pipeline.relay import Relay
from ai_worker.settings import Settings
from ai_worker.settings.watch import SettingsWatch
from ai_worker.skills.shelf import SkillShelf
from ai_worker.storage.folder import held
from ai_worker.storage.opening import open_stores


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
        keyring, keyring_chores = await open_keyring(settings, stores, clock)
        meanings = await stack.enter_async_context(open_meanings(settings, stores, clock, role))
        knowledge = await stack.enter_async_context(open_knowledge(settings, stores, meanings, clock, role))
        library = knowledge.library
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
                remover=knowledge.curator,
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
            console = make_console(
                *(settings, stores, knowledge, systems, channels, skills),
                trials=trials,
                thresholds=thresholds,
                duty=handing_over.duty,
                line=line,
                board=board,
                events=events,
                links=links,
                session_secret=keyring.subkey("console.session"),
                host=host,
                clock=clock,
                role=role,
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
        chores.append(partial(every, REFRESH_S, skills.refresh, "skills.refresh"))
        chores += keyring_chores
        if role != "console":
            sightings = Sightings(channels, stores.channels, holds=line is not None, clock=clock)
            chores.append(partial(every, NOTED_S, sightings.note, "channels.sightings"))
            chores.append(directory.run)
        chores += meanings.chores()
        chores += systems.chores(role)
        chores += knowledge.chores(settings, stores, metrics, line, clock)
        if line is not None:
            chores += line_chores(line, stores, channels, events, clock)
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
