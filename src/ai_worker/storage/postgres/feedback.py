"""What contacts think of answers, on PostgreSQL."""

from typing import Any

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.learning.feedback import LATELY, Rating
from ai_worker.storage import gap_rows, outbound_rows, rows
from ai_worker.storage.postgres import gaps
from ai_worker.storage.postgres.database import PostgresDatabase

# Platforms may bring an older opinion after a newer one. The lock keeps the turn from being forgotten meanwhile.
RECORD = """
WITH known AS MATERIALIZED (SELECT turn_id FROM inbound WHERE turn_id = $1 FOR KEY SHARE),
before AS MATERIALIZED (
    SELECT mark FROM feedback JOIN known USING (turn_id) WHERE channel = $2 AND contact = $3
), kept AS (
    INSERT INTO feedback (turn_id, channel, contact, mark, at, reason, correct_answer)
    SELECT turn_id, $2, $3, $4, $5, $6, $7 FROM known
    ON CONFLICT (turn_id, channel, contact) DO UPDATE SET mark = excluded.mark, at = excluded.at,
        reason = excluded.reason, correct_answer = excluded.correct_answer
    WHERE excluded.at >= feedback.at
    RETURNING mark
)
SELECT inbound.text, turn.result, (SELECT mark FROM before), (SELECT mark FROM kept)
FROM known JOIN inbound USING (turn_id) LEFT JOIN turn ON turn.seq = inbound.seq
"""

LATEST = """
SELECT turn_id, result FROM turn JOIN inbound USING (seq)
WHERE turn.conversation_id = (SELECT id FROM conversation WHERE channel = $1 AND key = $2)
ORDER BY seq DESC LIMIT $3
"""

WITHDRAW = """
WITH gone AS (DELETE FROM feedback WHERE turn_id = $1 AND channel = $2 AND contact = $3 AND at <= $4)
SELECT EXISTS (SELECT FROM inbound WHERE turn_id = $1)
"""

OF_TURN = """
SELECT turn_id, mark, at, channel, contact, reason, correct_answer FROM feedback WHERE turn_id = $1 ORDER BY at, n
"""


class PostgresFeedbackStore:
    """Keeps the latest rating that each contact gave each answer; see `FeedbackStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def record(self, rating: Rating) -> bool:
        """Make a rating durable; return whether the turn is known."""
        given = (
            *(rows.plain(rating.turn_id), rating.channel, rows.plain(rating.contact), rating.mark),
            *(to_micros(rating.at), rows.plain(rating.reason), rows.plain(rating.correct_answer)),
        )
        async with self._database.transaction() as connection:
            if rating.withdrawn:
                return bool(await connection.fetchval(WITHDRAW, *given[:3], given[4]))
            row = await connection.fetchrow(RECORD, *given)
            if row is None:
                return False
            text, result, before, now = row
            if result and now == "down" and before != "down":
                await gaps.count(connection, [gap_rows.disliked(rating.turn_id, text, result, rating.at)])
            return True

    async def latest_answer(self, channel: str, conversation_key: str) -> str | None:
        """Return the turn of a conversation's latest answer that may be rated."""
        return outbound_rows.rateable(await self._database.fetch(LATEST, channel, rows.plain(conversation_key), LATELY))

    async def of_turn(self, turn_id: str) -> list[Rating]:
        """Return what was said about an answer, oldest first."""
        return [_rating(row) for row in await self._database.fetch(OF_TURN, rows.plain(turn_id))]


def _rating(row: Any) -> Rating:
    turn_id, mark, at, channel, contact, reason, correct_answer = row
    return Rating(turn_id, mark, from_micros(at), channel, contact, reason, correct_answer)
