"""Golden questions, runs and thresholds, on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

from ai_worker.conversation.evaluation import RUNS_KEPT, EvalRun, GoldenQuestion, Threshold
from ai_worker.foundation.clock import to_micros
from ai_worker.storage import codec, evaluation_rows, rows
from ai_worker.storage.postgres.database import PostgresDatabase

GOLDEN = 'SELECT id, question, answer_ids, topic, source, added_at FROM golden_question ORDER BY id COLLATE "C"'

PUT = """
INSERT INTO golden_question (id, question, answer_ids, topic, source, added_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
ON CONFLICT (id) DO UPDATE SET question = excluded.question, answer_ids = excluded.answer_ids,
    topic = excluded.topic, source = excluded.source, added_at = excluded.added_at
"""

REMOVE = "DELETE FROM golden_question WHERE id = ANY ($1::text[]) RETURNING id"

KEEP_RUN = "INSERT INTO eval_run (at, body) VALUES ($1, $2) RETURNING n"
FORGET_RUNS = "DELETE FROM eval_run WHERE n <= $1"
RUNS = "SELECT n, body FROM eval_run ORDER BY n DESC LIMIT $1"

THRESHOLDS = 'SELECT base, target, answer_at, clarify_at, questions, tuned_at FROM threshold ORDER BY base COLLATE "C"'

TUNE = """
INSERT INTO threshold (base, target, answer_at, clarify_at, questions, tuned_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (base) DO UPDATE SET target = excluded.target, answer_at = excluded.answer_at,
    clarify_at = excluded.clarify_at, questions = excluded.questions, tuned_at = excluded.tuned_at
"""

UNTUNE = "DELETE FROM threshold WHERE base = $1 RETURNING base"


class PostgresEvaluationStore:
    """Keeps golden questions, runs and thresholds; see `EvaluationStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def golden(self) -> list[GoldenQuestion]:
        """Return all golden questions, by id."""
        return [evaluation_rows.golden(row) for row in await self._database.fetch(GOLDEN)]

    async def put_golden(self, questions: Sequence[GoldenQuestion], *, at: datetime) -> None:
        """Add golden questions; one with the same id is replaced."""
        last = {question.id: question for question in questions}  # one statement cannot change a row twice
        if given := [evaluation_rows.golden_row(question, at) for question in last.values()]:
            await self._database.fetch(PUT, *(list(column) for column in zip(*given, strict=True)))

    async def remove_golden(self, ids: Sequence[str]) -> int:
        """Remove golden questions; return how many there were."""
        return len(await self._database.fetch(REMOVE, [rows.plain(id_) for id_ in ids]))

    async def keep_run(self, run: EvalRun) -> int:
        """Keep a run and forget the oldest beyond `RUNS_KEPT`; return its number."""
        async with self._database.transaction() as connection:
            number = int(await connection.fetchval(KEEP_RUN, to_micros(run.at), rows.plain(codec.encode(run))))
            await connection.execute(FORGET_RUNS, number - RUNS_KEPT)
        return number

    async def runs(self, limit: int) -> list[EvalRun]:
        """Return runs, the latest first."""
        return [codec.eval_run(*row) for row in await self._database.fetch(RUNS, limit)]

    async def thresholds(self) -> list[Threshold]:
        """Return what was tuned, by base."""
        return [evaluation_rows.threshold(row) for row in await self._database.fetch(THRESHOLDS)]

    async def put_threshold(self, threshold: Threshold) -> None:
        """Keep what a base was tuned to, in place of what it was before."""
        await self._database.fetch(TUNE, *evaluation_rows.threshold_row(threshold))

    async def remove_threshold(self, base: str) -> bool:
        """Let a base go by the product's own thresholds again; return whether it had its own."""
        return bool(await self._database.fetch(UNTUNE, rows.plain(base)))
