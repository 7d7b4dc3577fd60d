"""Sums over finished turns, read from one covering index."""

from datetime import datetime

from ai_worker.ops.stats import ServiceStats
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase
from ai_worker.storage.sums import add_turns, add_unfinished, empty, told, window

# A silent turn says nothing, so it has no response time.
BY_HOUR = """
SELECT received_at / 3600000000, channel, decision, count(*),
    sum(CASE decision WHEN 'silent' THEN 0.0 ELSE response_ms END)
FROM turn WHERE received_at >= $1 AND received_at < $2 GROUP BY 1, 2, 3
"""

SPREAD = """
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY response_ms),
    percentile_cont(0.99) WITHIN GROUP (ORDER BY response_ms)
FROM turn WHERE received_at >= $1 AND received_at < $2 AND decision <> 'silent'
"""

CONVERSATIONS = "SELECT count(DISTINCT conversation_id) FROM turn WHERE received_at >= $1 AND received_at < $2"

WAITING = """
SELECT channel, received_at >= $1 AND received_at < $2, count(*)
FROM inbound WHERE state = 'waiting' GROUP BY 1, 2
"""

GIVEN_UP = """
SELECT received_at / 3600000000, channel, count(*)
FROM inbound WHERE state = 'dead' AND received_at >= $1 AND received_at < $2 GROUP BY 1, 2
"""

UNDELIVERED = """
SELECT inbound.received_at / 3600000000, count(*) FROM outbound JOIN inbound USING (turn_id)
WHERE outbound.state IN ('failed', 'expired') AND outbound.kind = 'reply' AND outbound.created_at >= $1
    AND inbound.received_at >= $1 AND inbound.received_at < $2
GROUP BY 1
"""

ON_THE_WAY = """
SELECT count(*) FROM outbound JOIN inbound USING (turn_id)
WHERE outbound.settled_at IS NULL AND outbound.kind = 'reply'
    AND inbound.received_at >= $1 AND inbound.received_at < $2
"""

# An owned lane is ready at its lease's end: what has passed it belongs to a node that is no more.
IN_PROGRESS = f"SELECT count(*) FROM conversation WHERE waiting > 0 AND ready_at > {MOMENT} AND owner IS NOT NULL"


class PostgresStatsStore:
    """Sums up turns by the hour in which their message was accepted."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def service(self, *, since: datetime, until: datetime) -> ServiceStats:
        """Return the window's sums. `since` is rounded down to the hour; `until` is exclusive."""
        asked = window(since, until)
        times = (asked["since"], asked["until"])
        sums = empty(asked)
        async with self._database.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            add_turns(sums, await connection.fetch(BY_HOUR, *times))
            waiting, given_up, undelivered = [
                await connection.fetch(query, *times) for query in (WAITING, GIVEN_UP, UNDELIVERED)
            ]
            add_unfinished(sums, waiting, given_up, undelivered)
            sums.spread = tuple(await connection.fetchrow(SPREAD, *times))
            sums.conversations = await connection.fetchval(CONVERSATIONS, *times)
            sums.on_the_way = await connection.fetchval(ON_THE_WAY, *times)
            sums.in_progress = await connection.fetchval(IN_PROGRESS, self._database.moment)
        return told(sums, asked)
