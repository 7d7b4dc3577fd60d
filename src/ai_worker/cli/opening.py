"""What the commands open: the same data as a running service, beside it, and each only what it needs."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.ids import new_id
from ai_worker.keys.joining import settle
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.links import ConsoleLinks
from ai_worker.settings import Settings
from ai_worker.settings.references import resolver
from ai_worker.storage.opening import Stores, open_stores

if TYPE_CHECKING:
    from ai_worker.connectors.registry import ConnectorHub
    from ai_worker.conversation.engine import TurnEngine
    from ai_worker.conversation.evaluation import EvaluationStore
    from ai_worker.conversation.evaluator import Evaluator
    from ai_worker.conversation.skill_trial import MakeEngine, SkillTrials
    from ai_worker.knowledge.curator import Curator
    from ai_worker.knowledge.library import Library
    from ai_worker.knowledge.sync import Sync


@asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open the database until the block ends; it is made if it is not there."""
    async with open_stores(settings.storage.url, data_dir=settings.data_dir, clock=SystemClock()) as opened:
        yield opened


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[Stores | None]:
    """Open the database for looking only: where there is no file yet, `None` is yielded and nothing is made."""
    file = settings.database_file
    if file is not None and _missing(file):
        yield None
        return
    async with stores(settings) as opened:
        yield opened


def _missing(file: Path) -> bool:
    """Return whether a file is not there. What is there and cannot be used, the opening has words for."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


@asynccontextmanager
async def keyring(settings: Settings) -> AsyncIterator[Keyring]:
    """Open the API keys."""
    async with stores(settings) as opened:
        clock = SystemClock()
        yield Keyring(opened.keys, pepper=await settle(settings.data_dir, opened.joining, clock=clock), clock=clock)


@asynccontextmanager
async def console_links(settings: Settings) -> AsyncIterator[ConsoleLinks]:
    """Open the console's one-time links."""
    async with stores(settings) as opened:
        yield ConsoleLinks(opened.keys, clock=SystemClock())


@asynccontextmanager
async def library(settings: Settings) -> "AsyncIterator[Library]":
    """Open the knowledge and its search index."""
    from ai_worker.knowledge.library import Library

    async with stores(settings) as opened:
        yield Library(opened.knowledge, clock=SystemClock(), index_folder=settings.data_dir / "index")


@dataclass(frozen=True, slots=True)
class Desk:
    """What looking after the knowledge takes."""

    stores: Stores
    library: "Library"
    curator: "Curator"
    sync: "Sync"


@asynccontextmanager
async def desk(settings: Settings) -> "AsyncIterator[Desk]":
    """Open the knowledge to look after it."""
    from ai_worker.knowledge.curator import Curator
    from ai_worker.knowledge.library import Library
    from ai_worker.sources.opening import open_sync

    clock = SystemClock()
    async with stores(settings) as opened:
        library = Library(opened.knowledge, clock=clock, index_folder=settings.data_dir / "index")
        curator = Curator(
            opened.archive, store=opened.knowledge, library=library, clock=clock, time_zone=settings.time_zone
        )
        sync = open_sync(
            settings.knowledge.sources,
            store=opened.sources,
            library=library,
            curator=curator,
            leases=opened.channels,
            owner=new_id("cli"),
            clock=clock,
        )
        yield Desk(opened, library, curator, sync)


def connectors(settings: Settings) -> "ConnectorHub":
    """Return the connectors, which call nobody before they are started.

    Raises:
        ConnectorRefused: A file is broken.
    """
    from ai_worker.connectors.kind import Parts
    from ai_worker.connectors.registry import load_connectors

    folder = settings.connectors_folder
    parts = Parts.kept_in(settings.data_dir, SystemClock())
    return load_connectors(folder, resolve=resolver(folder.parent, os.environ), parts=parts)


@asynccontextmanager
async def turns(settings: Settings) -> "AsyncIterator[TurnEngine]":
    """Open everything that a turn needs: knowledge, tools and the model, in this process.

    Whoever may run commands here may read everything.
    """
    from ai_worker.skills.shelf import SkillShelf

    async with _engines(settings) as (make, hub):
        yield make(hub, SkillShelf(settings.skills_folder))


@asynccontextmanager
async def skill_trials(settings: Settings) -> "AsyncIterator[SkillTrials]":
    """Open what tries skills out."""
    from ai_worker.conversation.skill_trial import SkillTrials

    async with _engines(settings) as (make, hub):
        yield SkillTrials(make, toolbox=hub, preview=hub.shown, clock=SystemClock())


@asynccontextmanager
async def _engines(settings: Settings) -> "AsyncIterator[tuple[MakeEngine, ConnectorHub]]":
    from ai_worker.conversation.engine import TurnEngine
    from ai_worker.conversation.steps.look_up import Bars
    from ai_worker.conversation.thresholds import Thresholds
    from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
    from ai_worker.knowledge.library import Library
    from ai_worker.knowledge.retrieve import ForEverything
    from ai_worker.llm.ladder import build_model

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(stores(settings))
        knowledge = Library(opened.knowledge, clock=clock, index_folder=settings.data_dir / "index")
        await knowledge.refresh()
        thresholds = Thresholds(Bars(ANSWER_AT, CLARIFY_AT))
        thresholds.replace(await opened.evaluation.thresholds())
        toolbox = connectors(settings)
        stack.push_async_callback(toolbox.close)
        await toolbox.start()
        model = None
        if settings.model is not None:
            model = build_model(settings.model, max_concurrent=settings.max_concurrent, clock=clock)
            stack.push_async_callback(model.close)
            await model.start()
        yield (
            lambda tools, skills: TurnEngine(
                staff=settings.staff(),
                retriever=ForEverything(knowledge),
                records=knowledge,
                toolbox=tools,
                model=model,
                feedback=None,
                clock=clock,
                thresholds=thresholds,
                skills=skills,
            ),
            toolbox,
        )


@asynccontextmanager
async def evaluator(settings: Settings) -> "AsyncIterator[tuple[Evaluator, EvaluationStore, Library]]":
    """Open what asks the golden questions, where they are kept, and the knowledge."""
    from ai_worker import __version__
    from ai_worker.conversation.evaluator import golden_evaluator
    from ai_worker.conversation.steps.look_up import Bars
    from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
    from ai_worker.knowledge.library import Library

    clock = SystemClock()
    async with stores(settings) as opened:
        knowledge = Library(opened.knowledge, clock=clock, index_folder=settings.data_dir / "index")
        made = golden_evaluator(
            opened.evaluation,
            library=knowledge,
            records=knowledge,
            staff=settings.staff(),
            default=Bars(ANSWER_AT, CLARIFY_AT),
            version=__version__,
            clock=clock,
        )
        yield made, opened.evaluation, knowledge
