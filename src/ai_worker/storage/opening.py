"""Opening the database that the settings name, and the stores in it."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from ai_worker.conversation.contacts import ContactStore
from ai_worker.conversation.evaluation import EvaluationStore
from ai_worker.conversation.handoff_store import HandoffStore
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation import durable
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.ids import new_id
from ai_worker.keys.store import JoiningStore, KeyStore
from ai_worker.knowledge.archive import Archive
from ai_worker.knowledge.gaps import GapStore
from ai_worker.knowledge.sources import SourceStore
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.learning.feedback import FeedbackStore
from ai_worker.ops.stats import StatsStore
from ai_worker.pipeline.answers import FirstAnswerStore
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.deadletter import DeadLetterStore
from ai_worker.pipeline.files import FileStore
from ai_worker.pipeline.store import PipelineStore
from ai_worker.skills.approval import ApprovalStore
from ai_worker.skills.calls import CallStore
from ai_worker.storage.folder import FolderUnusable, make_folder

SQLITE, POSTGRES = "sqlite:///", ("postgresql://", "postgres://")
NODE_FILE = "node-id"


class StorageUnsupported(Misconfigured):
    """The settings name a database that this version does not speak."""

    code = "storage.unsupported"
    hint = 'Use url = "sqlite:///ai-worker.db" or url = "postgresql://USER@HOST/DB".'


class DriverMissing(Misconfigured):
    """The settings name a PostgreSQL database, and its driver is not installed."""

    code = "storage.driver_missing"
    hint = "pip install 'ai-worker[postgres]'; in a folder with the source: ./scripts/setup --with postgres"


@dataclass(frozen=True, slots=True)
class Stores:
    """Every room's store, over one database."""

    pipeline: PipelineStore
    conversations: ConversationStore
    knowledge: KnowledgeStore
    archive: Archive
    sources: SourceStore
    keys: KeyStore
    joining: JoiningStore
    stats: StatsStore
    dead_letters: DeadLetterStore
    channels: ChannelStore
    feedback: FeedbackStore
    contacts: ContactStore
    approvals: ApprovalStore
    handoffs: HandoffStore
    answers: FirstAnswerStore
    files: FileStore
    gaps: GapStore
    evaluation: EvaluationStore
    calls: CallStore
    check: Callable[[], Awaitable[None]]
    """Writes something harmless to disk; raises `StoreBusy` if that cannot be done now."""

    sweep: Callable[[datetime], Awaitable[int]]
    """Deletes some of what is past its retention; returns how many rows, 0 when there is no more."""


@asynccontextmanager
async def open_stores(url: str, *, data_dir: Path, clock: Clock) -> AsyncIterator[Stores]:
    """Open the database and yield its stores; close it at the end.

    Args:
        url: As `storage.url` has it: a SQLite file, relative to `data_dir`, or a PostgreSQL database.
        data_dir: The folder of this installation; it is made if need be.
        clock: Tells the time.

    Raises:
        StoreBusy: The server cannot be reached now.
        Misconfigured: The database cannot be used; it was left as it was found.
    """
    if url.startswith(SQLITE):
        opened = _sqlite(data_dir / url.removeprefix(SQLITE), clock)
    elif url.startswith(POSTGRES):
        opened = _postgres(url, data_dir, clock)
    else:
        raise StorageUnsupported("storage.url names a database that this version does not speak")
    async with opened as stores:
        yield stores


@asynccontextmanager
async def _sqlite(file: Path, clock: Clock) -> AsyncIterator[Stores]:
    from ai_worker.storage.sqlite.answers import SqliteFirstAnswerStore
    from ai_worker.storage.sqlite.approvals import SqliteApprovalStore
    from ai_worker.storage.sqlite.archive import SqliteArchive
    from ai_worker.storage.sqlite.calls import SqliteCallStore
    from ai_worker.storage.sqlite.channels import SqliteChannelStore
    from ai_worker.storage.sqlite.contacts import SqliteContactStore
    from ai_worker.storage.sqlite.conversation import SqliteConversationStore
    from ai_worker.storage.sqlite.database import SqliteDatabase
    from ai_worker.storage.sqlite.deadletters import SqliteDeadLetterStore
    from ai_worker.storage.sqlite.evaluation import SqliteEvaluationStore
    from ai_worker.storage.sqlite.feedback import SqliteFeedbackStore
    from ai_worker.storage.sqlite.files import SqliteFileStore
    from ai_worker.storage.sqlite.gaps import SqliteGapStore
    from ai_worker.storage.sqlite.handoff import SqliteHandoffStore
    from ai_worker.storage.sqlite.keys import SqliteKeyStore
    from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore
    from ai_worker.storage.sqlite.ops import SqliteStatsStore
    from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
    from ai_worker.storage.sqlite.sources import SqliteSourceStore

    make_folder(file.parent)
    database = SqliteDatabase.open(file, clock=clock)
    pipeline = SqlitePipelineStore(database, clock)
    keys = SqliteKeyStore(database, clock)
    try:
        yield Stores(
            pipeline=pipeline,
            conversations=SqliteConversationStore(database, clock),
            knowledge=SqliteKnowledgeStore(database, clock),
            archive=SqliteArchive(database, clock),
            sources=SqliteSourceStore(database),
            keys=keys,
            joining=keys,
            stats=SqliteStatsStore(database, clock),
            dead_letters=SqliteDeadLetterStore(database, clock),
            answers=SqliteFirstAnswerStore(database),
            gaps=SqliteGapStore(database),
            evaluation=SqliteEvaluationStore(database),
            calls=SqliteCallStore(database),
            channels=SqliteChannelStore(database, clock),
            feedback=SqliteFeedbackStore(database),
            contacts=SqliteContactStore(database),
            approvals=SqliteApprovalStore(database),
            handoffs=SqliteHandoffStore(database),
            files=SqliteFileStore(database),
            check=database.check,
            sweep=pipeline.sweep,
        )
    finally:
        await database.close()


@asynccontextmanager
async def _postgres(url: str, data_dir: Path, clock: Clock) -> AsyncIterator[Stores]:
    need_driver()
    from ai_worker.storage.postgres.answers import PostgresFirstAnswerStore
    from ai_worker.storage.postgres.approvals import PostgresApprovalStore
    from ai_worker.storage.postgres.archive import PostgresArchive
    from ai_worker.storage.postgres.calls import PostgresCallStore
    from ai_worker.storage.postgres.channels import PostgresChannelStore
    from ai_worker.storage.postgres.contacts import PostgresContactStore
    from ai_worker.storage.postgres.conversation import PostgresConversationStore
    from ai_worker.storage.postgres.database import PostgresDatabase
    from ai_worker.storage.postgres.deadletters import PostgresDeadLetterStore
    from ai_worker.storage.postgres.evaluation import PostgresEvaluationStore
    from ai_worker.storage.postgres.feedback import PostgresFeedbackStore
    from ai_worker.storage.postgres.files import PostgresFileStore
    from ai_worker.storage.postgres.gaps import PostgresGapStore
    from ai_worker.storage.postgres.handoff import PostgresHandoffStore
    from ai_worker.storage.postgres.keys import PostgresKeyStore
    from ai_worker.storage.postgres.knowledge import PostgresKnowledgeStore
    from ai_worker.storage.postgres.ops import PostgresStatsStore
    from ai_worker.storage.postgres.pipeline import PostgresPipelineStore
    from ai_worker.storage.postgres.sources import PostgresSourceStore

    database = await PostgresDatabase.open(url, clock=clock, node=node_of(data_dir))
    pipeline = PostgresPipelineStore(database)
    keys = PostgresKeyStore(database)
    try:
        yield Stores(
            pipeline=pipeline,
            conversations=PostgresConversationStore(database),
            knowledge=PostgresKnowledgeStore(database),
            archive=PostgresArchive(database),
            sources=PostgresSourceStore(database),
            keys=keys,
            joining=keys,
            stats=PostgresStatsStore(database),
            dead_letters=PostgresDeadLetterStore(database),
            answers=PostgresFirstAnswerStore(database),
            gaps=PostgresGapStore(database),
            evaluation=PostgresEvaluationStore(database),
            calls=PostgresCallStore(database),
            channels=PostgresChannelStore(database),
            feedback=PostgresFeedbackStore(database),
            contacts=PostgresContactStore(database),
            approvals=PostgresApprovalStore(database),
            handoffs=PostgresHandoffStore(database),
            files=PostgresFileStore(database),
            check=database.check,
            sweep=pipeline.sweep,
        )
    finally:
        await pipeline.close()
        await database.close()


def need_driver() -> None:
    """Make sure that PostgreSQL can be spoken.

    Raises:
        DriverMissing: Its driver is not installed.
    """
    if find_spec("asyncpg") is None:
        raise DriverMissing("storage.url names a PostgreSQL database, and asyncpg is not installed")


def node_of(data_dir: Path) -> str:
    """Return the name under which this installation owns rows, the same at every start.

    It is the host's name and an id that is kept in the data folder: a folder that was copied to
    another machine is another node.

    Raises:
        FolderUnusable: The folder cannot be made, or the id not be kept.
    """
    make_folder(data_dir)
    file = data_dir / NODE_FILE
    try:
        if not file.exists():
            durable.put_once(file, [new_id("node").encode("ascii")])
        return f"{socket.gethostname()}/{file.read_text(encoding='ascii').strip()}"
    except OSError as error:
        raise FolderUnusable(f"The data folder {data_dir} cannot be used: {error.strerror}") from None
