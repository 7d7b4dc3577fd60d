"""What is kept for how long, and how much of it."""

import asyncio
from datetime import timedelta
from pathlib import Path

from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.storage import gap_rows
from ai_worker.storage.sqlite import gaps
from ai_worker.storage.sqlite.conversation import SqliteConversationStore
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
from tests.storage.scene import message


async def _finish_all(store: SqlitePipelineStore, clock: FixedClock, result: TurnResult) -> None:
    while claims := await store.claim(owner="me", limit=500, now=clock.now() + timedelta(days=9)):
        await asyncio.gather(*(store.finish(claim, result, [], now=clock.now(), response_ms=1.0) for claim in claims))


async def test_whole_messages_go_after_a_week_and_their_words_and_ids_stay(tmp_path: Path) -> None:
    clock = FixedClock()
    database = SqliteDatabase.open(tmp_path / "store.db", clock=clock)
    store = SqlitePipelineStore(database, clock)
    accepted = [await store.accept(message(n)) for n in range(3)]
    received = message(0).received_at
    await _finish_all(store, clock, TurnResult("answer", Reply("可以退货。")))
    await store.accept(message("waiting"))

    soon = await store.sweep(received + timedelta(days=6))
    late = await store.sweep(received + timedelta(days=8))
    again = await store.sweep(received + timedelta(days=8))

    assert (soon, late, again) == (0, 3, 0)
    assert (await store.accept(message(0))).duplicate
    conversations = SqliteConversationStore(database, clock)
    record = await conversations.turn(accepted[0].turn_id)
    assert record is not None
    assert record.question == "怎么退货？"
    thread = await conversations.thread(accepted[0].conversation_id)
    assert "怎么退货？" in [item.text for item in thread if item.author == "contact"]
    assert len(await store.claim(owner="me", limit=9, now=received + timedelta(days=9))) == 1
    await database.close()


async def test_questions_without_answer_are_forgotten_oldest_first(tmp_path: Path) -> None:
    clock = FixedClock()
    database = SqliteDatabase.open(tmp_path / "store.db", clock=clock)
    told = {"kind": "unanswered", "said": ""}
    rows = [
        {"folded": f"问题 {n}", "question": f"问题 {n}", "at": n, "turn_id": f"t-{n}", **told}
        for n in range(gaps.KEPT + 600)
    ]

    for row in rows:
        await database.write(lambda connection, row=row: gaps.count(connection, row))  # type: ignore[misc]

    kept = await gaps.SqliteGapStore(database).open_gaps(100_000)
    assert gaps.KEPT <= len(kept) < gaps.KEPT + gaps.TRIMMED_EVERY
    assert kept[0].turn_id == rows[-1]["turn_id"]
    await database.close()


async def test_a_handoff_that_nobody_can_answer_is_a_gap_once(tmp_path: Path) -> None:
    clock = FixedClock()
    database = SqliteDatabase.open(tmp_path / "store.db", clock=clock)
    store = SqlitePipelineStore(database, clock)
    for n in range(5):
        await store.accept(message(n, text="火星上有店吗？" * 100))

    await _finish_all(store, clock, TurnResult("handoff", Reply("转人工"), reason=Reason.UNKNOWN))

    (gap,) = await gaps.SqliteGapStore(database).open_gaps(9)
    assert gap.times == 5
    assert len(gap.question) == gap_rows.QUESTION
    await database.close()


async def test_a_closed_conversation_opens_again_and_begins_anew(tmp_path: Path) -> None:
    database = SqliteDatabase.open(tmp_path / "store.db", clock=FixedClock())
    store = SqlitePipelineStore(database, FixedClock())
    number = (await store.accept(message(1))).conversation_id
    close = "UPDATE conversation SET state = 'closed', person = '李雷', handoff_reason = 'asked', waiting_since = 1"
    await database.write(lambda connection: connection.execute(close).fetchall())
    again = message(8)

    await store.accept(again)

    found = await SqliteConversationStore(database, FixedClock()).conversation(number)
    assert (found.state, found.person, found.handoff_reason, found.waiting_since) == (State.WORKER, "", "", None)
    assert found.opened_at == again.received_at
    await database.close()
