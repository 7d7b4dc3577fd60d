"""Questions that nothing answered, counted by their wording."""

from typing import Any

import apsw

from ai_worker.foundation.clock import from_micros
from ai_worker.knowledge.store import Gap

KEPT = 5_000
"""Wordings that are kept: those that were asked last."""

TRIMMED_EVERY = 256
"""New wordings between two looks at how many there are."""

COUNT = """
INSERT INTO gap (folded, question, times, first_at, last_at, turn_id)
VALUES (:folded, :question, 1, :at, :at, :turn_id)
ON CONFLICT (folded) DO UPDATE SET
    question = excluded.question, times = times + 1, last_at = excluded.last_at, turn_id = excluded.turn_id
RETURNING n, times
"""

TRIM = "DELETE FROM gap WHERE n IN (SELECT n FROM gap ORDER BY last_at DESC LIMIT -1 OFFSET ?)"

MOST_ASKED = """
SELECT question, times, first_at, last_at, turn_id FROM gap ORDER BY times DESC, last_at DESC LIMIT ?
"""


def count(connection: apsw.Connection, row: dict[str, Any]) -> None:
    """Count a question, and now and then forget those that nobody has asked for longest."""
    n, times = next(connection.execute(COUNT, row))
    if times == 1 and n % TRIMMED_EVERY == 0:
        connection.execute(TRIM, (KEPT,))


def most_asked(connection: apsw.Connection, limit: int) -> list[Gap]:
    """Return the questions that were asked most often, and of those the latest first."""
    return [
        Gap(question, times, from_micros(first_at), from_micros(last_at), turn_id)
        for question, times, first_at, last_at, turn_id in connection.execute(MOST_ASKED, (limit,))
    ]
