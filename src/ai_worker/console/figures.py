"""The figures of the overview: each with its unit, its window, its target, and whether it is met."""

import math
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from ai_worker.console.charts import Hour, day_chart, sparkline
from ai_worker.console.words import MISSING, Words
from ai_worker.ops.peak import HourlyPeak
from ai_worker.ops.stats import HourStats, ServiceStats

WINDOW = timedelta(hours=24)
SUCCESS_TARGET = 0.999
RESPONSE_TARGET_MS = 2_000.0
"""Operation targets of the product: share of messages answered, and mean time to the first words."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One card."""

    key: str
    label: str
    value: str
    unit: str
    met: bool | None
    """Whether the target is met; `None` when there is no target, or nothing to compare."""

    target: str
    note: str
    spark: Markup


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many turns are in progress, may be, and wait to be."""

    active: int
    limit: int | None
    """`None` in a console that runs alone: it does not know how many processes work on turns."""

    waiting: int

    @property
    def full(self) -> bool:
        """Whether a new message has to wait."""
        return self.limit is not None and self.active >= self.limit


def success_share(stats: ServiceStats) -> float | None:
    """Return the share of finished messages that were answered; `None` when none is finished."""
    finished = stats.answered + stats.failed
    return stats.answered / finished if finished else None


def decision_share(stats: ServiceStats, decision: str) -> float | None:
    """Return the share of turns that spoke and decided so; `None` when none did."""
    spoken = sum(stats.decisions.get(name, 0) for name in ("answer", "clarify", "handoff"))
    return stats.decisions.get(decision, 0) / spoken if spoken else None


def percent(t: Words, share: float | None, digits: int) -> str:
    """Return a share in percent, rounded down: 99.996 % is not 100 %."""
    if share is None:
        return MISSING
    if share == 1:
        return "100"
    scale = 10**digits
    return t.number(math.floor(share * 100 * scale + 1e-9) / scale, digits)


def figures(t: Words, stats: ServiceStats, concurrency: Concurrency, peaks: HourlyPeak) -> list[Figure]:
    """Return the four cards."""
    return [_success(t, stats), _response(t, stats), _concurrency(t, concurrency, peaks), _resolved(t, stats)]


def _success(t: Words, stats: ServiceStats) -> Figure:
    share = success_share(stats)
    return Figure(
        key="success",
        label=t("overview.success"),
        value=percent(t, share, 2),
        unit="%",
        met=None if share is None else share >= SUCCESS_TARGET,
        target=t("overview.success_target"),
        note=t("overview.success_note", answered=t.number(stats.answered), all=t.number(stats.answered + stats.failed)),
        spark=sparkline([_hourly_success(hour) for hour in stats.hours]),
    )


def _hourly_success(hour: HourStats) -> float | None:
    return None if hour.failed is None or not hour.turns else max(0.0, 1 - hour.failed / hour.turns)


def _response(t: Words, stats: ServiceStats) -> Figure:
    mean = stats.mean_response_ms
    return Figure(
        key="response",
        label=t("overview.response"),
        value=t.seconds(mean),
        unit=t("overview.seconds"),
        met=None if mean is None else mean <= RESPONSE_TARGET_MS,
        target=t("overview.response_target"),
        note=t("overview.response_note", p95=t.seconds(stats.p95_response_ms), p99=t.seconds(stats.p99_response_ms)),
        spark=sparkline([_mean_ms(hour) for hour in stats.hours]),
    )


def _mean_ms(hour: HourStats) -> float | None:
    """Return the hour's mean; `None` when nothing was said: no turn, or silent ones alone."""
    return hour.mean_response_ms if hour.turns and hour.mean_response_ms > 0 else None


def _concurrency(t: Words, concurrency: Concurrency, peaks: HourlyPeak) -> Figure:
    return Figure(
        key="concurrency",
        label=t("overview.concurrency"),
        value=t.number(concurrency.active),
        unit="" if concurrency.limit is None else f"/ {t.number(concurrency.limit)}",
        met=None if concurrency.limit is None else not concurrency.full,
        target=t("overview.concurrency_peak", peak=t.number(peaks.peak())),
        note=t("overview.concurrency_note", waiting=t.number(concurrency.waiting)),
        spark=sparkline(peaks.hours()),
    )


def _resolved(t: Words, stats: ServiceStats) -> Figure:
    return Figure(
        key="resolved",
        label=t("overview.resolved"),
        value=percent(t, decision_share(stats, "answer"), 1),
        unit="%",
        met=None,
        target=t("overview.resolved_handoffs", share=percent(t, decision_share(stats, "handoff"), 1)),
        note=t("overview.resolved_note", conversations=t.number(stats.conversations)),
        spark=sparkline([_hourly_resolved(hour) for hour in stats.hours]),
    )


def _hourly_resolved(hour: HourStats) -> float | None:
    return None if hour.handoffs is None or not hour.turns else 1 - hour.handoffs / hour.turns


def hours(t: Words, stats: ServiceStats) -> list[Hour]:
    """Return the columns of the day chart, in local time."""
    columns = []
    for hour in stats.hours[-24:]:
        mean = _mean_ms(hour)
        columns.append(Hour(t.clock(hour.start), hour.turns, None if mean is None else mean / 1_000))
    return columns


def chart(t: Words, columns: list[Hour]) -> Markup:
    """Return the day chart, with the sentence that says what it shows."""
    answered = [hour for hour in columns if hour.seconds is not None]
    if answered:
        busiest = max(columns, key=lambda hour: hour.volume)
        slowest = max(answered, key=lambda hour: hour.seconds or 0)
        sentence = t(
            "overview.chart_sentence",
            total=t.number(sum(hour.volume for hour in columns)),
            busiest=busiest.label,
            most=t.number(busiest.volume),
            slowest=slowest.label,
            seconds=t.number(slowest.seconds, 2),
        )
    else:
        sentence = t("overview.chart_nothing")
    return day_chart(
        columns,
        target=RESPONSE_TARGET_MS / 1_000,
        target_label=t("overview.chart_target"),
        sentence=sentence,
    )
