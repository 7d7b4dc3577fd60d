"""Opening the database that the settings name, and the stores in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.keys.store import KeyStore
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.ops.stats import StatsStore
from ai_worker.pipeline.deadletter import DeadLetterStore
from ai_worker.pipeline.store import PipelineStore
from ai_worker.storage.folder import make_folder


class StorageUnsupported(Misconfigured):
    """The settings name a database that this version does not speak."""

    code = "storage.unsupported"
    hint = 'Use url = "sqlite:///ai-worker.db".'


@dataclass(frozen=True, slots=True)
class Stores:
    """Every room's store, over one database."""

    pipeline: PipelineStore
    conversations: ConversationStore
    knowledge: KnowledgeStore
    keys: KeyStore
    stats: StatsStore
    dead_letters: DeadLetterStore
    check: Callable[[], Awaitable[None]]
    """Writes something harmless to disk; raises `StoreBusy` if that cannot be done now."""

    sweep: Callable[[datetime], Awaitable[int]]
    """Deletes some of what is past its retention; returns how many rows, 0 when there is no more."""


@asynccontextmanager
async def open_stores(file: Path | None, *, clock: Clock) -> AsyncIterator[Stores]:
    """Open the SQLite file and yield its stores; close it at the end.

    Args:
        file: The database file; its folder is made if need be. `None`: the settings name another
            kind of database.
        clock: Tells the time.

    Raises:
        Misconfigured: The file cannot be used; it was left as it was found.
    """
    from ai_worker.storage.sqlite.conversation import SqliteConversationStore
    from ai_worker.storage.sqlite.database import SqliteDatabase
    from ai_worker.storage.sqlite.deadletters import SqliteDeadLetterStore
    from ai_worker.storage.sqlite.keys import SqliteKeyStore
    from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore
    from ai_worker.storage.sqlite.ops import SqliteStatsStore
    from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore

    if file is None:
        raise StorageUnsupported("storage.url names a database that this version does not speak")
    make_folder(file.parent)
    database = SqliteDatabase.open(file, clock=clock)
    pipeline = SqlitePipelineStore(database, clock)
    try:
        yield Stores(
            pipeline=pipeline,
            conversations=SqliteConversationStore(database, clock),
            knowledge=SqliteKnowledgeStore(database, clock),
            keys=SqliteKeyStore(database, clock),
            stats=SqliteStatsStore(database, clock),
            dead_letters=SqliteDeadLetterStore(database, clock),
            check=database.check,
            sweep=pipeline.sweep,
        )
    finally:
        await database.close()
