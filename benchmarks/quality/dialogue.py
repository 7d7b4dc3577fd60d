"""What `run_dialogue.py` measures: whole turns over tables of records, taken in through the product's own import."""

import asyncio
import atexit
import csv
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage, Utterance
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore

WORKER = "worker"


class Dialogue:
    """A worker without a model. Nothing but the tables is its knowledge."""

    def __init__(self) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        self._folder = tempfile.TemporaryDirectory(prefix="ai-worker-quality-")
        atexit.register(self._folder.cleanup)
        self._clock = SystemClock()
        self._engine: TurnEngine | None = None
        self._turns = 0

    def load_db(self, db: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write each table as a CSV file and add it."""
        tables = Path(self._folder.name) / "tables"
        tables.mkdir()
        for name, rows in db.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            with (tables / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
        asyncio.run(self._load(tables))

    def ask(self, text: str, history: Sequence[Mapping[str, str]] | None = None) -> dict[str, Any]:
        """Run one turn."""
        assert self._engine is not None
        self._turns += 1
        now = self._clock.now()
        message = InboundMessage("quality", f"m-{self._turns}", "asker", Contact("asker"), text, now)
        said = tuple(
            Utterance("user" if one["role"] == "user" else "assistant", one["content"]) for one in history or ()
        )
        result: TurnResult = asyncio.run(self._engine.run(TurnInput(f"t-{self._turns}", message, said, WORKER)))
        return {
            "decision": result.decision,
            "answer_id": result.answer_id,
            "score": result.confidence,
            "candidates": [{"id": one.id, "score": one.score} for one in result.candidates],
            "text": result.reply.text if result.reply else "",
        }

    async def _load(self, tables: Path) -> None:
        folder = Path(self._folder.name)
        database = SqliteDatabase.open(folder / "knowledge.db", clock=self._clock)
        try:
            store = SqliteKnowledgeStore(database, clock=self._clock)
            library = Library(store, clock=self._clock, index_folder=folder / "index")
            await library.add([tables])
        finally:
            await database.close()
        self._engine = TurnEngine(
            staff=Staff([Worker(WORKER, "小智")]),
            retriever=library,
            records=library,
            toolbox=None,
            model=None,
            feedback=None,
            clock=self._clock,
            thresholds=Thresholds(Bars(ANSWER_AT, CLARIFY_AT)),
        )


def dialogue() -> Dialogue:
    """Return what `run_dialogue.py` measures."""
    return Dialogue()
