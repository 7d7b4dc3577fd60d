"""Golden questions, runs and thresholds, on SQLite."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import apsw

from ai_worker.conversation.evaluation import RUNS_KEPT, EvalRun, GoldenQuestion, Threshold
from ai_worker.foundation.clock import to_micros
from ai_worker.storage import codec, evaluation_rows
from ai_worker.storage.sqlite.database import SqliteDatabase

GOLDEN = "SELECT id, question, answer_ids, topic, source, added_at FROM golden_question ORDER BY id"

PUT = """
INSERT INTO golden_question (id, question, answer_ids, topic, source, added_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET question = excluded.question, answer_ids = excluded.answer_ids,
    topic = excluded.topic, source = excluded.source, added_at = excluded.added_at
"""

REMOVE = "DELETE FROM golden_question WHERE id = ?"

KEEP_RUN = "INSERT INTO eval_run (at, body) VALUES (?, ?) RETURNING n"
FORGET_RUNS = "DELETE FROM eval_run WHERE n <= (SELECT max(n) FROM eval_run) - ?"
RUNS = "SELECT n, body FROM eval_run ORDER BY n DESC LIMIT ?"

THRESHOLDS = "SELECT base, target, answer_at, clarify_at, questions, tuned_at FROM threshold ORDER BY base"

TUNE = """
INSERT INTO threshold (base, target, answer_at, clarify_at, questions, tuned_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (base) DO UPDATE SET target = excluded.target, answer_at = excluded.answer_at,
    clarify_at = excluded.clarify_at, questions = excluded.questions, tuned_at = excluded.tuned_at
"""

UNTUNE = "DELETE FROM threshold WHERE base = ?"


class SqliteEvaluationStore:
    """Keeps golden questions, runs and thresholds; see `EvaluationStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def golden(self) -> list[GoldenQuestion]:
        """Return all golden questions, by id."""
        return [evaluation_rows.golden(row) for row in await self._all(GOLDEN)]

    async def put_golden(self, questions: Sequence[GoldenQuestion], *, at: datetime) -> None:
        """Add golden questions; one with the same id is replaced."""
        given = [evaluation_rows.golden_row(question, at) for question in questions]

        def work(connection: apsw.Connection) -> None:
            connection.executemany(PUT, given)

        await self._database.write(work)

    async def remove_golden(self, ids: Sequence[str]) -> int:
        """Remove golden questions; return how many there were."""
        return await self._database.write(lambda connection: sum(_changed(connection, REMOVE, (id_,)) for id_ in ids))

    async def keep_run(self, run: EvalRun) -> int:
        """Keep a run and forget the oldest beyond `RUNS_KEPT`; return its number."""
        given = to_micros(run.at), codec.encode(run)

        def work(connection: apsw.Connection) -> int:
            (number,) = next(connection.execute(KEEP_RUN, given))
            connection.execute(FORGET_RUNS, (RUNS_KEPT,))
            return int(number)

        return await self._database.write(work)

    async def runs(self, limit: int) -> list[EvalRun]:
        """Return runs, the latest first."""
        return [codec.eval_run(*row) for row in await self._all(RUNS, limit)]

    async def thresholds(self) -> list[Threshold]:
        """Return what was tuned, by base."""
        return [evaluation_rows.threshold(row) for row in await self._all(THRESHOLDS)]

    async def put_threshold(self, threshold: Threshold) -> None:
        """Keep what a base was tuned to, in place of what it was before."""
        given = evaluation_rows.threshold_row(threshold)
        await self._database.write(lambda connection: _changed(connection, TUNE, given))

    async def remove_threshold(self, base: str) -> bool:
        """Let a base go by the product's own thresholds again; return whether it had its own."""
        return await self._database.write(lambda connection: _changed(connection, UNTUNE, (base,)) > 0)

    async def _all(self, statement: str, *values: int) -> list[Any]:
        return await self._database.read(lambda connection: connection.execute(statement, values).fetchall())


def _changed(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> int:
    connection.execute(statement, values)
    return connection.changes()
