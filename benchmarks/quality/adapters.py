"""What the quality evaluators talk to: the product's own parts behind the evaluators' small interfaces."""

import asyncio
import atexit
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore
from benchmarks.quality.dialogue import dialogue
from benchmarks.quality.pairs import pairs
from benchmarks.quality.rewrite import rewrite

__all__ = ["dialogue", "pairs", "retrieval", "rewrite"]

CANDIDATES = 10


class Retrieval:
    """Knowledge through the real store and index; each question stands alone."""

    def __init__(self) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        self._folder = tempfile.TemporaryDirectory(prefix="ai-worker-quality-")
        atexit.register(self._folder.cleanup)
        self._library: Library | None = None

    def load(self, kb: Sequence[Mapping[str, Any]]) -> None:
        """Take the entries in, through the same door as the API's."""
        asyncio.run(self._load(kb))

    def ask(self, text: str, history: Sequence[Mapping[str, str]] | None = None) -> dict[str, Any]:
        """Answer as the thresholds say; `history` is not used by retrieval alone."""
        assert self._library is not None
        found = self._library.search(text, limit=CANDIDATES)
        sure = found[0].score if found else 0.0
        decision = "answer" if sure >= ANSWER_AT else "clarify" if sure >= CLARIFY_AT else "handoff"
        return {
            "decision": decision,
            "answer_id": found[0].passage.answer_id if found else None,
            "score": sure,
            "candidates": [{"id": one.passage.answer_id, "score": one.score} for one in found],
            "text": found[0].passage.text if decision == "answer" else "",
        }

    async def _load(self, kb: Sequence[Mapping[str, Any]]) -> None:
        folder = Path(self._folder.name)
        clock = SystemClock()
        database = SqliteDatabase.open(folder / "knowledge.db", clock=clock)
        try:
            store = SqliteKnowledgeStore(database, clock=clock)
            library = Library(store, clock=clock, index_folder=folder / "index", learns=True)
            await library.put_entries(kb, base="default")
            await library.settle()
            self._library = library
        finally:
            await database.close()


def retrieval() -> Retrieval:
    """Return what `run_retrieval.py` and `run_latency.py` measure."""
    return Retrieval()
