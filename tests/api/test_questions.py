"""Questions whose turns are given up, over a real store that the test works through by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_worker.api.problems import KeyReused, Unanswered
from ai_worker.api.questions import RETRIES, Questions
from ai_worker.api.waiting import Waiting
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.board import Board, Restart
from ai_worker.pipeline.inbox import Inbox
from ai_worker.storage.sqlite.conversation import SqliteConversationStore
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore


class Desk:
    """Questions, and the store behind them."""

    def __init__(self, database: SqliteDatabase) -> None:
        clock = SystemClock()
        self.board = Board()
        self.store = SqlitePipelineStore(database, clock)
        inbox = Inbox(self.store, worker_of=lambda _: "xiaozhi", events=EventBus(), clock=clock, wake=lambda: None)
        self.questions = Questions(
            inbox=inbox,
            board=self.board,
            conversations=SqliteConversationStore(database, clock),
            waiting=Waiting(),
            patience_s=0.1,
        )

    async def give_up(self) -> None:
        now = datetime.now(UTC) + timedelta(seconds=1)
        for claim in await self.store.claim(owner="test", limit=10, now=now):
            await self.store.bury(claim, error="defect", now=now)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database = SqliteDatabase.open(tmp_path / "ai-worker.db", clock=SystemClock())
    yield Desk(database)
    await database.close()


def question(digest: str = "d") -> InboundMessage:
    return InboundMessage(
        channel="api",
        message_id="erp:key/a",
        conversation_key="erp:key/a",
        contact=Contact("erp/erp"),
        text="退款？",
        received_at=datetime.now(UTC),
        standalone=True,
        digest=digest,
    )


async def test_a_question_that_was_given_up_is_told_and_can_be_asked_again(desk: Desk) -> None:
    with await desk.questions.put(question()) as first:
        await desk.give_up()
        with pytest.raises(Unanswered) as told:
            await first.result()
    with await desk.questions.put(question()) as second:
        assert second.turn_id != first.turn_id
        assert not second.duplicate
    with await desk.questions.put(question()) as third:
        assert third.turn_id == second.turn_id

    assert told.value.turn_id == first.turn_id


async def test_a_question_that_is_always_given_up_is_not_asked_for_ever(desk: Desk) -> None:
    for _ in range(RETRIES):
        (await desk.questions.put(question())).close()
        await desk.give_up()
    with await desk.questions.put(question()) as last, pytest.raises(Unanswered):
        await last.result()


async def test_another_question_under_the_same_key_is_refused(desk: Desk) -> None:
    (await desk.questions.put(question())).close()

    with pytest.raises(KeyReused):
        await desk.questions.put(question("another"))


async def test_a_watch_that_is_closed_listens_no_more(desk: Desk) -> None:
    watch = await desk.questions.put(question())
    assert desk.board.heard(watch.turn_id, 0)
    desk.board.post(Restart(watch.turn_id), conversation_id=0)
    assert await watch.next() == Restart(watch.turn_id)
    watch.close()

    assert not desk.board.heard(watch.turn_id, 0)
