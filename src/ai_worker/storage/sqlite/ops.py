"""Sums over finished turns, read from one covering index."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import apsw

from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.ops.stats import ServiceStats
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sums import Sums, add_turns, add_unfinished, empty, told, window

# A silent turn says nothing, so it has no response time.
BY_HOUR = """
SELECT received_at / 3600000000, channel, decision, count(*), sum(iif(decision = 'silent', 0.0, response_ms))
FROM turn WHERE received_at >= :since AND received_at < :until GROUP BY 1, 2, 3
"""

SPREAD = """
SELECT percentile(response_ms, 95), percentile(response_ms, 99)
FROM turn WHERE received_at >= :since AND received_at < :until AND decision <> 'silent'
"""

CONVERSATIONS = """
SELECT count(DISTINCT conversation_id) FROM turn WHERE received_at >= :since AND received_at < :until
"""

WAITING = """
SELECT channel, received_at >= :since AND received_at < :until, count(*)
FROM inbound WHERE state = 'waiting' GROUP BY 1, 2
"""

GIVEN_UP = """
SELECT received_at / 3600000000, channel, count(*)
FROM inbound WHERE state = 'dead' AND received_at >= :since AND received_at < :until GROUP BY 1, 2
"""

UNDELIVERED = """
SELECT inbound.received_at / 3600000000, count(*) FROM outbound JOIN inbound USING (turn_id)
WHERE outbound.state IN ('failed', 'expired') AND outbound.kind = 'reply' AND outbound.created_at >= :since
    AND inbound.received_at >= :since AND inbound.received_at < :until
GROUP BY 1
"""

ON_THE_WAY = """
SELECT count(*) FROM outbound JOIN inbound USING (turn_id)
WHERE outbound.settled_at IS NULL AND outbound.kind = 'reply'
    AND inbound.received_at >= :since AND inbound.received_at < :until
"""

# An owned lane is ready at its lease's end: what has passed it belongs to a process that is no more.
IN_PROGRESS = "SELECT count(*) FROM conversation WHERE waiting > 0 AND ready_at > :now AND owner IS NOT NULL"


class SqliteStatsStore:
    """Sums up turns by the hour in which their message was accepted."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def service(self, *, since: datetime, until: datetime) -> ServiceStats:
        """Return the window's sums. `since` is rounded down to the hour; `until` is exclusive."""
        asked, now = window(since, until), to_micros(self._clock.now())
        return told(await self._database.read(partial(_sums, window=asked, now=now)), asked)


def _sums(connection: apsw.Connection, window: Mapping[str, int], now: int) -> Sums:
    sums = empty(window)
    add_turns(sums, connection.execute(BY_HOUR, window))
    waiting, given_up, undelivered = (connection.execute(query, window) for query in (WAITING, GIVEN_UP, UNDELIVERED))
    add_unfinished(sums, list(waiting), list(given_up), list(undelivered))
    sums.spread = next(connection.execute(SPREAD, window))
    sums.conversations = next(connection.execute(CONVERSATIONS, window))[0]
    sums.on_the_way = next(connection.execute(ON_THE_WAY, window))[0]
    sums.in_progress = next(connection.execute(IN_PROGRESS, {"now": now}))[0]
    return sums
