"""What contacts think of answers, on SQLite."""

from typing import Any

import apsw

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.learning.feedback import LATELY, Rating
from ai_worker.storage import gap_rows, outbound_rows
from ai_worker.storage.sqlite import gaps
from ai_worker.storage.sqlite.database import SqliteDatabase

# Platforms may bring an older opinion after a newer one.
RECORD = """
INSERT INTO feedback (turn_id, channel, contact, mark, at, reason, correct_answer)
SELECT turn_id, ?, ?, ?, ?, ?, ? FROM inbound WHERE turn_id = ?
ON CONFLICT (turn_id, channel, contact) DO UPDATE SET mark = excluded.mark, at = excluded.at,
    reason = excluded.reason, correct_answer = excluded.correct_answer
WHERE excluded.at >= feedback.at
"""

KNOWN = "SELECT text, (SELECT result FROM turn WHERE turn.seq = inbound.seq) FROM inbound WHERE turn_id = ?"

STANDS = "SELECT mark FROM feedback WHERE turn_id = ? AND channel = ? AND contact = ?"

LATEST = """
SELECT turn_id, result FROM turn JOIN inbound USING (seq)
WHERE turn.conversation_id = (SELECT id FROM conversation WHERE channel = ? AND key = ?)
ORDER BY seq DESC LIMIT ?
"""

WITHDRAW = "DELETE FROM feedback WHERE turn_id = ? AND channel = ? AND contact = ? AND at <= ?"

OF_TURN = """
SELECT turn_id, mark, at, channel, contact, reason, correct_answer FROM feedback WHERE turn_id = ? ORDER BY at, n
"""


class SqliteFeedbackStore:
    """Keeps the latest rating that each contact gave each answer; see `FeedbackStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def record(self, rating: Rating) -> bool:
        """Make a rating durable; return whether the turn is known."""
        said = (rating.channel, rating.contact, rating.mark, to_micros(rating.at), rating.reason, rating.correct_answer)
        whose = (rating.turn_id, rating.channel, rating.contact)

        def work(connection: apsw.Connection) -> bool:
            asked: Any = connection.execute(KNOWN, (rating.turn_id,)).fetchone()
            if asked is None:
                return False
            if rating.withdrawn:
                connection.execute(WITHDRAW, (*whose, to_micros(rating.at)))
                return True
            before = connection.execute(STANDS, whose).fetchone()
            connection.execute(RECORD, (*said, rating.turn_id))
            if asked[1] and connection.execute(STANDS, whose).fetchone() == ("down",) and before != ("down",):
                gaps.count(connection, gap_rows.disliked(rating.turn_id, asked[0], asked[1], rating.at))
            return True

        return await self._database.write(work, deadline_s=self._database.accept_deadline_s)

    async def latest_answer(self, channel: str, conversation_key: str) -> str | None:
        """Return the turn of a conversation's latest answer that may be rated."""
        found = await self._database.read(
            lambda connection: connection.execute(LATEST, (channel, conversation_key, LATELY)).fetchall()
        )
        return outbound_rows.rateable(found)

    async def of_turn(self, turn_id: str) -> list[Rating]:
        """Return what was said about an answer, oldest first."""
        return await self._database.read(
            lambda connection: [_rating(row) for row in connection.execute(OF_TURN, (turn_id,))]
        )


def _rating(row: Any) -> Rating:
    turn_id, mark, at, channel, contact, reason, correct_answer = row
    return Rating(turn_id, mark, from_micros(at), channel, contact, reason, correct_answer)
