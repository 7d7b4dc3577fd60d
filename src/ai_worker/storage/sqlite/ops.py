"""Sums over finished turns, read from one covering index."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import apsw

from ai_worker.foundation.clock import Clock, from_micros, to_micros
from ai_worker.ops.stats import HourStats, ServiceStats
from ai_worker.storage.sqlite.database import SqliteDatabase

HOUR = 3_600_000_000
"""Microseconds."""

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


@dataclass(slots=True)
class _Hour:
    turns: int = 0
    spoken: int = 0
    response_ms: float = 0.0
    failed: int = 0
    handoffs: int = 0


@dataclass(slots=True)
class _Sums:
    """What the queries gave, before it is put into words."""

    hours: dict[int, _Hour]
    decisions: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    spread: tuple[float | None, float | None] = (None, None)
    conversations: int = 0
    undelivered: int = 0
    on_the_way: int = 0


class SqliteStatsStore:
    """Sums up turns by the hour in which their message was accepted."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def service(self, *, since: datetime, until: datetime) -> ServiceStats:
        """Return the window's sums. `since` is rounded down to the hour; `until` is exclusive."""
        first = to_micros(since) // HOUR
        window = {"since": first * HOUR, "until": to_micros(until)}
        return _told(await self._database.read(partial(_sums, window=window)), window)


def _sums(connection: apsw.Connection, window: Mapping[str, int]) -> _Sums:
    first, last = window["since"] // HOUR, math.ceil(window["until"] / HOUR)
    sums = _Sums({hour: _Hour() for hour in range(first, max(last, first + 1))})
    _add_turns(sums, connection.execute(BY_HOUR, window))
    for channel, inside, count in connection.execute(WAITING, window):
        sums.waiting += count
        sums.channels[channel] += count if inside else 0
    for hour, channel, count in connection.execute(GIVEN_UP, window):
        sums.channels[channel] += count
        sums.hours[hour].failed += count
    for hour, count in connection.execute(UNDELIVERED, window):
        sums.undelivered += count
        sums.hours[hour].failed += count
    sums.spread = next(connection.execute(SPREAD, window))
    sums.conversations = next(connection.execute(CONVERSATIONS, window))[0]
    sums.on_the_way = next(connection.execute(ON_THE_WAY, window))[0]
    return sums


def _add_turns(sums: _Sums, rows: Iterable[Any]) -> None:
    for number, channel, decision, count, response_ms in rows:
        hour = sums.hours[number]
        hour.turns += count
        hour.response_ms += response_ms
        hour.spoken += count if decision != "silent" else 0
        hour.handoffs += count if decision == "handoff" else 0
        sums.decisions[decision] += count
        sums.channels[channel] += count


def _told(sums: _Sums, window: Mapping[str, int]) -> ServiceStats:
    turns = sum(hour.turns for hour in sums.hours.values())
    spoken = sum(hour.spoken for hour in sums.hours.values())
    return ServiceStats(
        since=from_micros(window["since"]),
        until=from_micros(window["until"]),
        accepted=sums.channels.total(),
        answered=turns - sums.undelivered - sums.on_the_way,
        failed=sum(hour.failed for hour in sums.hours.values()),
        mean_response_ms=sum(hour.response_ms for hour in sums.hours.values()) / spoken if spoken else None,
        p95_response_ms=sums.spread[0],
        p99_response_ms=sums.spread[1],
        decisions=dict(sums.decisions),
        conversations=sums.conversations,
        waiting=sums.waiting,
        hours=tuple(_hour(number, hour) for number, hour in sums.hours.items()),
        by_channel=dict(sums.channels),
    )


def _hour(number: int, hour: _Hour) -> HourStats:
    return HourStats(
        start=from_micros(number * HOUR),
        turns=hour.turns,
        mean_response_ms=hour.response_ms / hour.spoken if hour.spoken else 0.0,
        failed=hour.failed,
        handoffs=hour.handoffs,
    )
