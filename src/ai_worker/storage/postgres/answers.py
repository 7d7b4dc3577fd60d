"""First answers on PostgreSQL."""

from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.pipeline.answers import KEPT, FirstAnswer
from ai_worker.storage.postgres.database import PostgresDatabase

FIND = "SELECT place, digest, status, media_type, body, at FROM first_answer WHERE place = $1 AND at > $2"

# One that has run out may be there still, until the next sweep: it gives way. Where another node is
# keeping one at this moment, this waits for it; the statement behind then sees what that node kept.
KEEP = """
INSERT INTO first_answer (place, digest, status, media_type, body, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (place) DO UPDATE SET
    digest = excluded.digest, status = excluded.status, media_type = excluded.media_type,
    body = excluded.body, at = excluded.at
WHERE first_answer.at <= $7
"""


class PostgresFirstAnswerStore:
    """Keeps first answers; see `FirstAnswerStore` for the promises."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def find(self, place: bytes, *, now: datetime) -> FirstAnswer | None:
        """Return the answer that stands; `None` if there is none, or if it is too old."""
        return _answer(await self._database.first(FIND, place, to_micros(now - KEPT)))

    async def keep(self, answer: FirstAnswer) -> FirstAnswer:
        """Keep `answer` unless one stands already; return the one that stands now, on disk."""
        over = to_micros(answer.at - KEPT)
        row = (answer.place, answer.digest, answer.status, answer.media_type, answer.body, to_micros(answer.at))
        async with self._database.transaction(deadline_s=self._database.accept_deadline_s) as connection:
            if await connection.execute(KEEP, *row, over) == "INSERT 0 1":
                return answer
            return _answer(await connection.fetchrow(FIND, answer.place, over)) or answer


def _answer(row: Any) -> FirstAnswer | None:
    if row is None:
        return None
    place, digest, status, media_type, body, at = row
    return FirstAnswer(place, digest, status, media_type, body, from_micros(at))
