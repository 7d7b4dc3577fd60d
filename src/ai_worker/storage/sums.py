"""Sums over finished turns, put together from what the queries of a database gave."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.ops.stats import HourStats, ServiceStats

HOUR = 3_600_000_000
"""Microseconds."""


@dataclass(slots=True)
class Hour:
    """One hour's sums."""

    turns: int = 0
    spoken: int = 0
    response_ms: float = 0.0
    failed: int = 0
    handoffs: int = 0


@dataclass(slots=True)
class Sums:
    """What the queries gave, before it is put into words."""

    hours: dict[int, Hour]
    decisions: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    spread: tuple[float | None, float | None] = (None, None)
    conversations: int = 0
    undelivered: int = 0
    on_the_way: int = 0
    in_progress: int = 0


def window(since: datetime, until: datetime) -> dict[str, int]:
    """Return the window in microseconds: `since` is rounded down to the hour, `until` is exclusive."""
    return {"since": to_micros(since) // HOUR * HOUR, "until": to_micros(until)}


def empty(window: Mapping[str, int]) -> Sums:
    """Return sums with an hour for each that the window touches."""
    first, last = window["since"] // HOUR, math.ceil(window["until"] / HOUR)
    return Sums({hour: Hour() for hour in range(first, max(last, first + 1))})


def add_turns(sums: Sums, rows: Iterable[Any]) -> None:
    """Add rows of hour, channel, decision, how many, and the sum of their response times."""
    for number, channel, decision, count, response_ms in rows:
        hour = sums.hours[number]
        hour.turns += count
        hour.response_ms += response_ms
        hour.spoken += count if decision != "silent" else 0
        hour.handoffs += count if decision == "handoff" else 0
        sums.decisions[decision] += count
        sums.channels[channel] += count


def add_unfinished(sums: Sums, waiting: Iterable[Any], given_up: Iterable[Any], undelivered: Iterable[Any]) -> None:
    """Add what waits (channel, inside the window, how many), and by hour what was given up or not delivered."""
    for channel, inside, count in waiting:
        sums.waiting += count
        sums.channels[channel] += count if inside else 0
    for hour, channel, count in given_up:
        sums.channels[channel] += count
        sums.hours[hour].failed += count
    for hour, count in undelivered:
        sums.undelivered += count
        sums.hours[hour].failed += count


def told(sums: Sums, window: Mapping[str, int]) -> ServiceStats:
    """Return the sums as they are shown."""
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
        in_progress=sums.in_progress,
    )


def _hour(number: int, hour: Hour) -> HourStats:
    return HourStats(
        start=from_micros(number * HOUR),
        turns=hour.turns,
        mean_response_ms=hour.response_ms / hour.spoken if hour.spoken else 0.0,
        failed=hour.failed,
        handoffs=hour.handoffs,
    )
