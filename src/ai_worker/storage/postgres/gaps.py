"""Questions that nothing answered, counted by their wording."""

from collections.abc import Sequence
from typing import Any

from ai_worker.foundation.clock import from_micros
from ai_worker.knowledge.store import Gap
from ai_worker.storage.postgres.database import PostgresDatabase

KEPT = 5_000
"""Wordings that are kept: those that were asked last."""

TRIMMED_EVERY = 256
"""New wordings between two looks at how many there are, more or less."""

COUNT = """
INSERT INTO gap (folded, question, times, first_at, last_at, turn_id)
SELECT folded, question, times, at, at, turn_id
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[])
    AS given (folded, question, times, at, turn_id) ORDER BY folded
ON CONFLICT (folded) DO UPDATE SET
    question = excluded.question, times = gap.times + excluded.times, last_at = excluded.last_at,
    turn_id = excluded.turn_id
RETURNING n
"""

TRIM = "DELETE FROM gap WHERE n IN (SELECT n FROM gap ORDER BY last_at DESC OFFSET $1)"

MOST_ASKED = """
SELECT question, times, first_at, last_at, turn_id FROM gap ORDER BY times DESC, last_at DESC LIMIT $1
"""


async def count(connection: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Count questions, and now and then forget those that nobody has asked for longest."""
    asked: dict[str, dict[str, Any]] = {}
    for row in rows:
        asked[row["folded"]] = {**row, "times": asked.get(row["folded"], {"times": 0})["times"] + 1}
    given = [[row[name] for row in asked.values()] for name in ("folded", "question", "times", "at", "turn_id")]
    if any(n % TRIMMED_EVERY == 0 for (n,) in await connection.fetch(COUNT, *given)):
        await connection.execute(TRIM, KEPT)


async def most_asked(database: PostgresDatabase, limit: int) -> list[Gap]:
    """Return the questions that were asked most often, and of those the latest first."""
    return [
        Gap(question, times, from_micros(first_at), from_micros(last_at), turn_id)
        for question, times, first_at, last_at, turn_id in await database.fetch(MOST_ASKED, limit)
    ]
