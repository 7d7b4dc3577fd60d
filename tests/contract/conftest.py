"""The stores whose contracts are tried; every kind must keep the same promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
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
from tests.contract.material import Stores
from tests.postgres import shared_server


@asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    clock = FixedClock()
    database = SqliteDatabase.open(folder / "store.db", clock=clock)
    pipeline = SqlitePipelineStore(database, clock)
    keys = SqliteKeyStore(database, clock)
    try:
        yield Stores(
            clock=clock,
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
            channels=SqliteChannelStore(database, clock),
            feedback=SqliteFeedbackStore(database),
            gaps=SqliteGapStore(database),
            evaluation=SqliteEvaluationStore(database),
            calls=SqliteCallStore(database),
            contacts=SqliteContactStore(database),
            approvals=SqliteApprovalStore(database),
            handoffs=SqliteHandoffStore(database),
            files=SqliteFileStore(database),
            sweep=pipeline.sweep,
            count=lambda table: database.read(
                lambda connection: int(next(connection.execute(f"SELECT count(*) FROM {table}"))[0])
            ),
        )
        dangling = await database.read(lambda connection: list(connection.execute("PRAGMA foreign_key_check")))
        assert dangling == []
    finally:
        await database.close()


DANGLING = """
SELECT 'lane', id FROM conversation WHERE waiting <> (
    SELECT count(*) FROM inbound WHERE conversation_id = conversation.id AND state = 'waiting')
UNION ALL
SELECT 'heads', conversation_id FROM outbound WHERE settled_at IS NULL
GROUP BY conversation_id HAVING count(*) FILTER (WHERE head) <> 1
"""
"""Lanes that count wrong, and conversations whose outbound rows nobody or two may claim."""


@asynccontextmanager
async def postgres_stores(_folder: Path) -> AsyncIterator[Stores]:
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

    clock = FixedClock()
    database = await PostgresDatabase.open(shared_server().url(), clock=clock, node="node-1", held=clock)
    pipeline = PostgresPipelineStore(database)
    keys = PostgresKeyStore(database)

    async def count(table: str) -> int:
        return int((await database.first(f"SELECT count(*) FROM {table}"))[0])

    try:
        yield Stores(
            clock=clock,
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
            channels=PostgresChannelStore(database),
            feedback=PostgresFeedbackStore(database),
            gaps=PostgresGapStore(database),
            evaluation=PostgresEvaluationStore(database),
            calls=PostgresCallStore(database),
            contacts=PostgresContactStore(database),
            approvals=PostgresApprovalStore(database),
            handoffs=PostgresHandoffStore(database),
            files=PostgresFileStore(database),
            sweep=pipeline.sweep,
            count=count,
        )
        assert await database.fetch(DANGLING) == []
    finally:
        await pipeline.close()
        await database.close()


KINDS = {"sqlite": sqlite_stores, "postgres": postgres_stores}


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Every store over one new database."""
    async with KINDS[request.param](tmp_path) as opened:
        yield opened
