"""First answers on SQLite."""

from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.pipeline.answers import KEPT, FirstAnswer
from ai_worker.storage.sqlite.database import SqliteDatabase

FIND = "SELECT place, digest, status, media_type, body, at FROM first_answer WHERE place = ? AND at > ?"

# One that has run out may be there still, until the next sweep: it gives way.
KEEP = """
INSERT INTO first_answer (place, digest, status, media_type, body, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (place) DO UPDATE SET
    digest = excluded.digest, status = excluded.status, media_type = excluded.media_type,
    body = excluded.body, at = excluded.at
WHERE first_answer.at <= ?
"""


class SqliteFirstAnswerStore:
    """Keeps first answers; see `FirstAnswerStore` for the promises."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def find(self, place: bytes, *, now: datetime) -> FirstAnswer | None:
        """Return the answer that stands; `None` if there is none, or if it is too old."""
        over = to_micros(now - KEPT)
        return await self._database.read(lambda connection: _find(connection, place, over))

    async def keep(self, answer: FirstAnswer) -> FirstAnswer:
        """Keep `answer` unless one stands already; return the one that stands now, on disk."""
        over = to_micros(answer.at - KEPT)
        row = (answer.place, answer.digest, answer.status, answer.media_type, answer.body, to_micros(answer.at), over)

        def work(connection: apsw.Connection) -> FirstAnswer:
            connection.execute(KEEP, row)
            return _find(connection, answer.place, over) or answer

        return await self._database.write(work, deadline_s=self._database.accept_deadline_s)


def _find(connection: apsw.Connection, place: bytes, over: int) -> FirstAnswer | None:
    row: Any = connection.execute(FIND, (place, over)).fetchone()
    if row is None:
        return None
    place, digest, status, media_type, body, at = row
    return FirstAnswer(place, digest, status, media_type, body, from_micros(at))
